#include "server/daemon/supervisor.h"

#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog/io/units.h"
#include "server/daemon/left_slot.h"

namespace pgkeep::server {
namespace {

constexpr std::chrono::seconds kDiskShouldAnswerIn{5};
constexpr std::chrono::milliseconds kLookEvery{20};

template <typename Lines>
void write(const Lines& lines) {
  for (const auto& line : lines) line.log->log(line.level, "{}", line.text);
}

}  // namespace

Supervisor::Supervisor(store::Repository repository, const Output& out, Hooks hooks)
    : repository_(std::move(repository)), out_(&out), hooks_(std::move(hooks)) {}

Supervisor::~Supervisor() {
  stop();
}

ReloadReport Supervisor::apply(const Config& config) {
  Lines lines;
  auto report = [&] {
    const std::scoped_lock lock(mutex_);
    return apply(config, lines);
  }();
  write(lines);
  return report;
}

ReloadReport Supervisor::apply(const Config& config, Lines& lines) {
  ReloadReport report;
  std::map<std::string, const ServerConfig*> wanted;
  std::map<std::string, const ServerConfig*> inactive;
  for (const auto& server : config.servers) (server.active ? wanted : inactive).emplace(server.name, &server);
  unstarted_.clear();
  for (auto kept = servers_.begin(); kept != servers_.end();) {
    if (wanted.contains(kept->first)) {
      ++kept;
      continue;
    }
    const auto left = inactive.find(kept->first);
    retire(kept->second, left == inactive.end() ? nullptr : left->second, report, lines);
    report.removed.push_back(kept->first);
    kept = servers_.erase(kept);
  }
  for (const auto& [name, server] : wanted) {
    const auto known = servers_.find(name);
    if (known != servers_.end()) {
      change(known->second, *server, report, lines);
      continue;
    }
    report.added.push_back(name);
    if (start(*server, lines)) continue;
    report.warnings.push_back(fmt::format("{}: {}", name, lines.back().text));
  }
  return report;
}

void Supervisor::change(Kept& kept, const ServerConfig& to, ReloadReport& report, Lines& lines) {
  auto& config = kept.server.config;
  if (config == to) {
    report.unchanged.push_back(to.name);
    return;
  }
  report.changed.push_back(to.name);
  const auto& log = kept.server.stream->log();
  if (const auto left = slot_left_behind(config, to); !left.empty()) {
    lines.push_back({log, spdlog::level::warn, left});
    report.warnings.push_back(fmt::format("{}: {}", to.name, left));
  }
  const bool again = kept.server.stream->reconfigure(to);
  config = to;
  lines.push_back(
      {log, spdlog::level::info,
       fmt::format("the configuration changed; the stream {}", again ? "begins again" : "continues")});
}

bool Supervisor::start(const ServerConfig& config, Lines& lines) {
  const auto log = make_log(config.name, *out_);
  const auto before = ending_.find(config.name);
  try {
    StreamRecorder::Hooks hooks{
        .changed = hooks_.changed,
        .event = [this, name = config.name](const catalog::Event& event) { hooks_.event(name, event); }};
    auto stream =
        std::make_shared<ServerStream>(repository_.server(config.name), config, workers_, log,
                                       std::move(hooks), before == ending_.end() ? nullptr : before->second);
    servers_[config.name] = Kept{.server = {config, std::move(stream)}};
  } catch (const std::system_error& failure) {
    unstarted_[config.name] = config;
    lines.push_back({log, spdlog::level::err,
                     fmt::format("its stream cannot be started, tried again: {}", failure.what())});
    return false;
  }
  if (before != ending_.end()) ending_.erase(before);
  return true;
}

void Supervisor::retire(Kept& kept, const ServerConfig* inactive, ReloadReport& report, Lines& lines) {
  const auto& config = kept.server.config;
  const auto text = fmt::format(
      "not in service any more. Its slot still makes the server keep WAL; when it is to stay out: {}",
      drop_command(config, inactive));
  lines.push_back({kept.server.stream->log(), spdlog::level::warn, text});
  report.warnings.push_back(fmt::format("{}: {}", config.name, text));
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

bool Supervisor::look_after() {
  Lines lines;
  bool more = false;
  {
    const std::scoped_lock lock(mutex_);
    std::erase_if(ending_, [](const auto& entry) { return entry.second->ended(); });
    for (auto& [name, kept] : servers_) look_at_disk(kept, lines);
    for (const auto& [name, config] : std::exchange(unstarted_, {})) {
      Lines said_before;
      more = start(config, said_before) || more;
    }
  }
  write(lines);
  return more;
}

/// A disk that hangs makes commits wait that wait for us, so it is said at once, and when it is over.
void Supervisor::look_at_disk(Kept& kept, Lines& lines) {
  const auto since = kept.server.stream->state().disk_busy_since;
  const auto& log = kept.server.stream->log();
  const bool busy = since && io::now() - *since >= kDiskShouldAnswerIn;
  if (busy == kept.disk_is_busy) return;
  kept.disk_is_busy = busy;
  if (busy) {
    lines.push_back(
        {log, spdlog::level::err,
         fmt::format("the disk of {} has not answered since {}; WAL is received, but not reported as safe",
                     kept.server.stream->layout().root().native(), io::format_rfc3339(*since))});
  } else {
    lines.push_back({log, spdlog::level::info, "the disk answers again"});
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
