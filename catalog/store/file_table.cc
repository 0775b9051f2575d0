#include "catalog/store/file_table.h"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"

namespace pgkeep::store {
namespace {

// Word for word as SQLite keeps it: a table of any other layout is not ours.
constexpr const char* kFilesTable =
    "CREATE TABLE files(\n"
    "    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,\n"
    "    mode INTEGER NOT NULL, modified INTEGER NOT NULL, crc32c INTEGER NOT NULL, pieces BLOB NOT NULL,\n"
    "    piece_crcs BLOB NOT NULL)";
constexpr const char* kFilesTableOfVersion1 =
    "CREATE TABLE files(\n"
    "    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,\n"
    "    mode INTEGER NOT NULL, modified INTEGER NOT NULL, crc32c INTEGER NOT NULL, pieces BLOB NOT NULL)";
constexpr const char* kPacksTable = "CREATE TABLE packs(pack INTEGER PRIMARY KEY, used BLOB NOT NULL)";

constexpr std::int64_t kApplication = 1885826149;
constexpr std::int64_t kVersion = 2;

// No journal and no syncs by SQLite: the file counts only once it is whole, and finish() syncs it.
constexpr const char* kPragmas = R"(
  PRAGMA journal_mode = OFF;
  PRAGMA synchronous = OFF;
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA application_id = 1885826149;
  PRAGMA user_version = 2;)";

constexpr std::string_view kColumns = "id, kind, path, size, mode, modified, crc32c, pieces";
constexpr int kPieceCrcs = 8;  // the column after those
constexpr std::size_t kCrcBytes = 4;
constexpr std::uint64_t kMostMode = 07777;
constexpr std::size_t kMaxUsedBytes = 64u << 10;  // far more objects than a pack has

std::string select_files(bool with_crcs, std::string_view rest) {
  return fmt::format("SELECT {}{} FROM files {}", kColumns, with_crcs ? ", piece_crcs" : "", rest);
}

/// A whole number in a column, from 0 to `most`.
std::uint64_t number(const io::Statement& row, int column, std::uint64_t most, std::string_view what) {
  const auto value = row.integer(column);
  if (value < 0 || static_cast<std::uint64_t>(value) > most)
    throw Corruption(fmt::format("{} is no {}", value, what));
  return static_cast<std::uint64_t>(value);
}

/// Returns the version. Nothing of the file is trusted, so what it may contain is asked for first.
std::int64_t check_layout(io::Database& database) {
  const auto ask = [&](const char* sql) {
    auto answer = database.prepare(sql);
    return answer.step() ? answer.integer(0) : 0;
  };
  if (ask("PRAGMA application_id") != kApplication) throw Corruption("it is no file table");
  const auto version = ask("PRAGMA user_version");
  if (version < 1) throw Corruption("it is no file table");
  if (version > kVersion)
    throw Corruption(fmt::format("version {} is newer than this program knows ({}); use a newer pgkeep",
                                 version, kVersion));
  const std::set<std::string> ours{version == 1 ? kFilesTableOfVersion1 : kFilesTable, kPacksTable};
  std::set<std::string> found;
  auto row = database.prepare("SELECT type, name, sql FROM sqlite_schema");
  while (row.step()) {
    const auto sql = row.optional_text(2);
    const bool own_index = !sql && row.text(0) == "index" && row.text(1) == "sqlite_autoindex_files_1";
    if (own_index) continue;
    if (!sql || !ours.contains(*sql) || !found.insert(*sql).second)
      throw Corruption(fmt::format("it has a {} that no file table has", row.text(0)));
  }
  if (found != ours) throw Corruption("a table is missing");
  return version;
}

/// Adds the path to what is wrong with the file.
template <typename Read>
auto naming(const std::filesystem::path& path, Read&& read) {
  try {
    return read();
  } catch (const Corruption& error) {
    const std::string_view why = error.what();
    if (why.starts_with(path.native())) throw;  // SQLite's own
    throw Corruption(fmt::format("{}: {}", path.native(), why));
  }
}

/// A file that says that it has a write-ahead log makes SQLite look for one, and make one, beside it: reading
/// would write, and as root leave files that the owner cannot remove.
void require_no_log(const std::filesystem::path& path) {
  constexpr std::uint64_t kReadVersionAt = 19;  // SQLite's database header: 1 is a rollback journal
  const auto file = io::File::open_to_read(path);
  io::ByteVector version(1);
  if (file.read_at(version, kReadVersionAt) == 1 && version[0] != std::byte{1})
    throw Corruption(
        fmt::format("{}: it is no file table: it says that it has a write-ahead log", path.native()));
}

/// SQLite's database with the limits that a file from anywhere needs.
io::Database open_distrusted(const std::filesystem::path& path) {
  require_no_log(path);
  io::Database database(path, io::Database::Mode::read_only);
  database.distrust();
  return database;
}

void put_varint(io::ByteVector& out, std::uint32_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::byte>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::byte>(value));
}

std::uint32_t get_varint(io::ByteView& in) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 35 && !in.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(in.front());
    in = in.subspan(1);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0 && value <= 0xFFFFFFFF) return static_cast<std::uint32_t>(value);
  }
  throw Corruption("file table: a list of pieces is damaged");
}

bool continues_run(const ObjectRef& before, const ObjectRef& ref) {
  return ref.pack == before.pack && (ref.is_zero() || ref.object == before.object + 1);
}

std::vector<std::uint32_t> decode_crcs(io::ByteView bytes, std::size_t count) {
  if (bytes.size() != count * kCrcBytes)
    throw Corruption("file table: a file has not one CRC for each of its pieces");
  std::vector<std::uint32_t> crcs(count);
  for (std::size_t i = 0; i < count; ++i) crcs[i] = io::load_le<std::uint32_t>(&bytes[i * kCrcBytes]);
  return crcs;
}

io::ByteVector encode_crcs(const std::vector<std::uint32_t>& crcs) {
  io::ByteVector bytes(crcs.size() * kCrcBytes);
  for (std::size_t i = 0; i < crcs.size(); ++i) io::store_le(&bytes[i * kCrcBytes], crcs[i]);
  return bytes;
}

FileEntry read_entry(const io::Statement& row, bool with_crcs, std::uint64_t data_bytes) {
  FileEntry entry;
  entry.id = row.integer(0);
  const auto path = io::as_text(row.blob(2));
  if (path.empty() || path.size() > kMaxPathBytes || path.find('\0') != path.npos)
    throw Corruption("an entry has a path that no file can have");
  entry.path = path;
  try {
    entry.kind = static_cast<EntryKind>(number(row, 1, 2, "kind of entry"));
    if (entry.kind != EntryKind::file && entry.kind != EntryKind::directory)
      throw Corruption("0 is no kind of entry");
    entry.size = number(row, 3, std::min(data_bytes, kMaxFileBytes), "size of a file of this backup");
    entry.mode = static_cast<std::uint32_t>(number(row, 4, kMostMode, "mode"));
    entry.modified = row.integer(5);
    entry.crc32c =
        static_cast<std::uint32_t>(number(row, 6, std::numeric_limits<std::uint32_t>::max(), "CRC"));
    const auto pieces = entry.kind == EntryKind::file ? pieces_in(entry.size) : 0;
    // Before the pieces, which can say in a few bytes that there are millions.
    if (with_crcs) entry.piece_crcs = decode_crcs(row.blob(kPieceCrcs), pieces);
    entry.pieces = decode_pieces(row.blob(7), pieces);
  } catch (const Corruption& error) {
    throw Corruption(fmt::format("{}: {}", entry.path, error.what()));
  }
  return entry;
}

}  // namespace

io::ByteVector encode_pieces(const std::vector<ObjectRef>& pieces) {
  io::ByteVector out;
  for (std::size_t first = 0; first < pieces.size();) {
    std::size_t end = first + 1;
    while (end < pieces.size() && continues_run(pieces[end - 1], pieces[end])) ++end;
    put_varint(out, static_cast<std::uint32_t>(end - first));
    put_varint(out, pieces[first].pack);
    put_varint(out, pieces[first].is_zero() ? 0 : pieces[first].object);
    first = end;
  }
  return out;
}

std::vector<ObjectRef> decode_pieces(io::ByteView bytes, std::uint64_t count) {
  std::vector<ObjectRef> pieces;
  while (!bytes.empty()) {
    const auto run = get_varint(bytes);
    const auto pack = get_varint(bytes);
    const auto first = get_varint(bytes);
    if (run == 0 || run > count - pieces.size()) throw Corruption("file table: a file has too many pieces");
    for (std::uint32_t i = 0; i < run; ++i) pieces.push_back({pack, pack == 0 ? 0 : first + i});
  }
  if (pieces.size() != count) throw Corruption("file table: a file has too few pieces");
  return pieces;
}

FileTableWriter::FileTableWriter(const std::filesystem::path& path) : path_(path) {
  io::File::create(path).close();
  database_ = std::make_unique<io::Database>(path, io::Database::Mode::read_write);
  for (const auto* sql : {kPragmas, kFilesTable, kPacksTable, "BEGIN"}) database_->execute(sql);
  insert_ = std::make_unique<io::Statement>(
      database_->prepare("INSERT INTO files(kind, path, size, mode, modified, crc32c, pieces, piece_crcs)"
                         " VALUES(?,?,?,?,?,?,?,?)"));
  find_ = std::make_unique<io::Statement>(database_->prepare(select_files(true, "WHERE path = ?")));
}

void FileTableWriter::add(const FileEntry& entry) {
  insert_->bind(1, static_cast<std::int64_t>(entry.kind))
      .bind_blob(2, io::as_bytes(entry.path))
      .bind(3, static_cast<std::int64_t>(entry.size))
      .bind(4, static_cast<std::int64_t>(entry.mode))
      .bind(5, entry.modified)
      .bind(6, static_cast<std::int64_t>(entry.crc32c))
      .bind_blob(7, encode_pieces(entry.pieces))
      .bind_blob(8, encode_crcs(entry.piece_crcs))
      .run();
}

void FileTableWriter::add_pack(std::uint32_t pack, io::ByteView used) {
  database_->prepare("INSERT INTO packs(pack, used) VALUES(?,?)")
      .bind(1, static_cast<std::int64_t>(pack))
      .bind_blob(2, used)
      .run();
}

std::optional<FileEntry> FileTableWriter::find(std::string_view path) {
  find_->bind_blob(1, io::as_bytes(path));
  std::optional<FileEntry> entry;
  if (find_->step()) entry = read_entry(*find_, true, kMaxFileBytes);
  find_->reset();
  return entry;
}

void FileTableWriter::finish() {
  insert_.reset();
  find_.reset();
  database_->execute("COMMIT");
  database_.reset();
  auto file = io::File::open_or_create(path_);
  file.sync();
  file.close();
}

FileTable::FileTable(const std::filesystem::path& path, std::optional<std::uint64_t> data_bytes)
    : path_(path),
      data_bytes_(data_bytes.value_or(kMaxFileBytes)),
      database_(open_distrusted(path)),
      has_crcs_(naming(path, [&] { return check_layout(database_) > 1; })),
      find_(database_.prepare(select_files(has_crcs_, "WHERE path = ?"))) {}

FileEntry FileTable::read(const io::Statement& row) const {
  return naming(path_, [&] { return read_entry(row, has_crcs_, data_bytes_); });
}

void FileTable::for_each(const std::function<void(FileEntry&&)>& visit) {
  auto rows = database_.prepare(select_files(has_crcs_, "ORDER BY id"));
  std::int64_t last = 0;
  while (rows.step()) {
    auto entry = read(rows);
    // Pages that name each other in circles come again and again, and without an end.
    if (entry.id <= last) throw Corruption(fmt::format("{}: entries come twice", path_.native()));
    last = entry.id;
    visit(std::move(entry));
  }
}

std::optional<FileEntry> FileTable::find(std::string_view path) {
  find_.reset();  // an entry that was damaged has left it in the middle
  find_.bind_blob(1, io::as_bytes(path));
  std::optional<FileEntry> entry;
  if (find_.step()) entry = read(find_);
  find_.reset();
  return entry;
}

std::map<std::uint32_t, io::ByteVector> FileTable::packs() {
  return naming(path_, [&] {
    std::map<std::uint32_t, io::ByteVector> packs;
    auto rows = database_.prepare("SELECT pack, used FROM packs ORDER BY pack");
    while (rows.step()) {
      const auto pack = static_cast<std::uint32_t>(
          number(rows, 0, std::numeric_limits<std::uint32_t>::max(), "number of a pack"));
      const auto used = rows.blob(1);
      if (pack == 0 || used.size() > kMaxUsedBytes) throw Corruption("it names a pack that cannot be");
      if (!packs.empty() && pack <= packs.rbegin()->first) throw Corruption("packs come twice");
      packs.emplace_hint(packs.end(), pack, io::ByteVector(used.begin(), used.end()));
    }
    return packs;
  });
}

}  // namespace pgkeep::store
