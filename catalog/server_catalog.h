#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "catalog/io/sqlite.h"
#include "catalog/run_journal.h"
#include "catalog/store/backup_record.h"
#include "catalog/wal_archive.h"

namespace pgkeep::catalog {

/// A complete WAL segment as the index lists it.
struct SegmentRow {
  postgres::WalSegment segment;
  postgres::Lsn begin;
  postgres::Lsn end;
  std::uint64_t stored_bytes = 0;
  std::optional<io::TimePoint> first_time;
  std::optional<io::TimePoint> last_time;
  CommitTimes commits{};
  bool operator==(const SegmentRow&) const = default;
};

/// The row of an archived segment; asks for the size of its file.
SegmentRow describe_segment(const store::ServerLayout& layout, const SegmentFileHeader& header);

/// catalog.db: the index of one server, for questions that would mean opening many files. The files are the
/// truth: rows are added after their file is durable and removed before it goes, open() puts right what a
/// crash left between the two (by names, without opening what is known), and rebuild() makes the whole index
/// again. One thread a connection; several processes may write (WAL mode of SQLite). A connection that finds
/// the index replaced by another process's rebuild() goes on with the new one.
///
/// Tables: backups (id, ended, record: backup.json as text), segments (timeline, number, begin_lsn, end_lsn,
/// stored_bytes, first_time, last_time, commits_known, earliest_commit, latest_commit), histories (timeline,
/// content), runs (as RunRecord), meta (schema version, how far the run journal was read). Times are Unix
/// microseconds.
///
/// Beside it: catalog.db.lock (held while the index is opened or replaced), catalog.db.new (one being made).
class ServerCatalog {
 public:
  /// Opens the index, making it from the files when it is missing or damaged (see opened_anew()).
  static ServerCatalog open(const store::ServerLayout& layout);
  /// Makes the index again from the files alone, beside the old one, and puts it in its place.
  static ServerCatalog rebuild(const store::ServerLayout& layout);
  /// Why the index had to be made anew, for a warning; nothing when it was there, or when there was nothing
  /// to index yet.
  const std::optional<std::string>& opened_anew() const noexcept { return opened_anew_; }
  /// Files that are there but could not be understood, and are not in the index for that: a message each, for
  /// a warning.
  const std::vector<std::string>& unreadable() const noexcept { return unreadable_; }

  void add_backup(const store::BackupRecord& record);
  void remove_backup(const store::BackupId& id);
  void add_segment(const SegmentRow& row);
  void add_history(postgres::TimelineId timeline, std::string_view content);
  void put_run(const RunRecord& run);

  std::vector<store::BackupRecord> backups();       // oldest first
  std::vector<RunRecord> runs(std::size_t newest);  // newest first, with their current outcome
  std::vector<SegmentRow> segments();               // by timeline and number
  /// The one with the highest number, of several the one with the highest timeline: where streaming stands.
  std::optional<SegmentRow> newest_segment();
  std::uint64_t wal_stored_bytes();
  std::uint64_t segment_count();
  /// Complete segments joined to ranges.
  std::vector<WalRange> wal_ranges();
  /// The whole content as text, one line a row, sorted: two indexes are equal when these are.
  std::string dump();

 private:
  ServerCatalog(const store::ServerLayout& layout, io::Database database);
  static ServerCatalog open_sound(const store::ServerLayout& layout);
  static ServerCatalog make_anew(const store::ServerLayout& layout);
  void create_schema();
  void check();
  void reconcile();
  void reconcile_backups();
  void reconcile_wal();
  void reconcile_runs();
  bool empty();
  /// The database, after having changed to the one that lies under the name now.
  io::Database& current();

  store::ServerLayout layout_;
  io::Database database_;
  dev_t device_ = 0;  // of the file that database_ has open
  ino_t inode_ = 0;
  std::optional<std::string> opened_anew_;
  std::vector<std::string> unreadable_;
};

}  // namespace pgkeep::catalog
