#include "server/daemon/daemon.h"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include "catalog/io/error.h"
#include "catalog/io/progress.h"
#include "server/fleet/fleet.h"
#include "server/notify/send_report.h"
#include "server/report/gather_report.h"
#include "server/terminal/stop_signals.h"
#include "server/terminal/version.h"
#include "server/web/look_at_fleet.h"

namespace pgkeep::server {
namespace {

// A stream says goodbye within five seconds; what takes longer hangs in the disk.
constexpr std::chrono::seconds kPartsMayTake{15};
constexpr std::chrono::seconds kStatesMayTake{3};
constexpr std::chrono::seconds kWriterMayBeSilent{30};
constexpr std::chrono::milliseconds kBetweenReports{30'000};
constexpr std::chrono::seconds kLoopMayBeSilent{30};  // reading a configuration from a slow disk

/// What is said while the report of the fleet is sent.
class ReportLog final : public io::ProgressObserver {
 public:
  explicit ReportLog(Log log) : log_(std::move(log)) {}
  void progress(const io::Progress& /*progress*/) override {}
  void note(std::string_view message) override { log_->info("report: {}", message); }
  void warning(std::string_view message) override { log_->warn("report: {}", message); }

 private:
  Log log_;
};

std::string describe(const ReloadReport& report) {
  std::string text;
  const auto add = [&](std::string_view what, const std::vector<std::string>& names) {
    if (!names.empty())
      text += fmt::format("{}{} {}", text.empty() ? "" : "; ", what, fmt::join(names, ", "));
  };
  add("added", report.added);
  add("removed", report.removed);
  add("changed", report.changed);
  return text.empty() ? "nothing changed" : text;
}

}  // namespace

Daemon::Daemon(Config config, store::Repository repository, const Output& out)
    : repository_(std::move(repository)),
      log_(make_log("pgkeep", out)),
      in_force_(InForce{std::move(config), io::now(), {}}),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) {
    const int cause = errno;
    throw StorageError(cause, "eventfd", "make");
  }
  Supervisor::Hooks hooks;
  hooks.changed = [this] {
    if (state_writer_) state_writer_->wake();
  };
  hooks.event = [this](const std::string& server, const catalog::Event& event) {
    if (jobs_ && event.kind == catalog::EventKind::gap) jobs_->consider(server);
  };
  supervisor_.emplace(repository_, out, std::move(hooks));
}

/// Who asks the streams first; then the streams, which wake the writer of states; and that last.
Daemon::~Daemon() {
  control_.reset();
  findings_.reset();
  reports_.reset();
  web_.reset();
  slot_watch_.reset();
  supervisor_->stop();
  std::vector<std::string> hanging;
  supervisor_->wait_until_ended(std::chrono::hours(1), hanging);
  jobs_.reset();
  state_writer_.reset();
}

Exit Daemon::run(const std::stop_token& stop) {
  const HangupSignal::Wakes hangup(wake_.get());
  const std::stop_callback wake(stop, [this] { ::eventfd_write(wake_.get(), 1); });
  state_writer_.emplace([this] { return stream_states(); }, log_);
  const auto config = in_force_.with([](const auto& in_force) { return in_force.config; });
  jobs_.emplace(repository_, *supervisor_, config.limits);
  slot_watch_.emplace([this](const std::string& server) { jobs_->consider(server); });
  web_.emplace(WebQuestions{.ailing = [this] { return ailing(); },
                            .look = [this](const std::stop_token& unwanted) { return look(unwanted); }},
               log_);
  const auto begun = apply(config);
  reports_.emplace(
      "whether the report of the fleet is due cannot be told", [] { return kBetweenReports; },
      [this](const std::stop_token& unwanted) { send_report_if_due(unwanted); }, log_);
  findings_.emplace(
      "what is wrong cannot be told", [this] { return this->config().notify.interval; },
      [this](const std::stop_token& unwanted) { teller_.look(this->config(), report(), unwanted); }, log_);
  log_->info("pgkeep {} serves {} with {}: {}", kVersion, repository_.root().native(), config.file.native(),
             counted(begun.added.size(), "server"));
  const ControlQuestions questions{.report = [this] { return report(); },
                                   .reload = [this] { return reload(); }};
  control_.emplace(
      repository_, [questions](const std::string& request) { return answer_control(request, questions); },
      log_);
  notifier_.ready();
  while (!stop.stop_requested()) {
    tick();
    pollfd entry{wake_.get(), POLLIN, 0};
    ::poll(&entry, 1, static_cast<int>(notifier_.interval().count()));
    eventfd_t ignored = 0;
    ::eventfd_read(wake_.get(), &ignored);
    if (HangupSignal::came()) reload_by_signal();
  }
  return end();
}

ReloadReport Daemon::apply(const Config& config) {
  auto report = supervisor_->apply(config);
  jobs_->set_limits(config.limits);
  if (auto complaint = web_->apply(config.http); !complaint.empty())
    report.warnings.push_back(fmt::format("{}; HTTP is answered as before, or not at all", complaint));
  const auto servers = supervisor_->servers();
  slot_watch_->follow(servers);
  for (const auto& server : servers) jobs_->consider(server.config.name);
  for (const auto& name : report.removed) jobs_->consider(name);  // to be forgotten
  return report;
}

void Daemon::tick() {
  if (supervisor_->look_after()) slot_watch_->follow(supervisor_->servers());
  say_status();
  web_->look_after();
  last_tick_ = std::chrono::steady_clock::now();
  if (state_writer_->alive(kWriterMayBeSilent)) notifier_.alive();
}

void Daemon::say_status() {
  const auto servers = supervisor_->servers();
  const auto up = std::ranges::count_if(servers, [](const Supervised& server) {
    return server.stream->state().phase == catalog::StreamPhase::streaming;
  });
  notifier_.status(fmt::format("{} of {} streams up", up, servers.size()));
}

/// All are asked before any is waited for, and the time is one for all.
Exit Daemon::end() {
  log_->info("ending as asked");
  notifier_.stopping();
  control_.reset();
  web_->stop();
  reports_->stop();
  findings_->stop();
  supervisor_->stop();
  slot_watch_->stop();
  jobs_->finish(std::chrono::milliseconds::zero());
  const auto until = std::chrono::steady_clock::now() + kPartsMayTake;
  const auto left = [&] {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::max(until, now) - now);
  };
  std::vector<std::string> hanging;
  supervisor_->wait_until_ended(left(), hanging);
  if (!jobs_->finish(left())) hanging.emplace_back("a job");
  if (!reports_->finish(until)) hanging.emplace_back("the report of the fleet");
  if (!findings_->finish(until)) hanging.emplace_back("a notification");
  if (!web_->finish(until)) hanging.emplace_back("a look at the fleet");
  if (!slot_watch_->finish(until)) hanging.emplace_back("a look at a slot");
  if (!state_writer_->finish(kStatesMayTake)) hanging.emplace_back("the states of the streams");
  may_wait_ = hanging.empty();
  if (may_wait_) {
    log_->info("ended");
    return Exit::ok;
  }
  log_->error(
      "leaving without waiting for {}: their disk or name resolution does not answer. "
      "What was reported as safe is",
      fmt::join(hanging, ", "));
  return Exit::failed;
}

Config Daemon::read_changed_config() const {
  const auto file = in_force_.with([](const auto& in_force) { return in_force.config.file; });
  auto config = load_config(file);
  if (store::Repository::real_root(config.repository) != repository_.root()) {
    throw UsageError(
        fmt::format("{}: `repository` has become {}, and this daemon serves {}; "
                    "a changed repository needs a restart",
                    file.native(), config.repository.native(), repository_.root().native()));
  }
  return config;
}

ReloadReport Daemon::reload() {
  const std::scoped_lock lock(reload_mutex_);
  notifier_.reloading();
  Config config;
  try {
    config = read_changed_config();
  } catch (const std::exception& failure) {
    log_->error("the changed configuration is not taken, the one before it stays: {}", failure.what());
    in_force_.with([&](auto& in_force) { in_force.problem = failure.what(); });
    notifier_.ready();
    throw;
  }
  try {
    auto report = apply(config);
    log_->info("configuration read again: {}", describe(report));
    in_force_.with([&](auto& in_force) { in_force = {std::move(config), io::now(), {}}; });
    state_writer_->wake();
    notifier_.ready();
    return report;
  } catch (const std::exception& failure) {
    const auto problem = fmt::format(
        "the changed configuration is taken in part only: {}; `pgkeep reload` tries again", failure.what());
    log_->error("{}", problem);
    in_force_.with([&](auto& in_force) { in_force.problem = problem; });
    notifier_.ready();
    throw;
  }
}

void Daemon::reload_by_signal() {
  try {
    reload();
  } catch (const std::exception&) {
    // It is in the log, and in the daemon's report.
  }
}

DaemonReport Daemon::report() const {
  DaemonReport report;
  report.pid = ::getpid();
  report.version = kVersion;
  report.started = started_;
  in_force_.with([&](const auto& in_force) {
    report.config_file = in_force.config.file;
    report.configured = in_force.since;
    report.config_problem = in_force.problem;
  });
  for (const auto& server : supervisor_->servers()) {
    const auto& name = server.config.name;
    report.servers.push_back({.name = name,
                              .stream = server.stream->state(),
                              .slot = slot_watch_->report(name),
                              .backup = jobs_->report(name)});
  }
  return report;
}

Config Daemon::config() const {
  return in_force_.with([](const auto& in_force) { return in_force.config; });
}

FleetDocuments Daemon::look(const std::stop_token& stop) const {
  return look_at_fleet(config(), repository_, report(), stop);
}

void Daemon::send_report_if_due(const std::stop_token& stop) const {
  const auto config = this->config();
  const auto make = [&] {
    const auto now = io::now();
    const auto warn = [&](const std::string& warning) { log_->warn("report: {}", warning); };
    return gather_report(config, choose_servers(config, {}, false), repository_,
                         {.report = report(), .why_unknown = {}}, {now, now - kReportBack}, warn, stop);
  };
  ReportLog observer(log_);
  const auto turn = send_due_report(config, repository_, io::now(), make, observer, stop);
  if (turn.what == ReportTurn::What::sent) log_->info("{}", turn.text);
  if (turn.what == ReportTurn::What::failed) log_->error("{}", turn.text);
}

std::string Daemon::ailing() const {
  if (std::chrono::steady_clock::now() - last_tick_.load() > kLoopMayBeSilent)
    return "the main loop of pgkeep serve does not answer";
  if (!state_writer_->alive(kWriterMayBeSilent)) return "the states of the streams are not being written";
  return {};
}

std::vector<StateWriter::Stream> Daemon::stream_states() const {
  std::vector<StateWriter::Stream> states;
  for (const auto& stream : supervisor_->streams()) states.push_back({stream->layout(), stream->state()});
  return states;
}

}  // namespace pgkeep::server
