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
constexpr std::uint64_t kMostJobs = 64;
constexpr std::string_view kRateIsWrong = "--max-rate: 0 or a size from 32KiB to 1GiB is expected, not '{}'";

void apply_max_rate(const std::string& text, streaming::BackupJob& job) {
  const auto rate = io::parse_bytes(text);
  if (!rate || (*rate != 0 && (*rate < 32 * kKiB || *rate > kKiB * kKiB * kKiB)))
    throw UsageError(fmt::format(kRateIsWrong, text));
  job.base_backup.max_rate_kib.reset();
  if (*rate > 0) job.base_backup.max_rate_kib = static_cast<std::uint32_t>(*rate / kKiB);
}

streaming::BackupJob make_job(const ServerConfig& server, const Arguments& arguments) {
  auto job = backup_job(server);
  if (const auto label = arguments.value("--label")) job.base_backup.label = *label;
  if (const auto checkpoint = arguments.choice("--checkpoint", {"fast", "spread"}))
    job.base_backup.fast_checkpoint = *checkpoint == "fast";
  if (const auto rate = arguments.value("--max-rate")) apply_max_rate(*rate, job);
  if (const auto jobs = arguments.number("--jobs", 1, kMostJobs))
    job.store.workers = static_cast<unsigned>(*jobs);
  if (arguments.has("--no-verify-checksums")) job.base_backup.verify_checksums = false;
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

Exit run_backup(const Invocation& invocation) {
  const auto names = invocation.arguments.values("SERVER");
  const Fleet fleet(invocation.config_file, Fleet::Access::create, names);
  const auto servers = choose_servers(fleet.config(), names, true);
  auto backups = Json::array();
  const auto exit = for_each_server(servers, invocation.out, [&](const ServerConfig& server) {
    return take_and_report(fleet, server, make_job(server, invocation.arguments), invocation, backups);
  });
  invocation.out.data(std::move(backups));
  return exit;
}

}  // namespace pgkeep::server
