#pragma once

#include <filesystem>
#include <vector>

#include "recover/plan/plan.h"

namespace pgkeep::recover {

/// "/a/b": without ".", ".." and a slash at the end.
std::filesystem::path normal_path(const std::filesystem::path& path);

/// Decides where each tablespace goes. Throws UsageError for a relocation that names no tablespace of the
/// backup or no absolute path, Refused for locations that lie in each other, in the destination or around it:
/// what is written to one would be found in the other.
std::vector<PlannedTablespace> plan_tablespaces(const RecoveryRequest& request,
                                                const store::BackupRecord& backup);

}  // namespace pgkeep::recover
