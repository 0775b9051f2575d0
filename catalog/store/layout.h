#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/postgres/wal_segment.h"
#include "catalog/store/backup_id.h"
#include "catalog/store/pack_name.h"

namespace pgkeep::store {

/// Where everything of one server lies; nobody else joins path pieces. See docs/repository-format.md.
///
/// WAL and the events about it are those of one line: of the current one, or with of_line() of one that was
/// set aside (catalog/wal/set_aside_line.h). All else is the same for every line.
class ServerLayout {
 public:
  explicit ServerLayout(std::filesystem::path root) : root_(std::move(root)), line_folder_(root_) {}
  const std::filesystem::path& root() const noexcept { return root_; }
  /// The same server with the WAL of a line that was set aside.
  ServerLayout of_line(unsigned number) const;
  /// Nothing for the current line.
  std::optional<unsigned> line() const noexcept { return line_; }
  std::filesystem::path lines() const { return root_ / "lines"; }
  /// Of a line that was set aside.
  std::filesystem::path line_record(unsigned number) const {
    return of_line(number).line_folder_ / "line.json";
  }
  std::filesystem::path identity() const { return root_ / "identity.json"; }
  /// Of a line that was set aside, where it is another cluster's than identity() says.
  std::filesystem::path line_identity() const { return line_folder_ / "cluster.json"; }
  /// While that line is being set aside: what identity() will be.
  std::filesystem::path next_identity() const { return line_folder_ / "cluster.json.next"; }
  std::filesystem::path index() const { return root_ / "catalog.db"; }
  std::filesystem::path run_journal() const { return root_ / "runs.jsonl"; }
  std::filesystem::path event_journal() const { return line_folder_ / "events.jsonl"; }
  std::filesystem::path made_slots() const { return root_ / "slot.json"; }
  std::filesystem::path stream_state() const { return root_ / "stream.json"; }
  std::filesystem::path suspects() const { return root_ / "suspects.json"; }
  /// When what was read back last, and what is damaged (catalog::VerificationMemory).
  std::filesystem::path verified() const { return root_ / "verified.json"; }
  /// The newest record of the chain of backups (store/commit_chain.h).
  std::filesystem::path chain_head() const { return root_ / "chain.json"; }
  /// What was deleted, when and why (store/deletions.h).
  std::filesystem::path deletions() const { return root_ / "deletions.jsonl"; }

  /// Held alone by who changes packs and backups (backup, delete, expire).
  std::filesystem::path writer_lock() const { return root_ / "locks" / "backup"; }
  /// Held alone by who verifies what is stored, and changes verified().
  std::filesystem::path verify_lock() const { return root_ / "locks" / "verify"; }
  /// Held alone while suspects.json is being replaced.
  std::filesystem::path suspects_lock() const { return root_ / "locks" / "suspects"; }
  /// Held alone while the retention_marks() of a backup are being replaced.
  std::filesystem::path marks_lock() const { return root_ / "locks" / "marks"; }
  /// Held alone while slot.json is being replaced.
  std::filesystem::path made_slots_lock() const { return root_ / "locks" / "slots"; }
  /// Held alone by who receives WAL.
  std::filesystem::path receiver_lock() const { return root_ / "locks" / "receive-wal"; }
  /// Held alone while something is added to the archive under wal/, or removed: by the stream's archiver, by
  /// put-wal, by expire.
  std::filesystem::path archive_lock() const { return root_ / "locks" / "archive"; }

  std::filesystem::path wal() const { return line_folder_ / "wal"; }
  std::filesystem::path wal_streaming() const { return wal() / "streaming"; }
  std::filesystem::path partial(const postgres::WalSegment& segment, postgres::WalSegmentSize size) const;
  /// Made ahead to become the next partial; counts for nothing (catalog::SpareSegment).
  std::filesystem::path spare_segment() const { return wal_streaming() / "spare.tmp"; }
  /// wal/TTTTTTTT/LLLLLLLL/<24 hex>.zst
  std::filesystem::path archived(const postgres::WalSegment& segment, postgres::WalSegmentSize size) const;
  std::filesystem::path history(postgres::TimelineId timeline) const;
  /// wal/TTTTTTTT/LLLLLLLL/<24 hex>.partial.zst: the last segment of a timeline as its successor pushed it.
  std::filesystem::path pushed_partial(const postgres::WalSegment& segment,
                                       postgres::WalSegmentSize size) const;
  /// A backup history file, by its own name.
  std::filesystem::path backup_history(std::string_view name) const { return wal() / name; }
  /// What is being pushed, before it counts; `unique` is hexadecimal.
  std::filesystem::path incoming(std::string_view unique) const;
  static bool is_incoming(const std::filesystem::path& path);
  /// Segments that were pushed and are not proved yet (catalog::WaitingWal).
  std::filesystem::path wal_pushed() const { return wal() / "pushed"; }
  /// wal/pushed/<name>.<first 16 digits of its SHA-256>.zst
  std::filesystem::path waiting_wal(std::string_view name, std::string_view sha256) const;
  /// What was pushed and differs from what is stored.
  std::filesystem::path wal_conflicts() const { return wal() / "conflicts"; }
  /// wal/conflicts/<name>.<first 16 digits of its SHA-256>.zst
  std::filesystem::path wal_conflict(std::string_view name, std::string_view sha256) const;
  /// The same with .settled: it was decided for what is stored.
  std::filesystem::path settled_conflict(std::string_view name, std::string_view sha256) const;

  std::filesystem::path packs() const { return root_ / "packs"; }
  std::filesystem::path pack(const PackName& name) const { return packs() / to_string(name); }
  /// Which pack numbers were given.
  std::filesystem::path pack_numbers() const { return root_ / "packs.json"; }

  std::filesystem::path backups() const { return root_ / "backups"; }
  std::filesystem::path backup(const BackupId& id) const { return backups() / id.to_string(); }
  /// Where the lists of a backup's files, packs and manifest lie (Contents).
  std::filesystem::path contents(const BackupId& id) const { return backup(id) / "contents"; }
  std::filesystem::path record(const BackupId& id) const { return backup(id) / "backup.json"; }
  /// What was decided of a backup: that it has expired, that it is to be kept (catalog::RetentionMarks).
  std::filesystem::path retention_marks(const BackupId& id) const { return backup(id) / "retention.json"; }
  /// The record of a backup that is complete but for WAL: what record() will be.
  std::filesystem::path waiting_record(const BackupId& id) const {
    return backup(id) / "backup.json.waiting";
  }

  /// Makes the folders that are missing; all are durable when it returns.
  void make() const;

 private:
  std::filesystem::path root_;
  std::filesystem::path line_folder_;  // of what belongs to the line
  std::optional<unsigned> line_;
};

}  // namespace pgkeep::store
