#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "catalog/io/sqlite.h"
#include "catalog/records/run_journal.h"
#include "catalog/store/backup_record.h"
#include "catalog/wal/wal_archive.h"

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
/// The index is a convenience, and nobody waits for it without end: a reader that cannot have it within
/// kPatience gets Busy and reads the files, and one that only records something passes by at once
/// (open_if_free(), note_in_index()). What was not recorded is found among the files by the next open().
///
/// Tables: backups (id, ended, record: backup.json as text), segments (timeline, number, begin_lsn, end_lsn,
/// stored_bytes, first_time, last_time, commits_known, earliest_commit, latest_commit), histories (timeline,
/// content), runs (as RunRecord), meta (schema version, how far the run journal was read). Times are Unix
/// microseconds.
///
/// Beside it: catalog.db.lock (held while the index is opened or replaced), catalog.db.new (one being made).
class ServerCatalog {
 public:
  static constexpr std::chrono::milliseconds kPatience{2000};

  /// Opens the index to read it, making it from the files when it is missing or damaged (see opened_anew()).
  /// Throws Busy when another process has held it for kPatience; so does every other call.
  static ServerCatalog open(const store::ServerLayout& layout);
  /// Opens the index to add to it, if that can be done at once: nothing when another process holds it, or
  /// when it would have to be made. Its rows may be damaged or behind the files. Each call throws Busy rather
  /// than wait.
  static std::optional<ServerCatalog> open_if_free(const store::ServerLayout& layout);
  /// Makes the index again from the files alone, beside the old one, and puts it in its place.
  static ServerCatalog rebuild(const store::ServerLayout& layout);
  /// Why the index that was there had to be made anew, for a warning.
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
  ServerCatalog(const store::ServerLayout& layout, io::Database database, std::chrono::milliseconds patience);
  static ServerCatalog open_as_it_is(const store::ServerLayout& layout, std::chrono::milliseconds patience);
  static ServerCatalog open_sound(const store::ServerLayout& layout);
  static ServerCatalog make_anew(const store::ServerLayout& layout);
  void create_schema();
  void check_layout();
  void check_content();
  void reconcile();
  void reconcile_backups();
  void reconcile_wal();
  void reconcile_runs();
  /// The database, after having changed to the one that lies under the name now.
  io::Database& current();

  store::ServerLayout layout_;
  std::chrono::milliseconds patience_;  // kPatience, or none for who only adds
  io::Database database_;
  dev_t device_ = 0;  // of the file that database_ has open
  ino_t inode_ = 0;
  std::optional<std::string> opened_anew_;
  std::vector<std::string> unreadable_;
};

/// Tells the index of something that is durable in its file: never waits. When another process holds the
/// index, or there is none yet, this does nothing. Why it failed in another way, for a warning.
std::optional<std::string> note_in_index(const store::ServerLayout& layout,
                                         const std::function<void(ServerCatalog&)>& note);

}  // namespace pgkeep::catalog
