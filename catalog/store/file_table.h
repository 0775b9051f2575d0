#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/sqlite.h"
#include "catalog/store/object.h"

namespace pgkeep::store {

enum class EntryKind : std::uint8_t { file = 1, directory = 2 };

/// One file or directory of a backup.
struct FileEntry {
  std::int64_t id = 0;  // order of arrival, from 1
  EntryKind kind = EntryKind::file;
  std::string path;  // bytes, relative to the data directory; tablespaces as pg_tblspc/OID/PG_…
  std::uint64_t size = 0;
  std::uint32_t mode = 0;         // permission bits as the server sent them
  std::int64_t modified = 0;      // Unix seconds
  std::uint32_t crc32c = 0;       // of the whole content
  std::vector<ObjectRef> pieces;  // one for every 128 KiB, in order
  /// CRC-32C of each piece's bytes, in the same order; empty when they are not known.
  std::vector<std::uint32_t> piece_crcs{};
};

/// No file of a backup is larger: what claims to be would need endless memory to be described.
inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{4} << 40;
inline constexpr std::size_t kMaxPathBytes = 4096;

/// files.db: the file table of one backup. Written in one transaction, immutable afterwards. One thread.
///
///     files  id, kind, path, size, mode, modified, crc32c, pieces, piece_crcs
///     packs  pack, used      one bit an object (object 0 is bit 0 of byte 0): what this backup names, and
///     the bases
///                            of the deltas that it names
///
/// `pieces` is a sequence of runs: varint count, varint pack, varint first object; numbers within a run
/// follow one another (for pack 0 the object is 0). Varints are little-endian base 128. `piece_crcs` has 4
/// bytes a piece, little-endian; tables of version 1 do not have that column.
class FileTableWriter {
 public:
  /// The file must not exist.
  explicit FileTableWriter(const std::filesystem::path& path);
  void add(const FileEntry& entry);
  /// `used` is one pack's bitmap.
  void add_pack(std::uint32_t pack, io::ByteView used);
  /// The CRC of a file added before; nothing when there is none. Also usable before finish().
  std::optional<FileEntry> find(std::string_view path);
  /// Commits, closes and fsyncs the file (not its folder).
  void finish();

 private:
  std::filesystem::path path_;
  std::unique_ptr<io::Database> database_;
  std::unique_ptr<io::Statement> insert_;
  std::unique_ptr<io::Statement> find_;
};

/// Reads a file table that anybody may have made: it has exactly the layout above, and no row makes the
/// reader use more memory or time than the file's own size, or `data_bytes`, allows. Everything else is
/// Corruption, thrown by whichever call comes to it.
class FileTable {
 public:
  /// `data_bytes`: of all files together, where that is known.
  explicit FileTable(const std::filesystem::path& path, std::optional<std::uint64_t> data_bytes = {});
  /// In order of arrival, which is the order of the objects in the packs.
  void for_each(const std::function<void(FileEntry&&)>& visit);
  std::optional<FileEntry> find(std::string_view path);
  /// Pack number → bitmap of the objects needed.
  std::map<std::uint32_t, io::ByteVector> packs();

 private:
  FileEntry read(const io::Statement& row) const;

  std::filesystem::path path_;
  std::uint64_t data_bytes_;
  io::Database database_;
  bool has_crcs_;
  io::Statement find_;
};

/// The coding of FileEntry::pieces.
io::ByteVector encode_pieces(const std::vector<ObjectRef>& pieces);
/// Throws Corruption when it does not decode to `count` references.
std::vector<ObjectRef> decode_pieces(io::ByteView bytes, std::uint64_t count);

}  // namespace pgkeep::store
