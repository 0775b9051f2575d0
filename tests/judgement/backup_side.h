#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catalog/store/backup_record.h"
#include "catalog/wal/wal_archive.h"
#include "recover/plan/plan.h"
#include "streaming/receive/wal_workers.h"
#include "tests/judgement/model_walsender.h"
#include "tests/judgement/wal_replay.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::test {

/// What came of following a server.
struct Followed {
  enum class How { to_its_end, refused, waits } how;
  std::string reason{};        // unless it was followed to its end
  postgres::Lsn flushed{};     // the highest position that was reported
  bool sent_wal = false;       // by the stream, and not as an answer to a question
  bool takes_its_wal = false;  // the stream of its own timeline was begun
};

/// A base backup without its files: the state of the server at its start stands for them.
struct BaseBackup {
  postgres::WalPosition start;
  postgres::WalPosition end;
  ModelServer::Checkpoint checkpoint;
  std::vector<WrittenRecord> before{};  // what the server had written when the backup began
  std::size_t records = 0;              // and how many when it had ended
};

/// What a recovery would give.
struct Recovery {
  std::string backup;
  std::vector<ServerState> states;  // that it passes, those before the backup included
  postgres::Lsn end;
  std::string stopped_by;
};

/// Recovery, or why it is refused.
struct RecoveryAnswer {
  std::optional<Recovery> recovery;
  std::string refusal;
};

/// pgkeep's side of a story: what it keeps of a server, by its own receiver, archive and plan of a recovery.
/// Borrows the workers.
class BackupSide {
 public:
  explicit BackupSide(streaming::WalWorkers& workers) : workers_(&workers) {}

  Followed follow(ModelServer& server, const Sending& sending);
  /// What put-wal says.
  std::string push(const std::string& name, io::ByteView content);
  /// Keeps a backup whose WAL is held. Returns why not.
  std::optional<std::string> keep(const BaseBackup& backup);
  /// `new-line`: returns the number of the line that is set aside.
  unsigned set_aside();
  /// `new-line --keep`; false when there is nothing to decide.
  bool keep_line();

  /// From the newest backup, of the current line or of one that was set aside.
  RecoveryAnswer recover(std::optional<unsigned> line, recover::WalMode mode);
  /// From each backup of the current line, the newest last.
  std::vector<store::BackupId> backups() const;
  RecoveryAnswer recover(const store::BackupId& backup);

  /// How many records a server has to have at least to be one that was recovered from a backup.
  std::size_t records_of(const std::string& backup) const;
  postgres::TimelineId newest_timeline() const;
  /// Whether an event of the line says that histories could not be compared.
  bool has_unproved_wal(std::optional<unsigned> line) const;

 private:
  store::ServerLayout layout(std::optional<unsigned> line) const;
  static catalog::WalArchive archive(const store::ServerLayout& layout);
  RecoveryAnswer recover(const store::ServerLayout& layout, const recover::RecoveryRequest& request);
  Recovery replay(const store::ServerLayout& layout, const recover::RecoveryPlan& plan);

  streaming::WalWorkers* workers_;
  TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  std::map<std::string, BaseBackup> bases_;
  ModelWalsender walsender_;
};

}  // namespace pgkeep::test
