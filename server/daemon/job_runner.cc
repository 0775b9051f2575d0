#include "server/daemon/job_runner.h"

#include <algorithm>
#include <span>
#include <unistd.h>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "server/daemon/daemon_jobs.h"
#include "server/fleet/expiry_run.h"
#include "server/health/findings.h"
#include "streaming/wire/conninfo.h"

namespace pgkeep::server {
namespace {

namespace fs = std::filesystem;

// Beside those that take backups and verify: for looking at servers and for expiries.
constexpr std::size_t kOtherThreads = 4;
constexpr std::chrono::seconds kTick{1};
// For what no file and no call tells: that a stream runs again, or that another command has ended.
constexpr std::chrono::seconds kLookAgainIn{5};
// That no file tells whose change is noticed; costs a look at the journal of runs.
constexpr std::chrono::seconds kLookForDeletionsIn{10};
// That costs a look at all names of the archive; the watch of the slot asks for it, too.
constexpr std::chrono::seconds kLookForLostWalIn{30};

fs::file_time_type changed_at(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  return error ? fs::file_time_type::min() : time;  // nothing there is a state like another
}

std::uintmax_t bytes_of(const fs::path& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  return error ? 0 : bytes;
}

bool is_streaming(const Supervised& server) {
  return server.stream->state().phase == catalog::StreamPhase::streaming;
}

void failed_without_end(catalog::RunRecord& run) {
  run.outcome = catalog::RunOutcome::failed;
  run.error = "how it ended could not be recorded";
}

bool is_of_this_process(const catalog::RunRecord& run) {
  return run.process.starts_with(fmt::format("{} ", ::getpid()));
}

/// Or else it would be due again at once, and again.
void require_recorded(JobKind kind, io::TimePoint began, std::span<const catalog::RunRecord> runs) {
  const auto is_this_one = [&](const catalog::RunRecord& run) {
    return run.kind == to_string(kind) && run.outcome == catalog::RunOutcome::succeeded &&
           run.started >= began;
  };
  if (std::ranges::none_of(runs, is_this_one))
    throw Error("it was done, but could not be recorded in the journal of runs");
}

/// What works on a server and verifies it has a name of its own, which no server has.
std::string verifying(const std::string& server) {
  return server + "/verify";
}

std::string worker_of(const std::string& server, const QueuedJob* job) {
  return job && job->kind == JobKind::verify ? verifying(server) : server;
}

fs::path lock_for(JobKind kind, const store::ServerLayout& layout) {
  return kind == JobKind::verify ? layout.verify_lock() : layout.writer_lock();
}

/// "a backup is due since …", for one that does not begin.
std::string describe_due(const PlannedJob& job) {
  return fmt::format("{} is due since {}", with_article(job.kind), io::format_time(job.due));
}

std::string describe_failure(const PlannedJob& job) {
  return fmt::format("{}; {} failed, the last one: {}; tried again from {} on", describe_due(job),
                     counted(job.failures, "attempt"), job.error, io::format_time(job.begins));
}

}  // namespace

JobRunner::JobRunner(store::Repository repository, const Supervisor& supervisor, const JobLimits& limits)
    : repository_(std::move(repository)), supervisor_(&supervisor) {
  set_limits(limits);
  watch_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

JobRunner::~JobRunner() {
  for (auto& thread : threads_) thread.request_stop();  // all, before one is waited for
}

void JobRunner::set_limits(const JobLimits& limits) {
  {
    const std::scoped_lock lock(mutex_);
    limits_ = limits;
    while (threads_.size() < limits.backups + limits.verifications + kOtherThreads)
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
  changed_.notify_all();
}

void JobRunner::consider(const std::string& server) {
  {
    const std::scoped_lock lock(mutex_);
    asked_.insert(server);
    if (worked_on_.contains(server) || worked_on_.contains(verifying(server))) in_doubt_.insert(server);
  }
  changed_.notify_all();
}

std::string JobRunner::report(const std::string& server) const {
  const std::scoped_lock lock(mutex_);
  const auto found = reports_.find(server);
  return found == reports_.end() ? "" : found->second;
}

bool JobRunner::finish(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  std::vector<std::stop_source> threads;
  for (auto& thread : threads_) threads.push_back(thread.get_stop_source());
  lock.unlock();  // a stop calls others
  for (auto& thread : threads) thread.request_stop();
  lock.lock();
  return changed_.wait_for(lock, at_most, [this] { return ended_ == threads_.size(); });
}

void JobRunner::say(const std::string& server, std::string report) {
  const std::scoped_lock lock(mutex_);
  if (report.empty()) {
    reports_.erase(server);
  } else {
    reports_[server] = std::move(report);
  }
}

JobRunner::Server& JobRunner::state_of(const Supervised& server, const QueuedJob* job) {
  const std::scoped_lock lock(mutex_);
  const bool verifies = job && job->kind == JobKind::verify;
  return servers_.try_emplace(worker_of(server.config.name, job), server.stream->layout(), verifies)
      .first->second;
}

bool JobRunner::is_verifying(const std::string& server) const {
  const std::scoped_lock lock(mutex_);
  return worked_on_.contains(verifying(server));
}

void JobRunner::forget(const std::string& server, const QueuedJob* job) {
  const std::scoped_lock lock(mutex_);
  const auto mine = worker_of(server, job);
  for (const auto& worker : {server, verifying(server)})  // another thread may work on it
    if (worker == mine || !worked_on_.contains(worker)) servers_.erase(worker);
  reports_.erase(server);
  look_again_.erase(server);
  queue_.forget(server);
}

// --- Which server is looked at, and which job begins ---

JobRunner::Work JobRunner::next_work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto is_worked_on = [this](const std::string& server) { return worked_on_.contains(server); };
  Work work;
  const auto find = [&] {
    if (stop.stop_requested()) return true;
    const auto is_busy = [&](const QueuedJob& job) { return is_worked_on(worker_of(job.server, &job)); };
    if (auto job = queue_.begin_next(limits_, is_busy)) {
      worked_on_.try_emplace(worker_of(job->server, &*job));
      work = *std::move(job);
      return true;
    }
    const auto asked =
        std::ranges::find_if(asked_, [&](const std::string& name) { return !is_worked_on(name); });
    if (asked == asked_.end()) return false;
    worked_on_.try_emplace(*asked);
    work = std::move(asked_.extract(asked).value());
    return true;
  };
  changed_.wait(lock, stop, find);
  return work;
}

void JobRunner::work(const std::stop_token& stop) {
  for (auto next = next_work(stop); next.index() != 0; next = next_work(stop)) {
    const auto* job = std::get_if<QueuedJob>(&next);
    const auto& name = job ? job->server : std::get<std::string>(next);
    std::stop_source source;
    {
      const std::scoped_lock lock(mutex_);
      source = worked_on_.at(worker_of(name, job));
    }
    const std::stop_callback end_of_program(stop, [&] { source.request_stop(); });
    work_on(name, job, source.get_token());
    give_back(name, job);
  }
  {
    const std::scoped_lock lock(mutex_);
    ++ended_;
  }
  changed_.notify_all();
}

void JobRunner::give_back(const std::string& server, const QueuedJob* job) {
  {
    const std::scoped_lock lock(mutex_);
    worked_on_.erase(worker_of(server, job));
    in_window_.erase(worker_of(server, job));
    if (job) {
      queue_.end(server, job->kind);
      asked_.insert(server);  // something may come after it
    }
  }
  changed_.notify_all();  // it may have been asked for again meanwhile
}

void JobRunner::work_on(const std::string& name, const QueuedJob* job, const std::stop_token& stop) {
  const auto server = supervisor_->find(name);
  if (!server) {
    forget(name, job);
    return;
  }
  auto& state = state_of(*server, job);
  try {
    if (job) {
      run(*server, job->kind, state, stop);
    } else {
      examine(*server, state);
    }
  } catch (const Interrupted&) {
    // The end of the program, or of the server's service.
    if (job) server->stream->log()->warn("{}", when_stopped(job->kind));
  } catch (const std::exception& failure) {
    const auto pause = job ? state.retries.at(job->kind).failed() : state.look.failed();
    server->stream->log()->error("{} failed: {}", job ? to_string(job->kind) : "looking for what is due",
                                 failure.what());
    say(name, fmt::format("failed at {}: {}", io::format_time(io::now()), failure.what()));
    look_again(name, io::now() + pause);
  }
}

void JobRunner::look_again(const std::string& server, std::optional<io::TimePoint> at) {
  const std::scoped_lock lock(mutex_);
  if (at) {
    look_again_[server] = *at;
  } else {
    look_again_.erase(server);
  }
}

// --- What is due ---

JobRunner::Signature JobRunner::signature_of(const store::ServerLayout& layout) {
  const auto journal = layout.event_journal();
  return {changed_at(journal), bytes_of(journal), changed_at(layout.backups())};
}

void JobRunner::examine(const Supervised& server, Server& state) {
  const auto& name = server.config.name;
  if (const auto left = state.look.left(); left.count() > 0) {
    look_again(name, io::now() + left);
    return;
  }
  auto decision = decide(server, state);
  state.look.succeeded();
  const bool paused = put_off_what_pauses(decision, state);
  if (!paused || !decision.report.empty()) say(name, std::move(decision.report));  // else why it failed stays
  look_again(name, decision.next);
  if (decision.jobs.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    for (auto& job : decision.jobs) queue_.add(std::move(job));
  }
  changed_.notify_all();
}

/// True when there is any.
bool JobRunner::put_off_what_pauses(Decision& decision, const Server& state) {
  const auto pauses = [&](const QueuedJob& job) {
    const auto left = state.retries.at(job.kind).left();
    if (left.count() <= 0) return false;
    decision.next = std::min(decision.next.value_or(io::TimePoint::max()), io::now() + left);
    return true;
  };
  return std::erase_if(decision.jobs, pauses) != 0;
}

std::optional<std::string> JobRunner::why_wal_calls(const Supervised& server, Server& state) {
  const auto layout = server.stream->layout();
  const auto signature = signature_of(layout);
  if (state.whole == signature) return std::nullopt;
  auto why = why_backup_is_needed(read_backups_and_wal(server.config, layout));
  if (!why) state.whole = signature;
  return why;
}

JobRunner::Decision JobRunner::decide(const Supervised& server, Server& state) const {
  const auto why = why_wal_calls(server, state);
  auto decision = decide_by_schedule(server, state);
  if (!why) return decision;
  // What expires may make the room that the backup needs.
  std::erase_if(decision.jobs, [](const QueuedJob& job) { return job.kind == JobKind::backup; });
  const auto wait_for = [&](std::string_view what, std::chrono::seconds at_most) {
    const auto time = io::now() + at_most;
    decision.next = std::min(decision.next.value_or(time), time);
    decision.report = fmt::format("{}; {}", *why, what);
    return decision;
  };
  if (!is_streaming(server))
    return wait_for("a base backup is taken as soon as WAL is received again", kLookForLostWalIn);
  if (const auto holder = io::FileLock::holder(server.stream->layout().writer_lock()))
    return wait_for(fmt::format("a base backup waits for {}", holder->purpose), kLookAgainIn);
  auto backup = queued(server, JobKind::backup, {}, *why);  // before all that is scheduled
  backup.urgent = true;
  decision.jobs.push_back(std::move(backup));
  return decision;
}

QueuedJob JobRunner::queued(const Supervised& server, JobKind kind, io::TimePoint due, std::string why) {
  return {.server = server.config.name,
          .host = streaming::first_host(server.config.conninfo),
          .kind = kind,
          .due = due,
          .why = std::move(why)};
}

std::optional<io::TimePoint> JobRunner::deletion_of(const Supervised& server, Server& state) {
  const auto bytes = state.runs.bytes_read();
  const auto& policy = server.config.retention;
  const auto& expire = server.config.schedule.expire;
  auto& known = state.deletion;
  if (!known || known->journal_bytes != bytes || known->policy != policy || known->expire != expire)
    known = {bytes, policy, expire, deletion_due(server.config, server.stream->layout())};
  return known->due;
}

JobRunner::Decision JobRunner::decide_by_schedule(const Supervised& server, Server& state) const {
  Decision decision;
  const auto& schedule = server.config.schedule;
  const auto now = io::now();
  const auto wait_until = [&](io::TimePoint time) {
    decision.next = std::min(decision.next.value_or(time), time);
  };
  const auto wait_for = [&](std::string why) {
    wait_until(now + kLookAgainIn);
    decision.report = std::move(why);
  };
  auto runs = state.runs.read();
  const bool another_verifies = !state.verifies && is_verifying(server.config.name);
  for (auto& run : runs) {
    if (run.outcome != catalog::RunOutcome::running || !is_of_this_process(run)) continue;
    const bool is_verification = run.kind == to_string(JobKind::verify);
    // Of this process none runs that this thread would run: the end of this one could not be written.
    if (is_verification ? !another_verifies : !state.verifies) failed_without_end(run);
  }
  const auto deletion = deletion_of(server, state);
  wait_until(now + kLookForDeletionsIn);
  for (const auto& job : plan_jobs(server.config.name, schedule, runs, now, deletion)) {
    if (job.running_since) {
      wait_for("");
    } else if (!job.may_begin(now)) {
      wait_until(job.begins);
      if (job.failures != 0 && job.due <= now) decision.report = describe_failure(job);
    } else if (job.kind == JobKind::backup && !is_streaming(server)) {
      wait_for(describe_due(job) + "; it is taken as soon as WAL is received again");
    } else if (const auto holder = io::FileLock::holder(lock_for(job.kind, server.stream->layout()))) {
      wait_for(fmt::format("{}; it waits for {}", describe_due(job), holder->purpose));
    } else {
      decision.jobs.push_back(queued(
          server, job.kind, job.due,
          fmt::format("{} at {}", job.due == deletion ? "a deleted backup may go" : "the schedule has one",
                      io::format_time(job.due))));
    }
  }
  return decision;
}

// --- Doing it ---

void JobRunner::run(const Supervised& server, JobKind kind, Server& state, const std::stop_token& stop) {
  const auto decision = decide(server, state);
  const auto job = std::ranges::find(decision.jobs, kind, &QueuedJob::kind);
  if (job == decision.jobs.end()) return;  // a command has done it, or it has to wait again
  const auto began = io::now();
  const auto& name = server.config.name;
  do_job(
      kind, repository_, server, job->why, [&](std::string report) { say(name, std::move(report)); }, stop);
  require_recorded(kind, began, state.runs.read());
  state.retries.at(kind).succeeded();
  if (!state.verifies) say(name, "");
}

// --- The clock, and servers that have gone ---

/// A thread of its own: those that work may all be busy with what hangs.
void JobRunner::watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::string in_doubt;
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, stop, kTick, [this] { return !in_doubt_.empty(); }) && !in_doubt_.empty())
        in_doubt = std::move(in_doubt_.extract(in_doubt_.begin()).value());
    }
    if (!in_doubt.empty()) {
      stop_job_of_gone(in_doubt);
      continue;
    }
    ask_for_what_is_due();
    name_those_in_a_window();
  }
}

void JobRunner::stop_job_of_gone(const std::string& name) {
  if (supervisor_->find(name)) return;
  std::unique_lock lock(mutex_);
  std::vector<std::stop_source> jobs;
  for (const auto& worker : {name, verifying(name)})
    if (const auto found = worked_on_.find(worker); found != worked_on_.end()) jobs.push_back(found->second);
  lock.unlock();  // a stop calls others
  for (auto& job : jobs) job.request_stop();
}

void JobRunner::ask_for_what_is_due() {
  const auto now = io::now();
  bool any = false;
  {
    const std::scoped_lock lock(mutex_);
    for (auto entry = look_again_.begin(); entry != look_again_.end();) {
      if (entry->second > now) {
        ++entry;
        continue;
      }
      asked_.insert(entry->first);
      entry = look_again_.erase(entry);
      any = true;
    }
  }
  if (any) changed_.notify_all();
}

void JobRunner::name_those_in_a_window() {
  std::vector<QueuedJob> running;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& job : queue_.running())
      if (!in_window_.contains(worker_of(job.server, &job))) running.push_back(job);
  }
  for (const auto& job : running) {
    const auto server = supervisor_->find(job.server);
    const auto* window = server ? window_at(server->config.schedule, io::now()) : nullptr;
    if (!window) continue;
    server->stream->log()->warn("{} still runs, in the window {} in which none is to begin",
                                to_string(job.kind), window->text());
    const std::scoped_lock lock(mutex_);
    in_window_.insert(worker_of(job.server, &job));
  }
}

}  // namespace pgkeep::server
