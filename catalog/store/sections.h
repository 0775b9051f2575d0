#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "catalog/store/contents.h"
#include "catalog/store/object_encoder.h"
#include "catalog/store/pack_series.h"

namespace pgkeep::store {

/// Where a list may be cut is told by the keys alone, so that an entry that comes or goes changes the section
/// that it is in, and no other. On average a section has `mean` entries, a power of two.
bool begins_section(std::string_view key, std::uint32_t mean);

/// A section ends here, wherever it may be cut. With the longest entry after that it still is a piece.
inline constexpr std::size_t kSectionBytes = 96u << 10;

/// Stores the sections of a backup's lists, each encoded against the one with the same first key in the
/// backup that is compared with. One thread. Borrows all that it is given.
class SectionWriter {
 public:
  /// `previous`: the packs of the backup that is compared with; may be null.
  SectionWriter(const Repository& repository, PackSeries& packs, PackSet* previous, int compression_level);
  /// `before` is the same list of that backup. Bytes: 1 to kPieceBytes; throws std::logic_error for others. A
  /// section that is the same is read back before it is relied on: all later backups would rely on it too.
  Section store(std::string first, io::ByteView bytes, std::uint32_t entries, const SectionList& before);
  /// Sections that could not be read back and have been stored again.
  std::uint64_t healed() const noexcept { return healed_; }

 private:
  const Section* same(const SectionList& before, std::string_view first);
  bool reads_back(ObjectRef ref, io::ByteView expected);

  PackSeries* packs_;
  std::optional<ObjectReader> previous_;
  io::ByteVector read_;
  ObjectEncoder encoder_;
  EncodedPiece encoded_;
  std::uint64_t healed_ = 0;
  const SectionList* looked_up_ = nullptr;  // what by_key_ is of
  std::unordered_map<std::string_view, const Section*> by_key_;
};

/// Reads sections back, and keeps those it read last. One thread. Borrows the packs.
class SectionReader {
 public:
  /// Keeps so many that the files of one directory are found in any order: a server sends them as its file
  /// system lists them.
  static constexpr std::size_t kKeptBytes = 32u << 20;
  explicit SectionReader(PackSet& packs, std::size_t kept_bytes = kKeptBytes);
  /// Throws Corruption, naming the pack, unless it is what was stored.
  std::shared_ptr<const io::ByteVector> read(const Section& section);

 private:
  struct Kept {
    std::shared_ptr<const io::ByteVector> bytes;
    std::list<ObjectRef>::iterator place;
  };
  struct HashOfRef {
    std::size_t operator()(const ObjectRef& ref) const noexcept {
      return std::hash<std::uint64_t>()((std::uint64_t{ref.pack} << 32) | ref.object);
    }
  };
  PackSet* packs_;
  std::size_t most_bytes_;
  ObjectReader objects_;
  std::list<ObjectRef> recent_;  // most recent first
  std::unordered_map<ObjectRef, Kept, HashOfRef> kept_;
  std::size_t kept_bytes_ = 0;
};

}  // namespace pgkeep::store
