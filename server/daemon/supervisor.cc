#include "server/daemon/supervisor.h"

#include <thread>

#include <spdlog/spdlog.h>

#include "catalog/io/units.h"

namespace pgkeep::server {
namespace {

constexpr std::chrono::seconds kDiskShouldAnswerIn{5};
constexpr std::chrono::milliseconds kLookEvery{20};

}  // namespace

Supervisor::Supervisor(store::Repository repository, const Output& out, Hooks hooks)
    : repository_(std::move(repository)), out_(&out), hooks_(std::move(hooks)) {}

Supervisor::~Supervisor() {
  stop();
}

ReloadReport Supervisor::apply(const Config& config) {
  ReloadReport report;
  const std::scoped_lock lock(mutex_);
  std::map<std::string, const ServerConfig*> wanted;
  for (const auto& server : config.servers)
    if (server.active) wanted.emplace(server.name, &server);
  for (auto kept = servers_.begin(); kept != servers_.end();) {
    if (wanted.contains(kept->first)) {
      ++kept;
      continue;
    }
    retire(kept->second);
    report.removed.push_back(kept->first);
    kept = servers_.erase(kept);
  }
  for (const auto& [name, server] : wanted) {
    const auto known = servers_.find(name);
    if (known == servers_.end()) {
      start(*server);
      report.added.push_back(name);
      continue;
    }
    auto& kept = known->second.server;
    (kept.config == *server ? report.unchanged : report.changed).push_back(name);
    if (kept.config == *server) continue;
    const bool again = kept.stream->reconfigure(*server);
    kept.config = *server;
    kept.stream->log()->info("the configuration changed; the stream {}", again ? "begins again" : "goes on");
  }
  return report;
}

void Supervisor::start(const ServerConfig& config) {
  std::shared_ptr<ServerStream> before;
  if (auto node = ending_.extract(config.name)) before = std::move(node.mapped());
  const auto log = make_log(config.name, *out_);
  StreamRecorder::Hooks hooks{
      .changed = hooks_.changed,
      .event = [this, name = config.name](const catalog::Event& event) { hooks_.event(name, event); }};
  auto stream = std::make_shared<ServerStream>(repository_.server(config.name), config, workers_, log,
                                               std::move(hooks), std::move(before));
  servers_[config.name] = Kept{.server = {config, std::move(stream)}};
}

void Supervisor::retire(Kept& kept) {
  const auto& config = kept.server.config;
  kept.server.stream->log()->warn(
      "not in service any more. Its slot still makes the server keep WAL; when it is to stay out: pgkeep "
      "drop-slot --conninfo '{}' --slot {}",
      streaming::describe_conninfo(config.conninfo), config.slot);
  kept.server.stream->stop();
  ending_[config.name] = std::move(kept.server.stream);
}

std::vector<Supervised> Supervisor::servers() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Supervised> all;
  for (const auto& [name, kept] : servers_) all.push_back(kept.server);
  return all;
}

std::optional<Supervised> Supervisor::find(const std::string& server) const {
  const std::scoped_lock lock(mutex_);
  const auto found = servers_.find(server);
  return found == servers_.end() ? std::nullopt : std::optional(found->second.server);
}

std::vector<std::shared_ptr<ServerStream>> Supervisor::streams() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::shared_ptr<ServerStream>> all;
  for (const auto& [name, kept] : servers_) all.push_back(kept.server.stream);
  for (const auto& [name, stream] : ending_) all.push_back(stream);
  return all;
}

void Supervisor::look_after() {
  const std::scoped_lock lock(mutex_);
  std::erase_if(ending_, [](const auto& entry) { return entry.second->ended(); });
  for (auto& [name, kept] : servers_) look_at_disk(kept);
}

/// A disk that hangs makes commits wait that wait for us, so it is said at once, and when it is over.
void Supervisor::look_at_disk(Kept& kept) const {
  const auto since = kept.server.stream->state().disk_busy_since;
  const auto& log = kept.server.stream->log();
  const bool busy = since && io::now() - *since >= kDiskShouldAnswerIn;
  if (busy == kept.disk_is_busy) return;
  kept.disk_is_busy = busy;
  if (busy) {
    log->error("the disk of {} has not answered since {}; WAL is received, but not reported as safe",
               kept.server.stream->layout().root().native(), io::format_rfc3339(*since));
  } else {
    log->info("the disk answers again");
  }
}

void Supervisor::stop() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, kept] : servers_) kept.server.stream->stop();
  for (const auto& [name, stream] : ending_) stream->stop();
}

bool Supervisor::wait_until_ended(std::chrono::milliseconds at_most, std::vector<std::string>& names) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    names.clear();
    {
      const std::scoped_lock lock(mutex_);
      for (const auto& [name, kept] : servers_)
        if (!kept.server.stream->ended()) names.push_back(name);
      for (const auto& [name, stream] : ending_)
        if (!stream->ended()) names.push_back(name);
    }
    if (names.empty()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace pgkeep::server
