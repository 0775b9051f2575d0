#include "server/daemon/daemon_jobs.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog/io/progress.h"
#include "server/fleet/backup_facts.h"
#include "server/fleet/backup_run.h"
#include "server/fleet/compaction_run.h"
#include "server/fleet/expiry_run.h"
#include "server/fleet/server_settings.h"
#include "server/fleet/verification_run.h"

namespace pgkeep::server {
namespace {

/// So that streams and backups come first.
constexpr unsigned kVerifyingThreads = 1;

/// Puts what a job says into the log, and what it does into the daemon's report.
class JobLog final : public io::ProgressObserver {
 public:
  JobLog(Log log, JobKind kind, std::function<void(std::string_view)> doing)
      : log_(std::move(log)), kind_(kind), doing_(std::move(doing)) {}
  void progress(const io::Progress& progress) override { doing_(progress.phase); }
  void note(std::string_view message) override { log_->info("{}: {}", to_string(kind_), message); }
  void warning(std::string_view message) override { log_->warn("{}: {}", to_string(kind_), message); }

 private:
  Log log_;
  JobKind kind_;
  std::function<void(std::string_view)> doing_;
};

void take_backup(const store::Repository& repository, const Supervised& server, const std::string& why,
                 const std::function<void(std::string)>& say, const std::stop_token& stop) {
  const auto& log = server.stream->log();
  const auto since = io::format_time(io::now());
  log->info("{}; taking a base backup", why);
  say(fmt::format("being taken since {}, because {}", since, why));
  JobLog observer(log, JobKind::backup, [&](std::string_view doing) {
    say(fmt::format("being taken since {} ({}), because {}", since, doing, why));
  });
  auto job = backup_job(server.config);
  // A receiver of its own would use the slot between two runs of the stream, or after the end of its service.
  job.wal.reset();
  const auto backup =
      server::take_backup(repository, server.config, std::move(job), WithHooks::yes, observer, stop);
  log->info("backup {} is complete: {}, {} stored", backup.id.to_string(),
            io::format_bytes(backup.data_bytes), io::format_bytes(stored_bytes(backup)));
}

void let_expire(const Supervised& server, const std::string& why, const std::stop_token& stop) {
  const auto& log = server.stream->log();
  log->info("expiry begins: {}", why);
  catalog::ExpiryPlan plan;
  JobLog observer(log, JobKind::expire, [](std::string_view) {});
  const auto result = expire(
      server.config, server.stream->layout(), observer,
      [&](const DecidedExpiry& expiry) { plan = expiry.plan; }, WithHooks::yes, stop);
  log->info("expiry: {}", describe(plan, result));
  const auto compacted = compact_after_expiry(server.config, server.stream->layout(), observer, stop);
  if (compacted.packs != 0) log->info("compaction: {}", describe(compacted));
}

void verify_stored(const Supervised& server, const std::string& why, const std::stop_token& stop) {
  const auto& log = server.stream->log();
  log->info("verification begins: {}", why);
  JobLog observer(log, JobKind::verify, [](std::string_view) {});
  const auto report = verify(server.config, server.stream->layout(), limits_of(server.config),
                             kVerifyingThreads, WithHooks::yes, observer, stop);
  log->info("verification: {}", describe_read(report));
  for (const auto& name : report.sound_again) log->info("verification: {} is sound again", name);
  if (!report.good()) log->error("verification: {}; `pgkeep check` tells more", describe_damage(report));
}

}  // namespace

void do_job(JobKind kind, const store::Repository& repository, const Supervised& server,
            const std::string& why, const std::function<void(std::string)>& say,
            const std::stop_token& stop) {
  switch (kind) {
    case JobKind::backup:
      return take_backup(repository, server, why, say, stop);
    case JobKind::expire:
      return let_expire(server, why, stop);
    case JobKind::verify:
      return verify_stored(server, why, stop);
  }
}

std::string_view with_article(JobKind kind) {
  switch (kind) {
    case JobKind::backup:
      return "a backup";
    case JobKind::expire:
      return "an expiry";
    case JobKind::verify:
      break;
  }
  return "a verification";
}

std::string_view when_stopped(JobKind kind) {
  switch (kind) {
    case JobKind::backup:
      break;
    case JobKind::expire:
      return "the expiry that was due is stopped; the next one goes on";
    case JobKind::verify:
      return "the verification that was due is stopped; the next one goes on";
  }
  return "the base backup that was due is stopped; nothing of it is kept";
}

}  // namespace pgkeep::server
