#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

#include "catalog/io/compression.h"
#include "catalog/store/pack.h"
#include "catalog/store/pack_files.h"

namespace pgkeep::store {

std::set<ObjectRef> read_suspects(const ServerLayout& layout);
/// Marks objects as damaged (adds to suspects.json, durably), so that the next backup stores those pieces
/// again.
void mark_suspects(const ServerLayout& layout, const std::set<ObjectRef>& damaged);

/// The packs of one server, opened as they are needed; the directories of the least recently used ones are
/// let go beyond a budget. Thread-safe. Borrows the repository.
class PackSet {
 public:
  PackSet(const Repository& repository, ServerLayout layout,
          std::size_t budget_bytes = std::size_t{24} << 20);
  /// Throws Corruption when the pack is missing or not sound.
  std::shared_ptr<const PackReader> open(std::uint32_t number);
  const ServerLayout& layout() const noexcept { return layout_; }
  const Repository& repository() const noexcept { return *repository_; }
  /// From now on what suspects.json names counts as suspect; for who stores, before others use the set. Throws
  /// what read_suspects() throws.
  void avoid_suspects() { suspects_ = read_suspects(layout_); }
  /// Known to be damaged: not to be compared with or based on.
  bool suspect(ObjectRef ref) const { return suspects_.contains(ref); }

 private:
  struct Slot {
    std::shared_ptr<const PackReader> pack;
    std::list<std::uint32_t>::iterator place;
  };
  const Repository* repository_;
  ServerLayout layout_;
  std::size_t budget_bytes_;
  std::set<ObjectRef> suspects_;
  std::mutex mutex_;
  std::shared_ptr<const PackReader> open_file(std::uint32_t number);
  std::shared_ptr<const PackReader> open_last_generation(const std::vector<PackName>& files);

  PackFiles files_;                              // as the folder was listed last
  std::map<std::uint32_t, std::string> failed_;  // packs that cannot be opened, and why
  std::list<std::uint32_t> recent_;              // most recent first
  std::unordered_map<std::uint32_t, Slot> open_;
  std::size_t held_bytes_ = 0;
};

/// The digests of a piece's pages.
using PieceDigests = std::array<std::uint64_t, kPagesPerPiece>;

/// Reads objects back. One thread each; borrows the set.
class ObjectReader {
 public:
  explicit ObjectReader(PackSet& packs);
  /// Fills `into`, whose size must be the object's length (any size for zeroes). Frame CRC and page digests
  /// are checked. Throws Corruption naming pack and object.
  void read(ObjectRef ref, io::ByteSpan into);
  /// Digests of the result's pages from the directories alone; `length` is the piece's length in bytes.
  /// Throws Corruption.
  PieceDigests digests(ObjectRef ref, std::uint32_t length);
  /// The length of the object; 0 for zeroes, which have any.
  std::uint32_t length(ObjectRef ref);

 private:
  void read_full(const PackReader& pack, std::uint32_t object, io::ByteSpan into);
  void decode(const PackReader& pack, std::uint32_t object, io::ByteSpan into);

  PackSet* packs_;
  io::Decompressor decompressor_;
  io::ByteVector frame_;
  io::ByteVector delta_;
};

}  // namespace pgkeep::store
