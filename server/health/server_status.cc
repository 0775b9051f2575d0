#include "server/health/server_status.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "catalog/wal/set_aside_line.h"
#include "catalog/wal/wal_conflicts.h"
#include "server/fleet/fleet.h"
#include "server/fleet/stored_records.h"

namespace pgkeep::server {
namespace {

// Enough to find the last failure among the runs of some weeks.
constexpr std::size_t kRunsToLookAt = 200;
constexpr std::chrono::days kLate{7};
constexpr std::size_t kMostAlarms = 10;

/// The newest run that failed and was not followed by one of its kind that succeeded.
std::optional<catalog::RunRecord> last_unmended_failure(const std::vector<catalog::RunRecord>& newest_first) {
  std::set<std::string> mended;
  for (const auto& run : newest_first) {
    if (run.outcome == catalog::RunOutcome::succeeded) mended.insert(run.kind);
    const bool failed =
        run.outcome == catalog::RunOutcome::failed || run.outcome == catalog::RunOutcome::interrupted;
    if (failed && !mended.contains(run.kind)) return run;
  }
  return std::nullopt;
}

void read_stored(const store::ServerLayout& layout, ServerStatus& status, Output& out) {
  auto archive = open_archive(status.config, layout);
  const auto held = catalog::HeldWal::read(archive);
  status.wal = wal_facts(held, catalog::EventJournal(layout).read());
  status.wal_segment_size = archive.identity().wal_segment_size;
  StoredRecords records(status.config, layout, out);
  status.wal_stored_bytes = records.wal_stored_bytes();
  status.backups = records.backups();
  catalog::keep_only_own(layout, status.backups);
  if (status.backups.empty()) status.unread_backups = store::list_backup_records(layout).unread;
  status.last_failed = last_unmended_failure(records.runs(kRunsToLookAt));
  status.wal_conflicts = catalog::WalConflicts(archive).count_open();
  status.alarms = late_alarms(status.wal->events);
  const auto window = records.recovery_window(archive, held, status.wal->events);
  if (!window) return;
  if (const auto* oldest = window->oldest_to_the_end()) status.recoverable_from = oldest->from;
  if (const auto* newest = window->newest()) status.recoverable_until = newest->until;
}

}  // namespace

std::vector<catalog::Event> late_alarms(std::vector<catalog::Event> events) {
  using Kind = catalog::EventKind;
  const auto oldest = io::now() - kLate;
  std::erase_if(events, [&](const catalog::Event& event) {
    return event.at < oldest || event.kind == Kind::slot_created || event.kind == Kind::slot_dropped;
  });
  std::ranges::reverse(events);
  if (events.size() > kMostAlarms) events.resize(kMostAlarms);
  return events;
}

ServerStatus read_stored_status(const ServerConfig& server,
                                const std::optional<store::Repository>& repository,
                                const std::optional<DaemonReport>& daemon, Output& out) {
  ServerStatus status;
  status.config = server;
  status.unreachable = "not asked";
  if (!repository) return status;
  const auto layout = repository->server(server.name);
  if (is_known(layout)) read_stored(layout, status, out);
  status.stream = read_stream_facts(server.name, layout, daemon);
  return status;
}

void ask_live_status(ServerStatus& status, const std::stop_token& stop) {
  if (!status.config.active) {
    status.unreachable = "out of service (`active: false`)";
    return;
  }
  try {
    auto sql = open_sql(status.config, stop, streamed_peer(status.stream));
    status.live = ask_live_facts(sql, status.config);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    status.unreachable = error.what();
  }
}

std::optional<std::uint64_t> lag_of(const ServerStatus& status) {
  if (!status.live) return status.stream.state ? status.stream.state->lag_bytes() : std::nullopt;
  const auto current = status.live->current_lsn;
  // What was reported as flushed is exact; the file's own end is only known to its last byte that is not
  // zero.
  const auto* sender = status.live->ours.user();
  const bool receives = status.stream.receiver.has_value();
  if (receives && sender && sender->flush_lsn && *sender->flush_lsn >= current) return 0;
  return status.wal ? wal_lag(*status.wal, current) : std::nullopt;
}

}  // namespace pgkeep::server
