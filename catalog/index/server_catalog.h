#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "catalog/io/error.h"
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

/// What archived segments come to.
struct SegmentSum {
  std::uint64_t segments = 0;  // of which something is known
  std::uint64_t stored_bytes = 0;
  std::uint64_t with_commits_known = 0;  // (CommitTimes::known)
  std::optional<io::TimePoint> latest_commit;

  void add(const SegmentRow& row);
  void add(const SegmentSum& other);
  bool operator==(const SegmentSum&) const = default;
};

/// The row of an archived segment; asks for the size of its file.
SegmentRow describe_segment(const store::ServerLayout& layout, const SegmentFileHeader& header);

/// catalog.db: the index of one server, for questions that would mean opening many files. The files are the
/// truth: rows are added after their file is durable and removed before it goes, and rebuild() makes the
/// whole index again. One thread a connection; several processes may write (WAL mode of SQLite). A connection
/// that finds the index replaced by another process's rebuild() continues with the new one.
///
/// The index is a convenience, and nobody waits for it without end: a reader that cannot have it within
/// kPatience gets Busy and reads the files, and a caller that only records something passes by at once
/// (open_if_free(), note_in_index()). So it may lag behind the files. open() adds what it lacks; a caller
/// that adds a backup or a run adds those that were missed; each session of a receiver adds the newest
/// segments (IndexUpdater::catch_up()). Those who only ask get the rest from the files (stored_rows.h,
/// stored_segments.h).
///
/// Tables: backups (id, ended, record: backup.json as text), segments (timeline, number, begin_lsn, end_lsn,
/// stored_bytes, first_time, last_time, commits_known, earliest_commit, latest_commit), runs (as RunRecord),
/// meta (schema version, how far the run journal was read). Times are Unix microseconds.
///
/// Beside it: catalog.db.lock (held while the index is opened or replaced), catalog.db.new (one being made).
class ServerCatalog {
 public:
  static constexpr std::chrono::milliseconds kPatience{2000};

  /// Opens the index to ask it: only its layout is checked, and the files are not looked at. Nothing when it
  /// would have to be made. Later calls throw Corruption when they find damage, after which open() makes the
  /// index again; and Busy like open().
  static std::optional<ServerCatalog> open_to_read(const store::ServerLayout& layout);
  /// Opens the index to keep it: looks through it, puts right by names what a crash left between file and
  /// row, and makes it from the files when it is missing or damaged (see opened_anew()). Throws Busy when
  /// another process has held it for kPatience; so does every other call.
  static ServerCatalog open(const store::ServerLayout& layout);
  /// Opens the index to add to it, if that can be done at once: nothing when another process holds it, or
  /// when it would have to be made. Its rows may be damaged or behind the files. Each call throws Busy rather
  /// than wait.
  static std::optional<ServerCatalog> open_if_free(const store::ServerLayout& layout);
  /// Removes the index, which the next open() makes again, unless another process holds it: false then.
  static bool discard(const store::ServerLayout& layout);
  /// Makes the index again from the files alone, beside the old one, and puts it in its place.
  static ServerCatalog rebuild(const store::ServerLayout& layout);
  /// Why the index that was there had to be made again, for a warning.
  const std::optional<std::string>& opened_anew() const noexcept { return opened_anew_; }
  /// Files that are there but could not be understood, and are not in the index for that: a message each, for
  /// a warning.
  const std::vector<std::string>& unreadable() const noexcept { return unreadable_; }

  // What is there in the files and not in the index. What cannot be read is among unreadable().
  void add_backups();
  /// Of the segments that `names` has the newest that are missing, at most so many.
  void add_segments(const WalArchive& archive, const WalInventory& names, std::size_t at_most);
  /// As their files tell now, in the place of the rows that are there for them.
  void read_again(const WalArchive& archive, const SegmentSet& segments);
  void add_runs();

  /// In the place of the row that is there for that segment.
  void add_segment(const SegmentRow& row);
  void remove_backup(const store::BackupId& id);
  void remove_segments(const SegmentSet& segments);

  std::vector<store::BackupRecord> backups();       // oldest first
  std::vector<RunRecord> runs(std::size_t newest);  // newest first, with their current outcome
  /// By timeline and number.
  void for_each_segment(const std::function<void(const SegmentRow&)>& visit);
  std::uint64_t segment_count();
  /// Those of `segments` that have a row.
  SegmentSet known_of(const SegmentSet& segments);
  /// Of the rows of these segments, a sum for each run.
  std::vector<SegmentSum> sums(std::span<const SegmentRun> runs);
  /// How far the journal of runs was read: a position in it.
  std::uint64_t journal_read_to();
  /// The whole content as text, one line a row, sorted: two indexes are equal when these are.
  std::string dump();

 private:
  /// What it was opened for: to ask, to add rows without waiting, to keep it whole.
  enum class Use { ask, add, keep };
  ServerCatalog(const store::ServerLayout& layout, io::Database database, Use use);
  static ServerCatalog open_for(Use use, const store::ServerLayout& layout);
  static ServerCatalog make_anew(const store::ServerLayout& layout);
  void create_schema();
  void check_layout();
  void check_content();
  void check_numbers();
  void reconcile();
  void reconcile_backups();
  void reconcile_wal();
  void put_unknown_segments(const WalArchive& archive, const WalInventory& names, std::size_t at_most);
  void reconcile_runs();
  /// The database, after having changed to the one that lies under the name now.
  io::Database& current();

  store::ServerLayout layout_;
  Use use_;
  io::Database database_;
  dev_t device_ = 0;  // of the file that database_ has open
  ino_t inode_ = 0;
  std::optional<std::string> opened_anew_;
  std::vector<std::string> unreadable_;
};

/// Whether the index has to be made again: it is damaged, and not one of the files that are read with it.
bool is_index_damage(const store::ServerLayout& layout, const Error& error);

}  // namespace pgkeep::catalog
