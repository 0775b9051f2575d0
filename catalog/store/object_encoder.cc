#include "catalog/store/object_encoder.h"

#include <algorithm>
#include <bit>

#include "catalog/io/error.h"

namespace pgkeep::store {
namespace {

std::uint32_t bytes_of_page(std::uint32_t page, std::size_t length) {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(kPageBytes, length - std::size_t{page} * kPageBytes));
}

/// Appends the page XORed with the base's page; past the base's end its bytes count as zeroes.
void append_difference(io::ByteView page, io::ByteView base, io::ByteVector& out) {
  const auto at = out.size();
  out.insert(out.end(), page.begin(), page.end());
  const auto common = std::min(page.size(), base.size());
  for (std::size_t i = 0; i < common; ++i) out[at + i] ^= base[i];
}

}  // namespace

ObjectEncoder::ObjectEncoder(const io::DigestKey& key, PackSet* previous, int compression_level)
    : key_(&key), packs_(previous), compressor_(compression_level) {
  if (previous != nullptr) reader_.emplace(*previous);
  scratch_.resize(io::Compressor::bound(kPieceBytes));
  delta_bytes_.reserve(kPieceBytes);
}

void ObjectEncoder::encode(io::ByteView piece, const std::optional<PreviousPiece>& previous,
                           EncodedPiece& into) {
  into.base.reset();
  into.healed = false;
  into.crc32c = io::crc32c(piece);
  if (io::all_zero(piece)) {
    into.outcome = PieceOutcome::zero;
    return;
  }
  PieceDigests digests;
  for (std::uint32_t page = 0; page < pages_in(piece.size()); ++page) {
    digests[page] = io::page_digest(
        piece.subspan(std::size_t{page} * kPageBytes, bytes_of_page(page, piece.size())), *key_);
  }
  if (previous && !previous->object.is_zero() && reader_) {
    try {
      if (encode_against(piece, digests, *previous, into)) return;
    } catch (const Corruption&) {
      into.healed = true;  // what cannot be read back is stored again while the server still has it
    }
  }
  encode_full(piece, digests, into);
}

bool ObjectEncoder::encode_against(io::ByteView piece, const PieceDigests& digests,
                                   const PreviousPiece& before, EncodedPiece& into) {
  const auto previous = before.object;
  const auto pack = packs_->open(previous.pack);
  const auto& entry = pack->entry(previous.object);
  const bool is_delta = entry.kind == ObjectKind::delta;
  const auto base = is_delta ? entry.base : previous;
  if (packs_->suspect(base)) {
    into.healed = true;
    return false;
  }
  if (packs_->suspect(previous)) {
    into.healed = true;
    return encode_delta(piece, digests, base, into);
  }
  if (entry.length == piece.size() && before.crc32c.value_or(into.crc32c) == into.crc32c) {
    const auto stored = reader_->digests(previous, entry.length);
    if (std::equal(stored.begin(), stored.begin() + pages_in(entry.length), digests.begin())) {
      into.outcome = PieceOutcome::reused;
      into.reused = previous;
      if (is_delta) into.base = base;
      return true;
    }
  }
  return encode_delta(piece, digests, base, into);
}

bool ObjectEncoder::encode_delta(io::ByteView piece, const PieceDigests& digests, ObjectRef base,
                                 EncodedPiece& into) {
  const auto pack = packs_->open(base.pack);
  const auto& base_entry = pack->entry(base.object);
  const auto base_digests = pack->digests(base_entry);
  base_bytes_.resize(base_entry.length);
  reader_->read(base, base_bytes_);
  const auto is_unchanged = [&](std::uint32_t page) {
    if (page >= base_digests.size() || base_digests[page] != digests[page]) return false;
    // The base is at hand, so this costs nothing. A page may have the length of none in the base: that is
    // cut.
    const auto at = std::size_t{page} * kPageBytes;
    return std::ranges::equal(piece.subspan(at, bytes_of_page(page, piece.size())),
                              io::ByteView(base_bytes_).subspan(at, bytes_of_page(page, base_bytes_.size())));
  };
  std::uint16_t changed = 0;
  into.digest_count = 0;
  for (std::uint32_t page = 0; page < pages_in(piece.size()); ++page) {
    if (is_unchanged(page)) continue;
    changed = static_cast<std::uint16_t>(changed | (1u << page));
    into.digests[into.digest_count++] = digests[page];
  }
  if (changed == 0 && base_entry.length == piece.size()) {  // it is again what the base was
    into.outcome = PieceOutcome::reused;
    into.reused = base;
    return true;
  }
  delta_bytes_.clear();
  for (std::uint32_t page = 0; page < pages_in(piece.size()); ++page) {
    if (((changed >> page) & 1) == 0) continue;
    const auto at = std::size_t{page} * kPageBytes;
    const auto base_at = std::min(at, base_bytes_.size());
    append_difference(piece.subspan(at, bytes_of_page(page, piece.size())),
                      io::ByteView(base_bytes_).subspan(base_at), delta_bytes_);
  }
  compress(delta_bytes_, into);
  // A delta that saves less than half would make every later delta of this piece dear as well.
  if (into.frame.size() > base_entry.frame_bytes / 2) return false;
  into.outcome = PieceOutcome::delta;
  into.base = base;
  into.entry.kind = ObjectKind::delta;
  into.entry.changed = changed;
  into.entry.base = base;
  into.entry.length = static_cast<std::uint32_t>(piece.size());
  return true;
}

void ObjectEncoder::encode_full(io::ByteView piece, const PieceDigests& digests, EncodedPiece& into) {
  compress(piece, into);
  into.outcome = PieceOutcome::full;
  into.base.reset();
  into.entry.kind = ObjectKind::full;
  into.entry.changed = 0;
  into.entry.base = {};
  into.entry.length = static_cast<std::uint32_t>(piece.size());
  into.digest_count = pages_in(piece.size());
  into.digests = digests;
}

void ObjectEncoder::compress(io::ByteView bytes, EncodedPiece& into) {
  const auto size = compressor_.compress(bytes, scratch_);
  const bool helps = size < bytes.size();
  into.entry.codec = helps ? Codec::zstd : Codec::raw;
  const auto frame = helps ? io::ByteView(scratch_).first(size) : bytes;
  into.frame.assign(frame.begin(), frame.end());
  into.entry.frame_crc = io::crc32c(into.frame);
  into.entry.frame_bytes = static_cast<std::uint32_t>(into.frame.size());
}

}  // namespace pgkeep::store
