#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/io/bytes.h"
#include "catalog/store/fields.h"
#include "catalog/store/object.h"

namespace pgkeep::store {

enum class EntryKind : std::uint8_t { file = 1, directory = 2 };

/// One file or directory of a backup.
struct FileEntry {
  std::int64_t id = 0;  // its place in the table, from 1; only where it comes from a table
  EntryKind kind = EntryKind::file;
  std::string path;  // bytes, relative to the data directory; tablespaces as pg_tblspc/OID/PG_…
  std::uint64_t size = 0;
  std::uint32_t mode = 0;                   // permission bits as the server sent them
  std::int64_t modified = 0;                // Unix seconds
  std::uint32_t crc32c = 0;                 // of the whole content
  std::vector<ObjectRef> pieces;            // one for every 128 KiB, in order
  std::vector<std::uint32_t> piece_crcs{};  // CRC-32C of each piece's bytes, in the same order
};

/// No file of a backup is larger: what claims to be would need endless memory to be described.
inline constexpr std::uint64_t kMaxFileBytes = std::uint64_t{4} << 40;
inline constexpr std::size_t kMaxPathBytes = 4096;

/// The pieces of a file are written in spans of so many, so that a change in a large file does not change all
/// that is written about it.
inline constexpr std::uint64_t kSpanPieces = 1024;
inline constexpr std::uint32_t spans_of(std::uint64_t pieces) {
  return pieces == 0 ? 1 : static_cast<std::uint32_t>((pieces + kSpanPieces - 1) / kSpanPieces);
}
/// Of the span with that number, from 0, of a file with so many pieces.
inline constexpr std::size_t pieces_in_span(std::uint64_t pieces, std::uint32_t span) {
  const auto before = span * kSpanPieces;
  return before >= pieces ? 0 : static_cast<std::size_t>(std::min(kSpanPieces, pieces - before));
}

// References are written as runs of three varints: how many, pack, first object; within a run the objects
// follow one another (for pack 0 the object is 0). Varints are little-endian base 128.

void put_pieces(io::ByteVector& out, const ObjectRef* pieces, std::size_t count);
/// Appends `count` references. Throws Corruption when the bytes do not say as many.
void take_pieces(FieldReader& in, std::size_t count, std::vector<ObjectRef>& into);

}  // namespace pgkeep::store
