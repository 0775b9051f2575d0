#include "server/cli/backup.h"

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "catalog/io/units.h"
#include "server/fleet/backup_facts.h"
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
  syntax.flag("--no-verify-checksums", "do not let the server check its data checksums while it sends",
              no_verify_checksums);
}

Exit take_and_report(const Fleet& fleet, const ServerConfig& server, streaming::BackupJob job,
                     const Invocation& invocation, Json& backups) {
  refuse_beside_another(fleet.layout(server));
  ConsoleProgress progress(invocation.out);
  job.base_backup.progress = progress.draws_bar();
  const auto backup = streaming::take_backup(fleet.repository(), job, progress, invocation.stop);
  progress.clear();
  report(backup, invocation.out);
  backups.push_back(backup_json(backup));
  if (backup.checksum_failures == 0) return Exit::ok;
  invocation.out.failure(
      fmt::format("{}: the server found damaged pages ({} checksum failures); "
                  "the backup is kept and flagged, `pgkeep show-backup {} {}` says where",
                  server.name, backup.checksum_failures, server.name, backup.id.to_string()));
  return Exit::partly;
}

Exit run_backup(const BackupArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::create, arguments.servers);
  const auto servers = choose_servers(fleet.config(), arguments.servers, true);
  auto backups = Json::array();
  const auto exit = for_each_server(servers, invocation.out, [&](const ServerConfig& server) {
    return take_and_report(fleet, server, make_job(server, arguments), invocation, backups);
  });
  invocation.out.data(std::move(backups));
  return exit;
}

}  // namespace pgkeep::server
