#pragma once

#include <string>
#include <utility>

#include "server/report/fleet_report.h"

namespace pgkeep::test {

/// The morning of the reports in these tests.
inline constexpr io::TimePoint kMorning{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30} +
                                        std::chrono::hours{6} + std::chrono::minutes{30}};

inline server::ReportedBackup sample_backup(std::chrono::hours ago) {
  return {.id = "20261130T000000Z",
          .started = kMorning - ago - std::chrono::minutes(4),
          .ended = kMorning - ago,
          .data_bytes = std::uint64_t{120} << 30,
          .stored_bytes = std::uint64_t{3} << 29};
}

/// One that is well: two backups, and no gap from the first on.
inline server::ReportedServer sound_server(std::string name) {
  using std::chrono::hours;
  server::ReportedServer server;
  server.name = std::move(name);
  server.recoverable = server::Recoverable::yes;
  server.known = server::Known::all();
  server.backups = {sample_backup(hours(30)), sample_backup(hours(6))};
  server.stretches = {{kMorning - hours(30), kMorning - std::chrono::seconds(3)}};
  server.stream = "streaming";
  server.lag_bytes = 0;
  server.proof = server::Proof{.at = kMorning - hours(50), .sound = true, .all_since = {}};
  server.changes.backups_made = 1;
  server.changes.backup_bytes = std::uint64_t{3} << 29;
  return server;
}

inline server::Finding problem(server::Severity severity, std::string what, std::string hint = "do it") {
  return {.key = "backups", .severity = severity, .what = std::move(what), .hint = std::move(hint)};
}

inline server::FleetReport sample_report(std::vector<server::ReportedServer> servers) {
  server::FleetReport report;
  report.now = kMorning;
  report.since = kMorning - std::chrono::hours(24);
  report.version = "1.2.3";
  report.repository = "/srv/pgkeep";
  report.daemon = "pgkeep serve: process 7";
  report.servers = std::move(servers);
  return report;
}

}  // namespace pgkeep::test
