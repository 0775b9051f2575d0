#pragma once

#include <cstdint>
#include <optional>

#include "catalog/io/compression.h"
#include "catalog/store/pack_set.h"

namespace pgkeep::store {

/// What became of a piece.
enum class PieceOutcome : std::uint8_t { zero, reused, full, delta };

/// The same piece of the same file in the backup that is compared with.
struct PreviousPiece {
  ObjectRef object;
  std::optional<std::uint32_t> crc32c{};  // of its bytes, where that backup has kept it
};

struct EncodedPiece {
  PieceOutcome outcome = PieceOutcome::zero;
  ObjectRef reused;               // when reused
  std::optional<ObjectRef> base;  // of a delta, or of the reused delta: must live as long as this backup
  std::uint32_t crc32c = 0;       // of the piece's bytes
  ObjectEntry entry;              // full, delta
  io::ByteVector frame;           // full, delta; keeps its capacity between pieces
  std::uint32_t digest_count = 0;
  PieceDigests digests{};  // as the pack's directory stores them
  bool healed = false;     // the previous object could not be read
};

/// Decides how a piece is stored: digests its pages, compares them with those of the same piece of the
/// previous backup, and encodes what differs. Equal digests alone make no piece equal: its CRC has to be the
/// same too, where it is known, and the pages of a delta's base are compared byte for byte. One thread each;
/// borrows the previous backup's packs (may be null).
class ObjectEncoder {
 public:
  ObjectEncoder(const io::DigestKey& key, PackSet* previous, int compression_level);
  void encode(io::ByteView piece, const std::optional<PreviousPiece>& previous, EncodedPiece& into);

 private:
  /// False: the piece has to be stored in full.
  bool encode_against(io::ByteView piece, const PieceDigests& digests, const PreviousPiece& before,
                      EncodedPiece& into);
  bool encode_delta(io::ByteView piece, const PieceDigests& digests, ObjectRef base, EncodedPiece& into);
  void encode_full(io::ByteView piece, const PieceDigests& digests, EncodedPiece& into);
  void compress(io::ByteView bytes, EncodedPiece& into);

  const io::DigestKey* key_;
  PackSet* packs_;
  std::optional<ObjectReader> reader_;
  io::Compressor compressor_;
  io::ByteVector base_bytes_;
  io::ByteVector delta_bytes_;
  io::ByteVector scratch_;
};

}  // namespace pgkeep::store
