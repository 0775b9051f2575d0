#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "catalog/store/layout.h"
#include "catalog/store/pack_name.h"

namespace pgkeep::store {

/// The files that there are of each pack, by its number: the generation that counts is the last. More than
/// one are there only between the two steps of a compaction, or after a crash between them.
using PackFiles = std::map<std::uint32_t, std::vector<PackName>>;

/// Throws StorageError when the folder cannot be listed.
PackFiles list_pack_files(const ServerLayout& layout);

}  // namespace pgkeep::store
