#include "server/cli/backup.h"

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "catalog/io/units.h"
#include "server/fleet/backup_facts.h"
#include "server/fleet/backup_run.h"
#include "server/fleet/fleet.h"
#include "server/fleet/server_settings.h"
#include "server/terminal/console_progress.h"

namespace pgkeep::server {
namespace {

constexpr std::uint64_t kKiB = 1024;

std::uint64_t parse_max_rate(const std::string& text) {
  const auto rate = io::parse_bytes(text);
  if (!rate || (*rate != 0 && (*rate < 32 * kKiB || *rate > kKiB * kKiB * kKiB)))
    throw UsageError(fmt::format("--max-rate: 0 or a size from 32KiB to 1GiB is expected, not '{}'", text));
  return *rate;
}

streaming::BackupJob make_job(const ServerConfig& server, const BackupArguments& arguments) {
  auto job = backup_job(server);
  auto& options = job.base_backup;
  if (arguments.label) options.label = *arguments.label;
  if (arguments.fast_checkpoint) options.fast_checkpoint = *arguments.fast_checkpoint;
  if (arguments.max_rate) job.bandwidth = nullptr;  // who names a rate means it, whatever the time of the day
  if (arguments.max_rate == 0) options.max_rate_kib.reset();
  if (arguments.max_rate > 0) options.max_rate_kib = static_cast<std::uint32_t>(*arguments.max_rate / kKiB);
  if (arguments.jobs) job.store.workers = *arguments.jobs;
  if (arguments.no_verify_checksums) options.verify_checksums = false;
  return job;
}

/// Said before anything is asked of the server, in words about commands instead of files.
void refuse_beside_another(const store::ServerLayout& layout) {
  const auto holder = io::FileLock::holder(layout.writer_lock());
  if (holder && holder->pid != 0)
    throw Busy(fmt::format("{} is running already: process {}, since {}", holder->purpose, holder->pid,
                           holder->since));
}

void report(const store::BackupRecord& backup, Output& out) {
  out.report(fmt::format("backup {} of {} is complete", backup.id.to_string(), backup.server));
  out.report(fmt::format("  WAL       {} to {} ({} to {})", backup.start.lsn.to_string(),
                         backup.end.lsn.to_string(), first_wal(backup), last_wal(backup)));
  out.report(fmt::format("  size      {} in {} files, {} stored", io::format_bytes(backup.data_bytes),
                         backup.file_count, io::format_bytes(stored_bytes(backup))));
  if (backup.compared_with) out.report(fmt::format("  compared  with {}", backup.compared_with->to_string()));
  out.report(fmt::format("  took      {}", io::format_duration(duration(backup))));
}

}  // namespace

void BackupArguments::declare(Syntax& syntax) {
  SomeServers::declare(syntax);
  syntax.option("--label", "TEXT", "a label for the backup, shown in listings", label);
  syntax.choice("--checkpoint", "fast|spread",
                "how the backup begins; default: `checkpoint` of the configuration", fast_checkpoint,
                {{"fast", true}, {"spread", false}});
  syntax.option(
      "--max-rate", "SIZE",
      "the most to ask of the server in a second, as 50MiB, in place of `max_rate` and `bandwidth`; 0: no limit",
      max_rate, parse_max_rate);
  syntax.number("-j,--jobs", "N", "threads that compare and compress; default: one a core, eight at most",
                jobs, 1, kMostJobs);
  syntax.number("--parallel", "N",
                "of several servers, how many at a time; default: `limits.backups` of the configuration",
                parallel, 1, kMostParallel);
  syntax.flag("--no-verify-checksums", "do not let the server check its data checksums while it sends",
              no_verify_checksums);
  HookArguments::declare(syntax);
}

ServerOutcome take_and_report(const Fleet& fleet, const ServerConfig& server, streaming::BackupJob job,
                              WithHooks with_hooks, const Invocation& invocation) {
  refuse_beside_another(fleet.layout(server));
  ConsoleProgress progress(invocation.out);
  job.base_backup.progress = progress.is_watched();
  const auto backup =
      take_backup(fleet.repository(), server, std::move(job), with_hooks, progress, invocation.stop);
  progress.clear();
  report(backup, invocation.out);
  ServerOutcome outcome{
      .exit = Exit::ok,
      .what = fmt::format("backup {}, {}, {} stored", backup.id.to_string(),
                          io::format_bytes(backup.data_bytes), io::format_bytes(stored_bytes(backup))),
      .data = backup_json(backup)};
  if (backup.checksum_failures == 0) return outcome;
  const auto damage = fmt::format(
      "{}: the server found damaged pages ({} checksum failures); "
      "the backup is kept and flagged, `pgkeep show-backup {} {}` says where",
      server.name, backup.checksum_failures, server.name, backup.id.to_string());
  invocation.out.failure(damage);
  outcome.exit = Exit::partly;
  outcome.what += ", damaged pages";
  return outcome;
}

Exit run_backup(const BackupArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::create, arguments.servers);
  const auto servers = choose_servers(fleet.config(), arguments.servers, true);
  const auto& limits = fleet.config().limits;
  const AtOnce at_once{.servers = arguments.parallel.value_or(limits.backups), .per_host = limits.per_host};
  return for_each_server_at_once(
      servers, at_once, invocation, [&](const ServerConfig& server, const Invocation& part) {
        return take_and_report(fleet, server, make_job(server, arguments), arguments.with_hooks(), part);
      });
}

}  // namespace pgkeep::server
