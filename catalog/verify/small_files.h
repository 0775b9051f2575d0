#pragma once

#include <string>
#include <vector>

#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// What is wrong with a server's small files, with the chain of its backups, and which WAL is missing between
/// other WAL though nothing tells that it is lost: a line each. Nothing of packs, of archived segments, or of
/// the lists of backups. Throws StorageError.
std::vector<std::string> examine_small_files(const store::ServerLayout& layout);

}  // namespace pgkeep::catalog
