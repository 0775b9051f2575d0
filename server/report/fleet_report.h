#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "catalog/io/units.h"
#include "catalog/records/stream_state.h"
#include "server/health/finding.h"
#include "server/health/space_forecast.h"
#include "streaming/wire/slot_view.h"

namespace pgkeep::server {

/// A backup that is there.
struct ReportedBackup {
  std::string id;
  io::TimePoint started;
  io::TimePoint ended;
  std::uint64_t data_bytes = 0;         // of the server's files
  std::uint64_t stored_bytes = 0;       // that it added to the repository
  std::uint64_t checksum_failures = 0;  // damaged pages that PostgreSQL found
  bool is_going = false;                // expired or deleted: removed when its grace time is over

  std::chrono::milliseconds took() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(ended - started);
  }
};

/// The backup that was begun last.
struct LastAttempt {
  io::TimePoint at;
  bool failed = false;  // or was interrupted
  bool operator==(const LastAttempt&) const = default;
};

/// Times that can be recovered to, without a gap between them, from backups that no verification found
/// damaged.
struct Stretch {
  io::TimePoint from;
  io::TimePoint until;
  bool operator==(const Stretch&) const = default;
};

/// Something that took place, in one line for people.
struct Happening {
  io::TimePoint at;
  std::string what;
  bool operator==(const Happening&) const = default;
};

/// A backup that went, or is going to.
struct GoneBackup {
  std::string id;  // empty: one that was missing was given up
  io::TimePoint at;
  std::string why;
};

/// What happened to a server since the time of which the report tells.
struct ServerChanges {
  std::size_t backups_made = 0;     // those too that have gone since
  std::uint64_t backup_bytes = 0;   // that these added
  std::size_t backups_failed = 0;   // or interrupted
  std::uint64_t wal_bytes = 0;      // of the segments with commits since then, as they are stored
  std::vector<GoneBackup> expired;  // marked, and there until the grace time is over
  std::vector<GoneBackup> removed;
  std::uint64_t freed_bytes = 0;  // by expiries, WAL included
  std::size_t verifications = 0;  // that came to an end, with damage or without
  std::uint64_t verified_bytes = 0;
  std::vector<Happening> damage;     // that verifications found
  std::vector<Happening> bad_pages;  // that PostgreSQL found while it sent a backup
  std::vector<Happening> failed;     // runs, but for those that found damage: their kind and message
  std::vector<Happening> events;     // of its WAL and its slot, but that one was made

  std::uint64_t added_bytes() const { return backup_bytes + wal_bytes; }
};

/// The newest verification of backups that came to an end, and whether no damage is known.
struct Proof {
  io::TimePoint at;
  bool sound = false;
  std::uint64_t left_bytes = 0;            // that its budget left to the next ones
  std::optional<io::TimePoint> all_since;  // since when all that is stored was read back once
};

inline constexpr std::chrono::days kServiceDays{30};

/// The backups that a journal tells of over the last kServiceDays days.
struct BackupService {
  std::size_t succeeded = 0;
  std::size_t failed = 0;  // or interrupted
  /// Between two that succeeded, since the last, or before the first: since the days or the backups begin.
  std::optional<std::chrono::milliseconds> longest_without;
  /// What they added, of each of the kServiceDays days until the report: the oldest first.
  std::vector<std::uint64_t> added_by_day{};
};

enum class Recoverable : std::uint8_t {
  yes,
  no,
  unknown,  // what is stored could not be read
  unused,   // out of service, and nothing is stored: nobody expects it
};

/// What of a server could be read. The rest is not known, whatever its values are.
struct Known {
  bool backups = false;
  bool wal = false;
  bool stretches = false;
  bool runs = false;   // all since the report begins
  bool proof = false;  // or that there is none

  static Known all() { return {true, true, true, true, true}; }
};

/// One server. Values only, so that a test can make one.
struct ReportedServer {
  std::string name;
  std::string description;
  bool active = true;
  Recoverable recoverable = Recoverable::unknown;
  Known known;
  std::vector<Finding> findings = {};   // all that was looked at, what is well too, in the order of check
  std::vector<Finding> problems;        // the worst first, without those about the repository
  std::vector<ReportedBackup> backups;  // of its current line, oldest first
  std::vector<Stretch>
      stretches;                // oldest first; the last leads to the newest WAL, unless a finding says not
  std::uint64_t wal_bytes = 0;  // stored
  std::string stream;           // a word: "streaming", "not running"
  std::optional<std::uint64_t> lag_bytes;
  std::optional<catalog::StreamState> stream_state;  // as who receives said last; nothing while nobody does
  std::optional<streaming::SlotView> slot;           // nothing: there is none, or it was not seen
  std::optional<bool> answers;                       // to SQL; nothing: it was not asked
  std::string server_version = {};                   // "18.6"; empty: not known
  std::optional<bool> backup_runs;                   // nothing: not known
  std::optional<LastAttempt> last_attempt;           // as far as the journal tells
  std::optional<std::size_t> damaged;                // things that verifications found, and were not mended
  std::optional<Proof> proof;
  std::optional<BackupService> service;  // nothing where the journal does not tell
  ServerChanges changes;

  const ReportedBackup* last_backup() const { return backups.empty() ? nullptr : &backups.back(); }
  const Stretch* last_stretch() const { return stretches.empty() ? nullptr : &stretches.back(); }
};

/// What has to be seen to: all findings of one server, or one that several have.
struct Need {
  std::vector<std::string> servers;  // none: of the repository
  std::vector<Finding> findings;     // the worst first

  Severity severity() const { return std::ranges::max_element(findings, {}, &Finding::severity)->severity; }
};

/// The fleet at a moment, and what happened to it since another: what all renderers show, and nothing else.
struct FleetReport {
  io::TimePoint now;
  io::TimePoint since;
  std::string version;  // of this program
  std::filesystem::path repository;
  std::string daemon;               // a line about `pgkeep serve`, that none runs, or it is not known
  std::optional<SpaceFacts> space;  // nothing where it cannot be told
  std::string space_text;           // the same in a line
  std::vector<Finding> repository_problems;  // the worst first
  std::vector<ReportedServer> servers;       // in the order of the configuration
  std::optional<io::TimePoint> report_sent;  // the last that the schedule called for; nothing: none was, or none is

  std::size_t expected() const;     // servers that are to be recoverable
  std::size_t recoverable() const;  // of these
};

/// All that needs a person, the most severe first. What is the same for several servers is said once.
std::vector<Need> needs_of(const FleetReport& report);

/// One line: "58 of 60 servers can be recovered; 3 need you".
std::string verdict(const FleetReport& report);

}  // namespace pgkeep::server
