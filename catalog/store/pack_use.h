#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "catalog/store/sections.h"

namespace pgkeep::store {

/// Which objects of which packs a backup needs for its files, the bases of its deltas included: of each pack
/// one bit an object, object 0 being bit 0 of byte 0. What the sections of its lists need is not in it: that
/// the Contents tell.
class PackUse {
 public:
  using Packs = std::map<std::uint32_t, io::ByteVector>;
  void mark(ObjectRef ref);
  void mark(std::uint32_t pack, io::ByteView used);
  const Packs& packs() const noexcept { return packs_; }
  /// As a list, by the number of the pack.
  SectionList store(SectionWriter& sections, const SectionList& before) const;

 private:
  Packs packs_;
};

bool is_used(io::ByteView used, std::uint32_t object);

/// Calls `visit` for each pack of one section of such a list, in order. Throws Corruption.
void for_each_pack(io::ByteView section, const std::function<void(std::uint32_t, io::ByteView used)>& visit);
/// The whole list. Throws Corruption.
PackUse::Packs read_pack_use(SectionReader& reader, const SectionList& list);

}  // namespace pgkeep::store
