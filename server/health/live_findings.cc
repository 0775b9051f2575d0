#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/postgres/versions.h"
#include "server/health/findings_parts.h"

namespace pgkeep::server {
namespace {

// A backup needs a place of its own beside the WAL receiver.
constexpr std::uint64_t kPlacesNeeded = 2;

Finding examine_connection(std::string key, const ConnectionFacts& seen) {
  if (seen.error.empty()) return {.key = std::move(key), .what = fmt::format("connected to {}", seen.peer)};
  // A server that answered has said what is wrong, and the message what to do about it.
  return {.key = std::move(key),
          .severity = Severity::failed,
          .what = seen.error,
          .hint = seen.lost ? "is the server up, and can this host reach it?" : ""};
}

Finding examine_replication(const ConnectionFacts& seen, const std::optional<LiveFacts>& live) {
  auto finding = examine_connection("replication_connection", seen);
  if (!seen.error.empty() || !live || live->system == seen.system) return finding;
  finding.severity = Severity::failed;
  finding.what = fmt::format("replication reaches cluster {}, SQL reaches cluster {}",
                             seen.system.to_string(), live->system.to_string());
  finding.hint = "conninfo names several hosts or a pooler; name the server itself";
  return finding;
}

Finding examine_identity(const LiveFacts& live, const std::optional<catalog::ServerIdentity>& known) {
  Finding finding{.key = "identity", .what = fmt::format("cluster {}", live.system.to_string())};
  if (!known) {
    finding.what += ", not seen before";
  } else if (known->system != live.system) {
    finding.severity = Severity::failed;
    finding.what = fmt::format("the server is cluster {}, the repository holds cluster {}",
                               live.system.to_string(), known->system.to_string());
    finding.hint =
        "correct the conninfo if it leads to another server; if this cluster took the place of the other, "
        "`pgkeep new-line --new-cluster` keeps both apart";
  } else if (known->major_version != live.major_version) {
    finding.severity = Severity::failed;
    finding.what =
        fmt::format("PostgreSQL {} now, {} in the repository", live.major_version, known->major_version);
    finding.hint = "`pgkeep new-line --new-cluster` keeps what is held apart and begins again";
  }
  return finding;
}

Finding examine_version(const LiveFacts& live) {
  if (postgres::formats_known(live.major_version))
    return {.key = "version", .what = fmt::format("PostgreSQL {}", live.version)};
  return {.key = "version",
          .severity = Severity::advice,
          .what = postgres::why_not_known(live.major_version) + ": WAL and backups are stored unchecked",
          .hint =
              "try a recovery; once a pgkeep is installed that knows it, "
              "verify-backup and verify-wal check what was stored"};
}

Finding examine_wal_level(const LiveFacts& live) {
  if (live.wal_level != "minimal") return {.key = "wal_level", .what = live.wal_level};
  return {.key = "wal_level",
          .severity = Severity::failed,
          .what = live.wal_level,
          .hint = "set wal_level = replica and restart the server"};
}

Finding examine_wal_senders(const LiveFacts& live) {
  Finding finding{.key = "max_wal_senders",
                  .what = fmt::format("{} of {} in use", live.wal_senders_used, live.max_wal_senders)};
  const bool ours = live.ours.user() != nullptr;
  if (live.senders_are_hidden) {
    finding.severity = Severity::advice;
    finding.what = fmt::format("how many of {} are in use is not shown to this role", live.max_wal_senders);
    finding.hint = "GRANT pg_monitor to it: then it can be said whether a place is left for a backup";
    return finding;
  }
  if (live.max_wal_senders >= live.wal_senders_used + kPlacesNeeded - (ours ? 1 : 0)) return finding;
  finding.severity = Severity::failed;
  finding.hint = "raise max_wal_senders: the WAL receiver and a backup take one place each";
  return finding;
}

/// Times of backups and schedules are of our clock, those of commits of the server's.
Finding examine_clock(std::chrono::milliseconds ahead) {
  constexpr std::chrono::seconds kTolerated{10};
  Finding finding{.key = "clock", .what = "agrees with the one here"};
  if (std::chrono::abs(ahead) <= kTolerated) return finding;
  finding.severity = Severity::warning;
  finding.what = fmt::format("{} {} the one here", io::format_duration(std::chrono::abs(ahead)),
                             ahead.count() > 0 ? "ahead of" : "behind");
  finding.hint =
      "set both by NTP: a recovery to a time goes by the server's clock, and what is said of ages by the one here";
  return finding;
}

Finding examine_configuration_files(const store::ConfigurationFiles& files) {
  Finding finding{.key = "configuration_files", .what = "in the data directory"};
  if (files.config_file.empty()) {
    finding.severity = Severity::advice;
    finding.what = "not shown to this role";
    finding.hint = "GRANT pg_monitor: then backups say where they lie, which recovery needs to know";
    return finding;
  }
  std::vector<std::string> outside;
  for (const auto& [name, path] : files.outside()) outside.push_back(fmt::format("{} is {}", name, path));
  if (outside.empty()) return finding;
  finding.severity = Severity::advice;
  finding.what = fmt::format("{}", fmt::join(outside, ", "));
  finding.hint =
      "outside of the data directory, so PostgreSQL sends them with no backup: keep copies of them";
  return finding;
}

}  // namespace

void examine_live(const ServerFacts& facts, std::vector<Finding>& findings) {
  if (facts.sql) findings.push_back(examine_connection("sql_connection", *facts.sql));
  if (facts.replication) findings.push_back(examine_replication(*facts.replication, facts.live));
  if (!facts.live) return;
  const auto& live = *facts.live;
  findings.push_back(examine_version(live));
  if (facts.has_seen("identity"))
    findings.push_back(examine_identity(live, facts.stored ? facts.stored->identity : std::nullopt));
  if (live.clock_ahead) findings.push_back(examine_clock(*live.clock_ahead));
  findings.push_back(examine_wal_level(live));
  findings.push_back(examine_wal_senders(live));
  findings.push_back(examine_configuration_files(live.configuration));
  if (live.summarize_wal == false) {
    findings.push_back(
        {.key = "summarize_wal",
         .severity = Severity::advice,
         .what = "off",
         .hint = "set summarize_wal = on: then unchanged pages need not be sent for a backup"});
  }
  if (!live.data_checksums) {
    findings.push_back(
        {.key = "data_checksums",
         .severity = Severity::advice,
         .what = "off",
         .hint = "enable them by pg_checksums: only then can damaged pages be told from sound ones"});
  }
}

}  // namespace pgkeep::server
