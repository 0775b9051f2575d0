#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "catalog/io/bytes.h"
#include "catalog/store/file_table.h"
#include "catalog/store/pack_set.h"

namespace pgkeep::catalog {

/// The full object that a delta was made against; zero for other objects, and when that cannot be told.
store::ObjectRef base_of(store::PackSet& packs, store::ObjectRef ref);

/// Finds the objects that cannot be read back. Borrows the packs; one thread.
class DamageFinder {
 public:
  explicit DamageFinder(store::PackSet& packs) : packs_(&packs), reader_(packs) {}

  /// Adds them to `damaged`, with the bases that are the reason. Objects of packs that cannot even be opened
  /// are left out: the next backup sees that by itself, and they are good again when the pack is.
  void find(const store::FileEntry& file, std::set<store::ObjectRef>& damaged);
  /// The same of one object, which has `length` bytes.
  void find(store::ObjectRef ref, std::uint64_t length, std::set<store::ObjectRef>& damaged);

 private:
  bool opens(std::uint32_t pack);
  bool is_sound(store::ObjectRef ref, std::uint64_t length);
  bool is_sound(store::ObjectRef ref);

  store::PackSet* packs_;
  store::ObjectReader reader_;
  io::ByteVector buffer_;
  std::map<std::uint32_t, bool> opens_;
};

}  // namespace pgkeep::catalog
