#include "server/server_status.h"

#include <set>

#include <fmt/format.h>

#include "server/fleet.h"
#include "server/stored_records.h"

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

void read_stored(const store::ServerLayout& layout, ServerStatus& status, Output& out) {
  const auto archive = open_archive(status.config, layout);
  status.wal = read_wal_facts(archive);
  status.wal_segment_size = archive.identity().wal_segment_size;
  StoredRecords records(status.config, layout, out);
  status.wal_stored_bytes = records.wal_stored_bytes();
  status.backups = records.backups();
  status.last_failed = last_unmended_failure(records.runs(kRunsToLookAt));
}

}  // namespace

ServerStatus read_status(const ServerConfig& server, const std::optional<store::Repository>& repository,
                         const std::stop_token& stop, Output& out) {
  ServerStatus status;
  status.config = server;
  if (!server.active) {
    status.unreachable = "out of service (`active: false`)";
  } else {
    try {
      auto sql = open_sql(server, stop);
      status.live = ask_live_facts(sql, server);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      status.unreachable = error.what();
    }
  }
  if (!repository) return status;
  const auto layout = repository->server(server.name);
  if (is_known(layout)) read_stored(layout, status, out);
  return status;
}

}  // namespace pgkeep::server
