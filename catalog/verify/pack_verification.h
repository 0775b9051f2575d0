#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "catalog/store/pack_set.h"

namespace pgkeep::catalog {

/// What reading a pack back has shown.
struct PackReport {
  std::string damage;                  // what, where, why; empty: none
  std::set<store::ObjectRef> objects;  // that cannot be read back, bases in other packs included
  bool opens = true;                   // false: nothing of it can be read
  bool good() const noexcept { return damage.empty(); }
};

/// Reads back every object of a pack that is needed, each as a backup would get it: a delta with its base.
/// `is_needed` is asked with the number of each. `tick` is called between two objects with the bytes that
/// were read since, and may throw to stop. Borrows the packs; any thread. Throws what is no damage:
/// Interrupted, a StorageError for want of rights or memory.
PackReport verify_pack(store::PackSet& packs, std::uint32_t number,
                       const std::function<bool(std::uint32_t object)>& is_needed,
                       const std::function<void(std::uint64_t bytes)>& tick);

}  // namespace pgkeep::catalog
