#include "catalog/store/pack_files.h"

#include <algorithm>
#include <tuple>

#include "catalog/io/file.h"

namespace pgkeep::store {

PackFiles list_pack_files(const ServerLayout& layout) {
  PackFiles files;
  for (const auto& entry : io::entries(layout.packs()))
    if (const auto name = parse_pack_name(entry.path().filename().native()))
      files[name->number].push_back(*name);
  for (auto& [number, names] : files)
    std::ranges::sort(names, {}, [](const PackName& name) { return std::tuple(name.generation, name.kind); });
  return files;
}

}  // namespace pgkeep::store
