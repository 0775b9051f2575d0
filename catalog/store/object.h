#pragma once

#include <compare>
#include <cstdint>

namespace pgkeep::store {

/// Files are cut at fixed multiples of this: PostgreSQL's pages never shift.
inline constexpr std::uint32_t kPieceBytes = 128u << 10;
/// The unit of comparison. It is PostgreSQL's usual block size, and stays 8 KiB for servers built with
/// another.
inline constexpr std::uint32_t kPageBytes = 8u << 10;
inline constexpr std::uint32_t kPagesPerPiece = kPieceBytes / kPageBytes;

inline constexpr std::uint32_t pages_in(std::uint64_t bytes) {
  return static_cast<std::uint32_t>((bytes + kPageBytes - 1) / kPageBytes);
}
inline constexpr std::uint64_t pieces_in(std::uint64_t file_bytes) {
  return (file_bytes + kPieceBytes - 1) / kPieceBytes;
}

/// Names an object for ever: compaction rewrites packs under their names with the same object numbers.
/// Pack 0 is no pack: it stands for a piece of zeroes, of which nothing is stored.
struct ObjectRef {
  std::uint32_t pack = 0;
  std::uint32_t object = 0;
  constexpr bool is_zero() const noexcept { return pack == 0; }
  constexpr auto operator<=>(const ObjectRef&) const = default;
};

}  // namespace pgkeep::store
