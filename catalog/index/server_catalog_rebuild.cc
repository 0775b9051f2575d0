#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <set>

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
constexpr std::int64_t kVersion = 3;
/// Segments that are read before their rows are written, in one transaction.
constexpr std::uint64_t kRowsAtOnce = 10'000;

/// Word for word as SQLite keeps it, which is how an index of another layout is told whatever version it
/// claims.
constexpr std::array kSchema{
    "CREATE TABLE backups (id TEXT PRIMARY KEY, ended INTEGER NOT NULL, record TEXT NOT NULL)",
    "CREATE TABLE segments (timeline INTEGER NOT NULL, number INTEGER NOT NULL, begin_lsn INTEGER NOT NULL,"
    " end_lsn INTEGER NOT NULL, stored_bytes INTEGER NOT NULL, first_time INTEGER, last_time INTEGER,"
    " commits_known INTEGER NOT NULL, earliest_commit INTEGER, latest_commit INTEGER,"
    " PRIMARY KEY (timeline, number)) WITHOUT ROWID",
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

SegmentSet indexed_segments(io::Database& database) {
  SegmentSet segments;
  auto row = database.prepare("SELECT timeline, number FROM segments ORDER BY timeline, number");
  while (row.step()) {
    segments.insert(postgres::WalSegment{postgres::TimelineId(static_cast<std::uint32_t>(row.integer(0))),
                                         static_cast<std::uint64_t>(row.integer(1))});
  }
  return segments;
}

}  // namespace

ServerCatalog::ServerCatalog(const store::ServerLayout& layout, io::Database database, Use use)
    : layout_(layout), use_(use), database_(std::move(database)) {
  database_.wait_at_most(use == Use::add ? std::chrono::milliseconds(0) : kPatience);
  struct stat status {};
  if (::stat(database_.path().c_str(), &status) != 0) {
    const int cause = errno;
    throw StorageError(cause, database_.path(), "look at the file");
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

/// The index that is there. The caller holds the lock. Throws Corruption when it is no index of this version,
/// or is found to be damaged by who keeps it.
ServerCatalog ServerCatalog::open_for(Use use, const store::ServerLayout& layout) {
  const auto mode = use == Use::ask ? io::Database::Mode::read_only : io::Database::Mode::read_write;
  ServerCatalog catalog(layout, io::Database(layout.index(), mode), use);
  catalog.check_layout();
  if (use == Use::ask) return catalog;
  catalog.database_.use_write_ahead_log();
  // What the last moments before a power cut added is read from the files again, so no commit waits for the
  // disk.
  catalog.database_.execute("PRAGMA synchronous = NORMAL");
  if (use == Use::add) return catalog;
  catalog.check_content();
  catalog.reconcile();
  return catalog;
}

std::optional<ServerCatalog> ServerCatalog::open_to_read(const store::ServerLayout& layout) {
  if (!io::is_there(layout.index())) return std::nullopt;
  const auto lock = lock_index(layout, kPatience);
  if (!io::is_there(layout.index())) return std::nullopt;
  try {
    return open_for(Use::ask, layout);
  } catch (const Error& error) {
    if (!is_index_damage(layout, error)) throw;
    return std::nullopt;  // open() makes it again, and says why
  }
}

std::optional<ServerCatalog> ServerCatalog::open_if_free(const store::ServerLayout& layout) {
  const auto lock = try_lock_index(layout, {});
  if (!lock || !io::is_there(layout.index())) return std::nullopt;
  try {
    return open_for(Use::add, layout);
  } catch (const Busy&) {
    return std::nullopt;
  } catch (const Error& error) {
    if (!is_index_damage(layout, error)) throw;
    return std::nullopt;  // who reads it makes it again, and says so
  }
}

ServerCatalog ServerCatalog::open(const store::ServerLayout& layout) {
  io::make_directories(layout.root());
  const auto lock = lock_index(layout, kPatience);
  // Every server's first reader finds none, and one that was removed took nothing with it.
  if (!io::is_there(layout.index())) return make_anew(layout);
  std::string reason;
  try {
    return open_for(Use::keep, layout);
  } catch (const Error& error) {
    if (!is_index_damage(layout, error)) throw;
    reason = error.what();
  }
  auto catalog = make_anew(layout);
  catalog.opened_anew_ = std::move(reason);
  return catalog;
}

bool ServerCatalog::discard(const store::ServerLayout& layout) {
  const auto lock = try_lock_index(layout, {});
  if (lock) remove_database(layout.index());
  return lock.has_value();
}

bool is_index_damage(const store::ServerLayout& layout, const Error& error) {
  const auto* storage = dynamic_cast<const StorageError*>(&error);
  return is_damage(error) && (!storage || storage->path() == layout.index());
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
    ServerCatalog fresh(layout, io::Database(fresh_path, io::Database::Mode::create), Use::keep);
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
  return open_for(Use::keep, layout);  // reads what cannot be understood once more, for unreadable()
}

io::Database& ServerCatalog::current() {
  struct stat status {};
  const bool there = ::stat(layout_.index().c_str(), &status) == 0;
  if (there && (status.st_dev != device_ || status.st_ino != inode_)) {
    const auto lock = lock_index(layout_, use_ == Use::add ? std::chrono::milliseconds(0) : kPatience);
    auto opened_anew = std::move(opened_anew_);
    *this = open_for(use_, layout_);
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
    for_each_segment([](const SegmentRow&) {});
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
  const auto there = rows::committed_backups(layout_);
  const auto records = rows::read_backups(layout_, rows::without(there, known), unreadable_);
  const auto gone = rows::without(known, there);
  if (records.empty() && gone.empty()) return;
  io::Transaction transaction(database_);
  for (const auto& record : records) rows::put_backup(database_, record);
  for (const auto& id : gone) rows::remove_backup(database_, id);
  transaction.commit();
}

void ServerCatalog::reconcile_wal() {
  const auto known = indexed_segments(database_);
  WalInventory names;
  try {
    if (const auto identity = read_identity(layout_)) {
      const WalArchive archive(layout_, *identity);
      names = archive.inventory();
      put_unknown_segments(archive, names, names.segments.size());
    }
  } catch (const Corruption& damage) {  // of the identity: then the names mean nothing
    unreadable_.emplace_back(damage.what());
    return;
  }
  rows::remove_segments(database_, known.without(names.segments));
}

void ServerCatalog::remove_segments(const SegmentSet& segments) {
  rows::remove_segments(current(), segments);
}

void ServerCatalog::add_backups() {
  current();
  unreadable_.clear();
  reconcile_backups();
}

void ServerCatalog::add_segments(const WalArchive& archive, const WalInventory& names, std::size_t at_most) {
  current();
  unreadable_.clear();
  put_unknown_segments(archive, names, at_most);
}

void ServerCatalog::put_unknown_segments(const WalArchive& archive, const WalInventory& names,
                                         std::size_t at_most) {
  auto unknown = names.segments.without(indexed_segments(database_)).last(at_most);
  while (!unknown.empty()) {
    const auto next = unknown.last(kRowsAtOnce);
    const auto read = rows::read_segments(archive, next, unreadable_);
    // A row that has come meanwhile may be of a file that has taken the place of the one that was read.
    rows::put_segments(database_, read, rows::Known::stays);
    unknown = unknown.without(next);
  }
}

void ServerCatalog::read_again(const WalArchive& archive, const SegmentSet& segments) {
  current();
  unreadable_.clear();
  rows::put_segments(database_, rows::read_segments(archive, segments, unreadable_),
                     rows::Known::is_replaced);
}

std::uint64_t ServerCatalog::journal_read_to() {
  return static_cast<std::uint64_t>(read_meta(current(), kJournalPosition).value_or(0));
}

void ServerCatalog::add_runs() {
  current();
  reconcile_runs();
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
