#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "catalog/store/backup_record.h"
#include "catalog/wal/held_wal.h"
#include "recover/plan/least_settings.h"
#include "recover/plan/target.h"

namespace pgkeep::recover {

/// How WAL gets to the recovered server: laid down in pg_wal beforehand, or fetched by restore_command.
enum class WalMode { lay_down, get_wal };

/// What the operator asked for.
struct RecoveryRequest {
  std::string server;
  std::optional<store::BackupId> backup;  // nothing: the newest that can reach the target
  std::filesystem::path destination;
  std::string remote_ssh_command;  // empty: this host
  RecoveryTarget target;
  bool standby = false;
  WalMode wal_mode = WalMode::lay_down;
  std::string get_wal_command;                     // restore_command for get_wal, with %f and %p
  std::map<std::string, std::string> tablespaces;  // name, OID or original location → new location
  unsigned jobs = 0;                               // 0: as the delivery likes
};

/// The target when it is of that kind, else null.
template <typename T>
const T* target_as(const RecoveryRequest& request) {
  return std::get_if<T>(&request.target.where);
}

struct PlannedTablespace {
  std::uint32_t oid = 0;
  std::string name;
  std::string original;
  std::string location;  // where it goes; equal to original unless relocated; relative: in place
  bool named = false;    // `location` was named by the operator
};

/// One that replay creates, as the server did after the backup had begun.
struct CreatedTablespace {
  std::uint32_t oid = 0;
  std::string name{};            // empty: not known
  std::string location{};        // as on the server
  postgres::Lsn lsn{};           // of the WAL record
  std::string describe() const;  // name and OID
};

/// A WAL file to be laid down. `partial`: from the segment still being received, padded with zeroes. Of a
/// segment that exists on several timelines of the line all are laid down: replay takes the newest,
/// pg_verifybackup and the WAL summarizer (17+) want the older ones too.
struct PlannedWal {
  postgres::WalSegment segment;
  bool partial = false;
  /// Where the line leaves the segment's timeline, when no newer file of the segment is laid down: zeroes
  /// from there on, since what that timeline wrote after the fork is not of the line.
  std::optional<postgres::Lsn> fork{};
};

/// Everything that will be done, decided before anything is written. Pure data.
struct RecoveryPlan {
  RecoveryRequest request;
  store::BackupRecord backup;
  postgres::TimelineId timeline;                  // that replay follows
  std::vector<postgres::TimelineId> histories{};  // history files to lay down: all that are known
  std::vector<PlannedWal> wal{};                  // in order of replay, up to the target
  postgres::WalPosition wal_end{};                // the first byte that is not there along the timeline
  /// What replay goes over, up to the target: `wal`, or what will be fetched of what is there.
  std::vector<PlannedWal> replayed{};
  std::vector<PlannedTablespace> tablespaces{};
  // From add_replay_notes():
  std::vector<CreatedTablespace> created_tablespaces{};
  LeastSettings least{};
  std::uint64_t data_bytes = 0;
  std::uint64_t wal_bytes = 0;
  std::vector<std::string> remarks{};  // what the operator should know before

  std::string describe() const;  // for --dry-run, lines of text
};

/// A place in the WAL that no replay passes, whatever follows it.
struct WalBarrier {
  postgres::WalPosition at;
  std::string why;  // a clause
};

/// The facts a plan is made from: what the repository holds. Made by gather_facts(), or by a test.
struct RecoveryFacts {
  std::vector<store::BackupRecord> backups;  // oldest first (store::is_older())
  catalog::HeldWal wal;
  std::vector<WalBarrier> barriers;
  std::vector<catalog::WalRange>
      lost{};  // that cannot be had any more; something of it may be held after all
  /// That retention let go of, between older backups; some of it may be held still.
  std::vector<catalog::WalRange> removed{};
  std::vector<postgres::WalSegment> waiting{};  // pushed, not proved: in no plan
  /// Of each timeline's newest segment: no byte of it was sent later. Where known.
  std::map<postgres::WalSegment, io::TimePoint> last_times;
  /// For a target time: see add_commit_times().
  std::map<postgres::WalSegment, catalog::CommitTimes> commits;
  std::vector<store::UnreadBackup> unread_backups{};
};

/// Chooses backup, timeline and WAL. Where no backup is named, the newest that reaches the target over the
/// WAL that there is, with a remark for each newer one that is passed by. Throws Refused with the reason and,
/// where there is one, what would work: a gap in the WAL before the consistency point or the target (naming
/// the first missing segment), a target before the backup's end, past the last WAL or the last commit in it,
/// a backup not on the target's timeline. NotFound when there is no backup.
RecoveryPlan make_plan(const RecoveryRequest& request, const RecoveryFacts& facts);

/// Reads the facts from the files of the repository (not from the index): the WAL and the backups of the
/// layout's line. Throws NotFound when the repository
/// knows nothing of the server.
RecoveryFacts gather_facts(const store::ServerLayout& layout);

/// Adds what a plan with a target time needs: from the start of the backup that it may choose up to the
/// segment after which recovery certainly stops. Reads a header of 112 bytes for each complete segment, the
/// partial whole, and the segments after the last commit. Nothing for any other target, or when WAL will be
/// fetched.
void add_commit_times(const store::ServerLayout& layout, const RecoveryRequest& request,
                      RecoveryFacts& facts);

}  // namespace pgkeep::recover
