#include "catalog/store/file_table.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"

namespace pgkeep::store {
namespace {

// No journal and no syncs by SQLite: the file counts only once it is whole, and finish() syncs it.
constexpr const char* kSchema = R"(
  PRAGMA journal_mode = OFF;
  PRAGMA synchronous = OFF;
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA application_id = 1885826149;
  PRAGMA user_version = 1;
  CREATE TABLE files(
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
    mode INTEGER NOT NULL, modified INTEGER NOT NULL, crc32c INTEGER NOT NULL, pieces BLOB NOT NULL);
  CREATE TABLE packs(pack INTEGER PRIMARY KEY, used BLOB NOT NULL);
  BEGIN;)";

constexpr const char* kColumns = "SELECT id, kind, path, size, mode, modified, crc32c, pieces FROM files ";

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

FileEntry read_entry(const io::Statement& row) {
  FileEntry entry;
  entry.id = row.integer(0);
  const auto kind = row.integer(1);
  entry.kind = static_cast<EntryKind>(kind);
  entry.path = io::as_text(row.blob(2));
  entry.size = static_cast<std::uint64_t>(row.integer(3));
  entry.mode = static_cast<std::uint32_t>(row.integer(4));
  entry.modified = row.integer(5);
  entry.crc32c = static_cast<std::uint32_t>(row.integer(6));
  if (kind != 1 && kind != 2) {
    throw Corruption(fmt::format("file table: {} is of unknown kind {}", entry.path, kind));
  }
  entry.pieces = decode_pieces(row.blob(7), entry.kind == EntryKind::file ? pieces_in(entry.size) : 0);
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
  database_->execute(kSchema);
  insert_ = std::make_unique<io::Statement>(database_->prepare(
      "INSERT INTO files(kind, path, size, mode, modified, crc32c, pieces) VALUES(?,?,?,?,?,?,?)"));
  find_ = std::make_unique<io::Statement>(database_->prepare(std::string(kColumns) + "WHERE path = ?"));
}

void FileTableWriter::add(const FileEntry& entry) {
  insert_->bind(1, static_cast<std::int64_t>(entry.kind))
      .bind_blob(2, io::as_bytes(entry.path))
      .bind(3, static_cast<std::int64_t>(entry.size))
      .bind(4, static_cast<std::int64_t>(entry.mode))
      .bind(5, entry.modified)
      .bind(6, static_cast<std::int64_t>(entry.crc32c))
      .bind_blob(7, encode_pieces(entry.pieces))
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
  if (find_->step()) entry = read_entry(*find_);
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

FileTable::FileTable(const std::filesystem::path& path)
    : database_(path, io::Database::Mode::read_only),
      find_(database_.prepare(std::string(kColumns) + "WHERE path = ?")) {}

void FileTable::for_each(const std::function<void(FileEntry&&)>& visit) {
  auto rows = database_.prepare(std::string(kColumns) + "ORDER BY id");
  while (rows.step()) visit(read_entry(rows));
}

std::optional<FileEntry> FileTable::find(std::string_view path) {
  find_.bind_blob(1, io::as_bytes(path));
  std::optional<FileEntry> entry;
  if (find_.step()) entry = read_entry(find_);
  find_.reset();
  return entry;
}

std::map<std::uint32_t, io::ByteVector> FileTable::packs() {
  std::map<std::uint32_t, io::ByteVector> packs;
  auto rows = database_.prepare("SELECT pack, used FROM packs");
  while (rows.step()) {
    const auto used = rows.blob(1);
    packs.emplace(static_cast<std::uint32_t>(rows.integer(0)), io::ByteVector(used.begin(), used.end()));
  }
  return packs;
}

}  // namespace pgkeep::store
