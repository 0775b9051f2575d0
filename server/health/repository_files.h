#pragma once

#include <string>
#include <vector>

#include "catalog/store/repository.h"

namespace pgkeep::server {

/// What keeps the repository's owner from using it, or lets others change it: files and folders that belong
/// to another user, that group or others may write, and symbolic links, which pgkeep does not follow. A line
/// each, with the path. Looks at the repository, the server's folder and the folders in it that a run of any
/// command writes to; not into the folders with archived WAL, whose files are never written again.
std::vector<std::string> find_unusable_files(const store::Repository& repository,
                                             const store::ServerLayout& layout);

}  // namespace pgkeep::server
