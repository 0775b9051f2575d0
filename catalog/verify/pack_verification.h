#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "catalog/store/pack_set.h"

namespace pgkeep::catalog {

/// What reading a pack back has shown.
struct PackReport {
  std::string damage;                  // what, where, why; empty: none
  std::set<store::ObjectRef> objects;  // of this pack, that cannot be read back
  bool opens = true;                   // false: nothing of it can be read
  bool good() const noexcept { return damage.empty(); }
};

/// Reads back what of a pack is needed: of a FULL object that it is what was stored, page by page; of a DELTA
/// its own bytes, and that its base is there, which is read back with its own pack. `used`: what is needed,
/// as PackUse has it; nothing: every object that was not dropped. `tick` is called between two objects with
/// the bytes that were read since, and may throw to stop. Borrows the packs; any thread. Throws what is no
/// damage, as a StorageError for want of rights.
PackReport verify_pack(store::PackSet& packs, std::uint32_t number, const std::optional<io::ByteVector>& used,
                       const std::function<void(std::uint64_t bytes)>& tick);

}  // namespace pgkeep::catalog
