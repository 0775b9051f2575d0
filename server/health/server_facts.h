#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/records/identity.h"
#include "catalog/records/run_journal.h"
#include "catalog/retention/retention_marks.h"
#include "catalog/store/commit_chain.h"
#include "catalog/store/repository.h"
#include "catalog/verify/stored_damage.h"
#include "server/config/config.h"
#include "server/health/control.h"
#include "server/health/live_facts.h"
#include "server/health/space_forecast.h"
#include "server/health/stream_facts.h"
#include "server/health/wal_facts.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// The place where everything is kept.
struct RepositoryFacts {
  std::filesystem::path config_file;
  std::string config_problem;  // why the daemon did not take the current one; empty: it did, or none runs
  io::TimePoint configured;    // when it read the one in force
  std::filesystem::path root;
  bool is_there = false;
  bool is_writable = false;
  std::vector<std::string> unusable_files;  // see find_unusable_files()
  std::string owner;                        // of the root
  /// Of the report that the schedule calls for, and of each receiver of notifications: why it was not taken
  /// since when. Nothing: none is to be sent.
  struct Undelivered {
    std::string what;
    io::TimePoint since;
  };
  std::optional<std::vector<Undelivered>> report;
  std::optional<std::vector<Undelivered>> notifications;
};

/// Something that a verification found damaged.
struct DamageFacts {
  catalog::StoredDamage damage;
  bool concerns_newest = false;  // backup: it has to be mended, or another backup is needed
};

/// What is stored for a server, on its current line.
struct StoredFacts {
  std::vector<store::BackupRecord> backups;  // oldest first
  std::vector<store::UnreadBackup> unread_backups;
  store::ChainReport chain;                         // of the backups of all lines
  bool has_backups_aside = false;                   // of lines that were set aside
  std::optional<catalog::ServerIdentity> identity;  // nothing: there was no contact yet
  std::optional<WalFacts> wal;                      // nothing without an identity
  std::vector<std::string> damaged_lines;           // set aside; each with what to do
  std::vector<std::string> damaged_journals;        // which, and which lines of it
  std::size_t wal_conflicts = 0;                    // that nobody has settled
  WaitingFacts waiting;
  std::vector<DamageFacts> damage;                           // that verifications of all that is stored found
  std::map<store::BackupId, catalog::RetentionMarks> marks;  // of the backups, but for those that
  std::vector<std::string> unread_marks;                     // cannot be read: each why not
  std::optional<std::vector<catalog::RunRecord>> runs;       // in any order; the newest are enough
};

/// How long who looks at a server waits for it.
struct Patience {
  std::stop_token stop;      // the look is not wanted any more: Interrupted is thrown
  std::stop_token time_out;  // the server has had its time, which is a fact; or `stop` was asked for
};
/// Without an end of its own: connections have theirs.
inline Patience until_stopped(const std::stop_token& stop) {
  return {stop, stop};
}

/// An attempt to connect.
struct ConnectionFacts {
  std::string error;          // empty: it succeeded
  bool lost = false;          // the server did not answer at all
  std::string sqlstate = {};  // with which the server refused; empty: it did not
  postgres::Endpoint peer;
  postgres::SystemIdentifier system;
};

/// What could not be looked at.
struct Unseen {
  std::string key;  // of the finding that it would have been
  std::string why;
};

/// All that was gathered about one server: what examine() judges, and `status` shows. Without what nobody
/// asked for.
struct ServerFacts {
  ServerConfig config;
  std::optional<RepositoryFacts> repository;
  std::optional<SpaceFacts> space;
  std::optional<StoredFacts> stored;  // nothing without a repository
  StreamFacts stream;
  std::optional<ConnectionFacts> sql;
  std::optional<ConnectionFacts> replication;
  std::optional<LiveFacts> live;
  std::optional<std::vector<std::string>> hook_faults;  // why programs cannot be run; nothing: it has none
  std::vector<Unseen> unseen;

  bool has_seen(std::string_view key) const;
  /// Bytes that the server has and we have not; nothing when one side is not known,
  /// as after the stream has ended.
  std::optional<std::uint64_t> lag() const;
};

/// Everything that backups, WAL and recovery of a server depend on: the repository, what is stored, the live
/// server by SQL and by replication. One thing that cannot be looked at keeps nobody from the next. Only
/// Interrupted is thrown.
ServerFacts gather_facts(const Config& config, const ServerConfig& server,
                         const std::optional<DaemonReport>& daemon, const Patience& patience);

/// What the live server says alone, by SQL and by replication: of one that nothing is kept of yet. Only
/// Interrupted is thrown.
ServerFacts gather_live_facts(const ServerConfig& server, const Patience& patience);

/// Backups and WAL alone, from the files. Throws StorageError, Corruption.
StoredFacts read_backups_and_wal(const ServerConfig& server, const store::ServerLayout& layout);
/// Those that are stored, from the files, and those that cannot be read. Throws StorageError, Corruption.
void read_backups(const store::ServerLayout& layout, StoredFacts& stored);
/// What is waiting, in conflict or set aside; throws as well.
void read_pushed(catalog::WalArchive& archive, StoredFacts& stored);
void read_lines(const store::ServerLayout& layout, StoredFacts& stored);
/// After the backups and the WAL. Without what concerned backups that have all gone.
void read_damage(const store::ServerLayout& layout, StoredFacts& stored);
/// After the backups. What cannot be read of one is a fact.
void read_marks(const store::ServerLayout& layout, StoredFacts& stored);
/// Reads all journals of the server, those of lines that were set aside too.
void read_journal_damage(const store::ServerLayout& layout, StoredFacts& stored);

/// Asks the server, unless it is out of service. One that cannot be reached is a fact, no error.
void ask_server(ServerFacts& facts, const Patience& patience);

}  // namespace pgkeep::server
