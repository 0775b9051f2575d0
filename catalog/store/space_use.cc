#include "catalog/store/space_use.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <iterator>

#include "catalog/io/error.h"
#include "catalog/store/living_objects.h"
#include "catalog/store/pack.h"
#include "catalog/store/pack_files.h"

namespace pgkeep::store {
namespace {

/// Or may be: only the directory tells which are dropped already.
bool any_is_unused(std::uint32_t objects, io::ByteView used) {
  std::uint32_t needed = 0;
  for (const auto byte : used)
    needed += static_cast<std::uint32_t>(std::popcount(static_cast<std::uint8_t>(byte)));
  return needed < objects;
}

class Counter {
 public:
  Counter(const Repository& repository, const ServerLayout& layout, PackUse::Packs staying,
          PackUse::Packs all)
      : repository_(&repository), layout_(&layout), staying_(std::move(staying)), all_(std::move(all)) {}

  void add(const PackName& name, std::uint64_t size, SpaceUse& use) const {
    const auto all = all_.find(name.number);
    if (all == all_.end()) {
      use.dead += size;
      return;
    }
    const auto staying = staying_.find(name.number);
    std::uint64_t dead = 0;
    std::uint64_t going = 0;
    try {
      dead = unused_bytes(*repository_, *layout_, name, all->second);
      if (staying == staying_.end()) {
        going = size - std::min(size, dead);
      } else if (staying->second != all->second) {
        going = unused_bytes(*repository_, *layout_, name, staying->second) - dead;
      }
    } catch (const Error&) {
    }
    use.dead += dead;
    use.in_grace += going;
    use.alive += size - std::min(size, dead + going);
  }

 private:
  const Repository* repository_;
  const ServerLayout* layout_;
  PackUse::Packs staying_;
  PackUse::Packs all_;
};

SpaceUse count(const Repository& repository, const ServerLayout& layout, LivingObjects staying,
               LivingObjects going) {
  SpaceUse use;
  use.unknown = std::move(staying.unknown);
  std::ranges::move(going.unknown, std::back_inserter(use.unknown));
  if (!use.unknown.empty()) return use;
  PackUse all;
  for (const auto* packs : {&staying.packs, &going.packs})
    for (const auto& [pack, used] : *packs) all.mark(pack, used);
  const Counter counter(repository, layout, std::move(staying.packs), all.packs());
  for (const auto& [number, files] : list_pack_files(layout)) {
    for (const auto& name : files) {
      std::error_code gone;
      const auto size = std::filesystem::file_size(layout.pack(name), gone);
      if (gone) continue;
      if (name == files.back()) {
        counter.add(name, size, use);
      } else {
        use.dead += size;  // of a compaction that was cut
      }
    }
  }
  return use;
}

}  // namespace

std::uint64_t unused_bytes(const Repository& repository, const ServerLayout& layout, const PackName& name,
                           io::ByteView used) {
  if (!any_is_unused(objects_in(layout, name), used)) return 0;
  const PackReader pack(repository, layout, name);
  std::uint64_t bytes = 0;
  for (std::uint32_t object = 0; object < pack.objects(); ++object)
    if (!is_used(used, object) && !pack.is_dropped(object)) bytes += pack.entry(object).frame_bytes;
  return bytes;
}

SpaceUse space_use(const Repository& repository, const ServerLayout& layout,
                   std::span<const BackupId> going) {
  try {
    return count(repository, layout, living_objects(layout, going), living_objects_of(layout, going));
  } catch (const Error& error) {
    SpaceUse none;
    none.unknown.emplace_back(error.what());
    return none;
  }
}

}  // namespace pgkeep::store
