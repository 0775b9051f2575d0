#include "server/health/server_status.h"

#include <set>

#include "catalog/index/recovery_window.h"
#include "catalog/io/error.h"
#include "catalog/wal/set_aside_line.h"
#include "server/fleet/fleet.h"
#include "server/fleet/stored_records.h"

namespace pgkeep::server {
namespace {

// Enough to find the last failure among the runs of some weeks.
constexpr std::size_t kRunsToLookAt = 200;

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

/// What verifications found. Where that cannot be read, it is a fact, and the rest is shown.
void read_found(const store::ServerLayout& layout, ServerFacts& facts) {
  try {
    read_damage(layout, *facts.stored);
  } catch (const Error& error) {
    facts.unseen.push_back({"damage", error.what()});
  }
  read_marks(layout, *facts.stored);
}

void read_stored(const store::ServerLayout& layout, ServerStatus& status, const Warn& warn) {
  auto& stored = *status.facts.stored;
  stored.identity = catalog::read_identity(layout);
  if (!stored.identity) return;
  auto archive = open_archive(status.facts.config, layout);
  const auto held = catalog::HeldWal::read(archive);
  stored.wal = wal_facts(held, catalog::EventJournal(layout).read());
  StoredRecords records(status.facts.config, layout, warn);
  stored.backups = records.backups();
  catalog::keep_only_own(layout, stored.backups);
  if (stored.backups.empty()) read_backups(layout, stored);  // the index has none that cannot be read
  read_lines(layout, stored);
  read_pushed(archive, stored);
  read_found(layout, status.facts);
  stored.runs = records.runs(kRunsToLookAt);
  status.last_failed = last_unmended_failure(*stored.runs);
  // Without the index nothing is known of commits, and the partials need not be read for theirs.
  const auto partials =
      records.has_index() ? catalog::read_partial_commits(archive, held) : catalog::PartialCommits();
  const auto window = records.of_segments(archive, held.names(), [&](auto& segments) {
    status.wal_stored_bytes = segments.sum(held.names().segments.runs()).stored_bytes;
    return records.has_index() ? catalog::examine_recovery_window(stored.backups, held, segments, partials,
                                                                  stored.wal->events)
                               : std::nullopt;
  });
  if (!window) return;
  if (const auto* oldest = window->oldest_to_the_end()) status.recoverable_from = oldest->from;
  status.recoverable_until = window->until();
}

}  // namespace

const WalFacts* ServerStatus::wal() const {
  return facts.stored && facts.stored->wal ? &*facts.stored->wal : nullptr;
}

std::vector<catalog::Event> ServerStatus::alarms(io::TimePoint now) const {
  return wal() != nullptr ? late_alarms(wal()->events, now) : std::vector<catalog::Event>{};
}

std::string ServerStatus::why_not_reached() const {
  if (!facts.config.active) return "out of service (`active: false`)";
  return facts.sql ? facts.sql->error : "not asked";
}

ServerStatus read_stored_status(const ServerConfig& server,
                                const std::optional<store::Repository>& repository,
                                const std::optional<DaemonReport>& daemon, const Warn& warn) {
  ServerStatus status;
  status.facts.config = server;
  if (!repository) return status;
  const auto layout = repository->server(server.name);
  status.facts.stored.emplace();
  read_stored(layout, status, warn);
  status.facts.stream = read_stream_facts(server.name, layout, daemon);
  return status;
}

}  // namespace pgkeep::server
