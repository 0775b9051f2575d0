#include "server/daemon/auto_backup.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog/io/error.h"
#include "server/backup_facts.h"
#include "server/daemon/backup_need.h"
#include "server/server_settings.h"
#include "streaming/take_backup.h"

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

}  // namespace

AutoBackup::AutoBackup(store::Repository repository, const Supervisor& supervisor)
    : repository_(std::move(repository)),
      supervisor_(&supervisor),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

AutoBackup::~AutoBackup() = default;  // the thread is asked to stop and joined

void AutoBackup::consider(const std::string& server) {
  {
    const std::scoped_lock lock(mutex_);
    asked_.insert(server);
  }
  changed_.notify_all();
}

std::string AutoBackup::report(const std::string& server) const {
  const std::scoped_lock lock(mutex_);
  const auto found = reports_.find(server);
  return found == reports_.end() ? "" : found->second;
}

bool AutoBackup::finish(std::chrono::milliseconds at_most) {
  thread_.request_stop();
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [this] { return ended_; });
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
  changed_.wait(lock, stop, [this] { return !asked_.empty(); });
  if (asked_.empty()) return {};
  return std::move(asked_.extract(asked_.begin()).value());
}

void AutoBackup::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto name = next_asked(stop);
    const auto server = name.empty() ? std::nullopt : supervisor_->find(name);
    if (!server) {
      servers_.erase(name);
      say(name, "");
      continue;
    }
    try {
      examine(*server, stop);
    } catch (const Interrupted&) {
      // The end of the program.
    } catch (const std::exception& failure) {
      auto& state = servers_[name];
      const auto pause = state.back_off.next();
      state.not_before = Clock::now() + pause;
      server->stream->log()->error("a base backup is due and failed: {}; tried again in {}", failure.what(),
                                   io::format_duration(pause));
      say(name, fmt::format("failed at {}: {}", io::format_time(io::now()), failure.what()));
    }
  }
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

void AutoBackup::examine(const Supervised& server, const std::stop_token& stop) {
  const auto& name = server.config.name;
  auto& state = servers_[name];
  if (Clock::now() < state.not_before) return;
  const auto layout = server.stream->layout();
  const Signature signature{changed_at(layout.event_journal()), changed_at(layout.backups())};
  if (state.decided == signature) return;
  const auto why = why_backup_is_needed(layout);
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
  const auto backup = streaming::take_backup(repository_, backup_job(server.config), observer, stop);
  log->info("backup {} is complete: {}, {} stored", backup.id.to_string(),
            io::format_bytes(backup.data_bytes), io::format_bytes(stored_bytes(backup)));
}

}  // namespace pgkeep::server
