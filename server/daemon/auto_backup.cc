#include "server/daemon/auto_backup.h"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog/io/error.h"
#include "server/fleet/backup_facts.h"
#include "server/fleet/server_settings.h"
#include "server/health/findings.h"
#include "streaming/backup/take_backup.h"

namespace pgkeep::server {
namespace {

namespace fs = std::filesystem;

/// Puts what a backup says into the log, and what it does into the daemon's report.
class BackupLog final : public io::ProgressObserver {
 public:
  BackupLog(Log log, std::function<void(std::string_view)> doing)
      : log_(std::move(log)), doing_(std::move(doing)) {}
  void progress(const io::Progress& progress) override { doing_(progress.phase); }
  void note(std::string_view message) override { log_->info("backup: {}", message); }
  void warning(std::string_view message) override { log_->warn("backup: {}", message); }

 private:
  Log log_;
  std::function<void(std::string_view)> doing_;
};

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

}  // namespace

AutoBackup::AutoBackup(store::Repository repository, const Supervisor& supervisor)
    : repository_(std::move(repository)), supervisor_(&supervisor) {
  for (auto& thread : threads_) thread = std::jthread([this](const std::stop_token& stop) { work(stop); });
  watch_ = std::jthread([this](const std::stop_token& stop) { stop_backups_of_gone(stop); });
}

AutoBackup::~AutoBackup() {
  for (auto& thread : threads_) thread.request_stop();  // all, before one is waited for
}

void AutoBackup::consider(const std::string& server) {
  {
    const std::scoped_lock lock(mutex_);
    asked_.insert(server);
    if (worked_on_.contains(server)) in_doubt_.insert(server);
  }
  changed_.notify_all();
}

/// Both threads that take backups may be busy with those that hang.
void AutoBackup::stop_backups_of_gone(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !in_doubt_.empty(); }) && !stop.stop_requested()) {
    const auto name = std::move(in_doubt_.extract(in_doubt_.begin()).value());
    lock.unlock();  // the supervisor has a lock of its own, and a stop calls others
    const bool gone = !supervisor_->find(name);
    lock.lock();
    const auto found = worked_on_.find(name);
    if (!gone || found == worked_on_.end()) continue;
    auto backup = found->second;
    lock.unlock();
    backup.request_stop();
    lock.lock();
  }
}

std::string AutoBackup::report(const std::string& server) const {
  const std::scoped_lock lock(mutex_);
  const auto found = reports_.find(server);
  return found == reports_.end() ? "" : found->second;
}

bool AutoBackup::finish(std::chrono::milliseconds at_most) {
  for (auto& thread : threads_) thread.request_stop();
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [this] { return ended_ == threads_.size(); });
}

void AutoBackup::say(const std::string& server, std::string report) {
  const std::scoped_lock lock(mutex_);
  if (report.empty()) {
    reports_.erase(server);
  } else {
    reports_[server] = std::move(report);
  }
}

std::string AutoBackup::next_asked(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto next = [this] {
    return std::ranges::find_if(asked_, [this](const auto& name) { return !worked_on_.contains(name); });
  };
  changed_.wait(lock, stop, [&] { return next() != asked_.end(); });
  if (stop.stop_requested()) return {};
  auto name = std::move(asked_.extract(next()).value());
  worked_on_.try_emplace(name);
  return name;
}

void AutoBackup::give_back(const std::string& server) {
  {
    const std::scoped_lock lock(mutex_);
    worked_on_.erase(server);
  }
  changed_.notify_all();  // it may have been asked for again meanwhile
}

AutoBackup::Server& AutoBackup::state_of(const std::string& server) {
  const std::scoped_lock lock(mutex_);
  return servers_[server];
}

void AutoBackup::work(const std::stop_token& stop) {
  for (auto name = next_asked(stop); !name.empty(); name = next_asked(stop)) {
    std::stop_source source;
    {
      const std::scoped_lock lock(mutex_);
      source = worked_on_.at(name);
    }
    const std::stop_callback end_of_program(stop, [&] { source.request_stop(); });
    work_on(name, source.get_token());
    give_back(name);
  }
  {
    const std::scoped_lock lock(mutex_);
    ++ended_;
  }
  changed_.notify_all();
}

void AutoBackup::work_on(const std::string& name, const std::stop_token& stop) {
  const auto server = supervisor_->find(name);
  if (!server) {
    const std::scoped_lock lock(mutex_);
    servers_.erase(name);
    reports_.erase(name);
    return;
  }
  auto& state = state_of(name);
  try {
    examine(*server, state, stop);
  } catch (const Interrupted&) {
    // The end of the program, or of the server's service.
    server->stream->log()->warn("the base backup that was due is stopped; nothing of it is kept");
  } catch (const std::exception& failure) {
    const auto pause = state.back_off.next();
    state.not_before = Clock::now() + pause;
    server->stream->log()->error("a base backup is due and failed: {}; tried again in {}", failure.what(),
                                 io::format_duration(pause));
    say(name, fmt::format("failed at {}: {}", io::format_time(io::now()), failure.what()));
  }
}

AutoBackup::Signature AutoBackup::signature_of(const store::ServerLayout& layout) {
  const auto journal = layout.event_journal();
  return {changed_at(journal), bytes_of(journal), changed_at(layout.backups())};
}

void AutoBackup::examine(const Supervised& server, Server& state, const std::stop_token& stop) {
  const auto& name = server.config.name;
  if (Clock::now() < state.not_before) return;
  const auto layout = server.stream->layout();
  const auto signature = signature_of(layout);
  if (state.decided == signature) return;
  const auto why = why_backup_is_needed(read_backups_and_wal(server.config, layout));
  if (!why) {
    state.decided = signature;
    say(name, "");
    return;
  }
  if (server.stream->state().phase != catalog::StreamPhase::streaming) {
    say(name, *why + "; a base backup is taken as soon as WAL is received again");
    return;
  }
  take(server, *why, stop);
  state.back_off.reset();
  say(name, "");
}

void AutoBackup::take(const Supervised& server, const std::string& why, const std::stop_token& stop) {
  const auto& name = server.config.name;
  const auto& log = server.stream->log();
  const auto since = io::format_time(io::now());
  log->warn("{}; taking a base backup", why);
  say(name, fmt::format("being taken since {}, because {}", since, why));
  BackupLog observer(log, [&](std::string_view doing) {
    say(name, fmt::format("being taken since {} ({}), because {}", since, doing, why));
  });
  auto job = backup_job(server.config);
  // A receiver of its own would use the slot between two runs of the stream, or after the end of its service.
  job.wal.reset();
  const auto backup = streaming::take_backup(repository_, job, observer, stop);
  log->info("backup {} is complete: {}, {} stored", backup.id.to_string(),
            io::format_bytes(backup.data_bytes), io::format_bytes(stored_bytes(backup)));
}

}  // namespace pgkeep::server
