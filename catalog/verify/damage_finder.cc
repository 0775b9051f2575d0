#include "catalog/verify/damage_finder.h"

#include <algorithm>

#include "catalog/io/error.h"

namespace pgkeep::catalog {
namespace {

bool reads(store::ObjectReader& reader, store::ObjectRef ref, io::ByteSpan into) {
  try {
    reader.read(ref, into);
    return true;
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    return false;
  }
}

}  // namespace

store::ObjectRef base_of(store::PackSet& packs, store::ObjectRef ref) {
  if (ref.is_zero()) return {};
  try {
    const auto pack = packs.open(ref.pack);
    const auto& entry = pack->entry(ref.object);
    if (entry.kind == store::ObjectKind::delta) return entry.base;
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
  }
  return {};
}

void DamageFinder::find(const store::FileEntry& file, std::set<store::ObjectRef>& damaged) {
  auto left = file.size;
  for (const auto ref : file.pieces) {
    const auto length = std::min<std::uint64_t>(left, store::kPieceBytes);
    left -= length;
    find(ref, length, damaged);
  }
}

void DamageFinder::find(store::ObjectRef ref, std::uint64_t length, std::set<store::ObjectRef>& damaged) {
  if (ref.is_zero() || !opens(ref.pack) || is_sound(ref, length)) return;
  damaged.insert(ref);
  const auto base = base_of(*packs_, ref);
  if (!base.is_zero() && opens(base.pack) && !is_sound(base)) damaged.insert(base);
}

bool DamageFinder::opens(std::uint32_t pack) {
  const auto [known, is_new] = opens_.try_emplace(pack, false);
  if (!is_new) return known->second;
  try {
    packs_->open(pack);
    known->second = true;
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
  }
  return known->second;
}

bool DamageFinder::is_sound(store::ObjectRef ref, std::uint64_t length) {
  buffer_.resize(length);
  return reads(reader_, ref, buffer_);
}

bool DamageFinder::is_sound(store::ObjectRef ref) {
  try {
    return is_sound(ref, reader_.length(ref));
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    return false;
  }
}

}  // namespace pgkeep::catalog
