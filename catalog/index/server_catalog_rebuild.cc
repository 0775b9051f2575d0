#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <limits>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/index/server_catalog.h"
#include "catalog/index/server_catalog_rows.h"
#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"

namespace pgkeep::catalog {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSchemaVersion = "schema_version";  // keys of meta
constexpr std::string_view kJournalPosition = "journal_position";
constexpr std::int64_t kVersion = 2;

/// Word for word as SQLite keeps it, which is how an index of another layout is told whatever version it
/// claims.
constexpr std::array kSchema{
    "CREATE TABLE backups (id TEXT PRIMARY KEY, ended INTEGER NOT NULL, record TEXT NOT NULL)",
    "CREATE TABLE segments (timeline INTEGER NOT NULL, number INTEGER NOT NULL, begin_lsn INTEGER NOT NULL,"
    " end_lsn INTEGER NOT NULL, stored_bytes INTEGER NOT NULL, first_time INTEGER, last_time INTEGER,"
    " commits_known INTEGER NOT NULL, earliest_commit INTEGER, latest_commit INTEGER,"
    " PRIMARY KEY (timeline, number)) WITHOUT ROWID",
    "CREATE INDEX segments_newest ON segments (number, timeline)",
    "CREATE TABLE histories (timeline INTEGER PRIMARY KEY, content BLOB NOT NULL)",
    "CREATE TABLE runs (id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL,"
    " started INTEGER NOT NULL, ended INTEGER, outcome TEXT NOT NULL, error TEXT NOT NULL,"
    " details TEXT NOT NULL, process TEXT NOT NULL)",
    "CREATE INDEX runs_newest ON runs (started, id)",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)",
};

fs::path beside(const fs::path& index, std::string_view suffix) {
  return fs::path(index.native() + std::string(suffix));
}

/// Held while the index is opened, looked through or replaced: nobody opens one file's log with another file.
/// Nothing when another process still holds it after `patience`.
std::optional<io::File> try_lock_index(const store::ServerLayout& layout,
                                       std::chrono::milliseconds patience) {
  auto file = io::File::open_or_create(beside(layout.index(), ".lock"));
  if (!io::lock_alone_within(file, patience)) return std::nullopt;
  return file;
}

io::File lock_index(const store::ServerLayout& layout, std::chrono::milliseconds patience) {
  if (auto lock = try_lock_index(layout, patience)) return std::move(*lock);
  const auto path = beside(layout.index(), ".lock");
  throw Busy(
      fmt::format("{}: another process holds the index; `fuser -v {}` names it. Nothing is lost: "
                  "what it does not get is read from the files later",
                  path.native(), path.native()));
}

void remove_database(const fs::path& path) {
  // The file itself first: its log without it is nothing, but it without its log could be half of a change.
  for (const auto suffix : {"", "-wal", "-shm", "-journal"}) io::remove_file(beside(path, suffix));
}

std::optional<std::int64_t> read_meta(io::Database& database, std::string_view key) {
  auto row = database.prepare("SELECT value FROM meta WHERE key = ?");
  if (!row.bind(1, key).step()) return std::nullopt;
  return row.integer(0);
}

void write_meta(io::Database& database, std::string_view key, std::int64_t value) {
  database.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")
      .bind(1, key)
      .bind(2, value)
      .run();
}

/// The committed backups, by their names.
std::set<std::string> committed_backups(const store::ServerLayout& layout) {
  std::set<std::string> ids;
  std::error_code error;
  for (fs::directory_iterator at(layout.backups(), error), end; !error && at != end; at.increment(error)) {
    const auto id = store::BackupId::parse(at->path().filename().native());
    std::error_code unused;  // what cannot be looked at counts as there: reading it will say why
    if (id && fs::symlink_status(layout.record(*id), unused).type() != fs::file_type::not_found) {
      ids.insert(id->to_string());
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw StorageError(error.value(), layout.backups(), "list");
  }
  return ids;
}

template <typename Set>
std::vector<typename Set::value_type> without(const Set& all, const Set& known) {
  std::vector<typename Set::value_type> rest;
  std::ranges::set_difference(all, known, std::back_inserter(rest));
  return rest;
}

std::vector<postgres::WalSegment> indexed_segments(io::Database& database) {
  std::vector<postgres::WalSegment> segments;
  auto row = database.prepare("SELECT timeline, number FROM segments ORDER BY timeline, number");
  while (row.step()) {
    segments.push_back({postgres::TimelineId(static_cast<std::uint32_t>(row.integer(0))),
                        static_cast<std::uint64_t>(row.integer(1))});
  }
  return segments;
}

std::set<postgres::TimelineId> indexed_histories(io::Database& database) {
  std::set<postgres::TimelineId> timelines;
  auto row = database.prepare("SELECT timeline FROM histories");
  while (row.step()) timelines.insert(postgres::TimelineId(static_cast<std::uint32_t>(row.integer(0))));
  return timelines;
}

struct ArchiveRows {
  std::vector<SegmentRow> segments;
  std::vector<std::pair<postgres::TimelineId, std::string>> histories;
};

/// One file that is damaged, or that this user may not open, keeps nobody from the others.
void pass_over(const Error& error, std::vector<std::string>& unreadable) {
  if (!is_denied(error) && dynamic_cast<const Corruption*>(&error) == nullptr) throw;
  unreadable.emplace_back(error.what());
}

/// Opens the files that the index does not know.
ArchiveRows read_archive(const WalArchive& archive, const std::vector<postgres::WalSegment>& segments,
                         const std::vector<postgres::TimelineId>& histories,
                         std::vector<std::string>& unreadable) {
  ArchiveRows rows;
  for (const auto& segment : segments) {
    try {
      const auto file = archive.open_segment(segment);
      if (!file) continue;  // it has gone since
      const auto row = rows::segment_row(file->header(), file->stored_bytes());
      rows::stored(row.end.value());  // refuses now what could not be a row
      rows.segments.push_back(row);
    } catch (const Error& error) {
      pass_over(error, unreadable);
    }
  }
  for (const auto timeline : histories) {
    try {
      if (auto content = archive.read_history(timeline))
        rows.histories.emplace_back(timeline, std::move(*content));
    } catch (const Corruption& damage) {
      unreadable.emplace_back(damage.what());
    }
  }
  return rows;
}

}  // namespace

ServerCatalog::ServerCatalog(const store::ServerLayout& layout, io::Database database,
                             std::chrono::milliseconds patience)
    : layout_(layout), patience_(patience), database_(std::move(database)) {
  database_.wait_at_most(patience_);
  struct stat status {};
  if (::stat(database_.path().c_str(), &status) != 0) {
    const int cause = errno;
    throw StorageError(cause, database_.path(), "look at the file");
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

/// The caller holds the lock. Throws Corruption when it is no index of this version.
ServerCatalog ServerCatalog::open_as_it_is(const store::ServerLayout& layout,
                                           std::chrono::milliseconds patience) {
  ServerCatalog catalog(layout, io::Database(layout.index(), io::Database::Mode::read_write), patience);
  catalog.check_layout();
  catalog.database_.use_write_ahead_log();
  // What the last moments before a power cut added is read from the files again, so no commit waits for the
  // disk.
  catalog.database_.execute("PRAGMA synchronous = NORMAL");
  return catalog;
}

/// The index that is there. The caller holds the lock. Throws Corruption when it is damaged.
ServerCatalog ServerCatalog::open_sound(const store::ServerLayout& layout) {
  auto catalog = open_as_it_is(layout, kPatience);
  catalog.check_content();
  catalog.reconcile();
  return catalog;
}

std::optional<ServerCatalog> ServerCatalog::open_if_free(const store::ServerLayout& layout) {
  const auto lock = try_lock_index(layout, {});
  if (!lock) return std::nullopt;
  std::error_code error;
  if (fs::symlink_status(layout.index(), error).type() == fs::file_type::not_found) return std::nullopt;
  try {
    return open_as_it_is(layout, {});
  } catch (const Busy&) {
    return std::nullopt;
  } catch (const Corruption&) {
    return std::nullopt;  // who reads it makes it again, and says so
  }
}

std::optional<std::string> note_in_index(const store::ServerLayout& layout,
                                         const std::function<void(ServerCatalog&)>& note) {
  try {
    if (auto index = ServerCatalog::open_if_free(layout)) note(*index);
  } catch (const Busy&) {
    return std::nullopt;
  } catch (const std::exception& error) {
    return error.what();
  }
  return std::nullopt;
}

ServerCatalog ServerCatalog::open(const store::ServerLayout& layout) {
  io::make_directories(layout.root());
  const auto lock = lock_index(layout, kPatience);
  std::error_code error;
  // Every server's first reader finds none, and one that was removed took nothing with it.
  if (fs::symlink_status(layout.index(), error).type() == fs::file_type::not_found) return make_anew(layout);
  std::string reason;
  try {
    return open_sound(layout);
  } catch (const Corruption& damage) {
    reason = damage.what();
  }
  auto catalog = make_anew(layout);
  catalog.opened_anew_ = std::move(reason);
  return catalog;
}

ServerCatalog ServerCatalog::rebuild(const store::ServerLayout& layout) {
  io::make_directories(layout.root());
  const auto lock = lock_index(layout, kPatience);
  return make_anew(layout);
}

/// The caller holds the lock.
ServerCatalog ServerCatalog::make_anew(const store::ServerLayout& layout) {
  const auto fresh_path = beside(layout.index(), ".new");
  remove_database(fresh_path);
  {
    ServerCatalog fresh(layout, io::Database(fresh_path, io::Database::Mode::create), kPatience);
    // Nobody sees it before it is whole and on disk.
    fresh.database_.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    fresh.create_schema();
    fresh.reconcile();
  }
  auto file = io::File::open_or_create(fresh_path);
  file.sync();
  file.close();
  remove_database(layout.index());
  io::rename_durably(fresh_path, layout.index());
  return open_sound(layout);  // reads what cannot be understood once more, for unreadable()
}

io::Database& ServerCatalog::current() {
  struct stat status {};
  const bool there = ::stat(layout_.index().c_str(), &status) == 0;
  if (there && (status.st_dev != device_ || status.st_ino != inode_)) {
    const auto lock = lock_index(layout_, patience_);
    auto opened_anew = std::move(opened_anew_);
    *this = patience_ == patience_.zero() ? open_as_it_is(layout_, patience_) : open_sound(layout_);
    opened_anew_ = std::move(opened_anew);
  }
  return database_;
}

void ServerCatalog::create_schema() {
  io::Transaction transaction(database_);
  for (const auto* statement : kSchema) database_.execute(statement);
  write_meta(database_, kSchemaVersion, kVersion);
  transaction.commit();
}

void ServerCatalog::check_content() {
  const auto refuse = [&](std::string_view why) {
    throw Corruption(fmt::format("{}: the index is damaged: {}", database_.path().native(), why));
  };
  auto pages = database_.prepare("PRAGMA quick_check(1)");
  if (!pages.step()) refuse("nothing is known of its pages");
  if (const auto found = pages.text(0); found != "ok") refuse(found);
  pages.reset();
  // SQLite keeps no checksums: a bit that flipped in a value is seen only by who reads it.
  try {
    backups();
    segments();
    runs(std::numeric_limits<std::size_t>::max());
  } catch (const Corruption& damage) {
    refuse(damage.what());
  }
}

void ServerCatalog::check_layout() {
  const auto refuse = [&](std::string_view why) {
    throw Corruption(fmt::format("{}: {}", database_.path().native(), why));
  };
  std::vector<std::string> expected(kSchema.begin(), kSchema.end());
  std::vector<std::string> found;
  auto statement = database_.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL");
  while (statement.step()) found.push_back(statement.text(0));
  std::ranges::sort(expected);
  std::ranges::sort(found);
  if (found != expected) refuse("the index is laid out as another version of pgkeep does, or not at all");
  const auto version = read_meta(database_, kSchemaVersion).value_or(0);
  if (version != kVersion) refuse(fmt::format("the index has version {}, not {}", version, kVersion));
}

// In each of the following the index is read before the names: a row's file was there before the row, so a
// row without a name is one whose file has gone, whatever other processes add meanwhile.
void ServerCatalog::reconcile() {
  unreadable_.clear();
  reconcile_backups();
  reconcile_wal();
  reconcile_runs();
}

void ServerCatalog::reconcile_backups() {
  std::set<std::string> known;
  auto row = database_.prepare("SELECT id FROM backups");
  while (row.step()) known.insert(row.text(0));
  row.reset();
  const auto there = committed_backups(layout_);
  std::vector<store::BackupRecord> records;
  for (const auto& id : without(there, known)) {
    try {
      if (auto record = read_backup_record(layout_, store::BackupId::parse(id).value())) {
        records.push_back(std::move(*record));
      }
    } catch (const Error& error) {
      pass_over(error, unreadable_);
    }
  }
  const auto gone = without(known, there);
  if (records.empty() && gone.empty()) return;
  io::Transaction transaction(database_);
  for (const auto& record : records) rows::put_backup(database_, record);
  for (const auto& id : gone) rows::remove_backup(database_, id);
  transaction.commit();
}

void ServerCatalog::reconcile_wal() {
  const auto known_segments = indexed_segments(database_);
  const auto known_histories = indexed_histories(database_);
  WalInventory inventory;
  std::set<postgres::TimelineId> histories;
  ArchiveRows missing;
  try {
    if (const auto identity = read_identity(layout_)) {
      const WalArchive archive(layout_, *identity);
      inventory = archive.inventory();
      for (const auto& [timeline, history] : inventory.histories) histories.insert(timeline);
      for (const auto& [timeline, damage] : inventory.damaged_histories) unreadable_.push_back(damage);
      missing = read_archive(archive, without(inventory.segments, known_segments),
                             without(histories, known_histories), unreadable_);
    }
  } catch (const Corruption& damage) {  // of the identity: then the names mean nothing
    unreadable_.emplace_back(damage.what());
    return;
  }
  const auto gone_segments = without(known_segments, inventory.segments);
  const auto gone_histories = without(known_histories, histories);
  if (missing.segments.empty() && missing.histories.empty() && gone_segments.empty() &&
      gone_histories.empty()) {
    return;
  }
  io::Transaction transaction(database_);
  for (const auto& row : missing.segments) rows::put_segment(database_, row);
  for (const auto& [timeline, content] : missing.histories) rows::put_history(database_, timeline, content);
  for (const auto& segment : gone_segments) rows::remove_segment(database_, segment);
  for (const auto timeline : gone_histories) rows::remove_history(database_, timeline);
  transaction.commit();
}

void ServerCatalog::reconcile_runs() {
  const RunJournal journal(layout_);
  const auto from = static_cast<std::uint64_t>(read_meta(database_, kJournalPosition).value_or(0));
  RunJournal::Lines lines;
  bool another = false;  // not the journal that was read before
  try {
    lines = journal.read_lines(from);
  } catch (const Corruption&) {
    another = true;
    lines = journal.read_lines(0);
  }
  if (lines.end == from) return;
  io::Transaction transaction(database_);
  if (another) database_.execute("DELETE FROM runs");
  for (const auto& run : lines.records) rows::put_run(database_, run);
  write_meta(database_, kJournalPosition, rows::stored(lines.end));
  transaction.commit();
}

}  // namespace pgkeep::catalog
