#pragma once

#include <filesystem>

namespace pgkeep::recover {

/// The path without symbolic links; its last part, or more, need not exist. Root follows only links that
/// belong to root: one of another user could lead what root writes anywhere. Throws Refused that names such a
/// link, StorageError where the path cannot be looked at.
std::filesystem::path trusted_path(const std::filesystem::path& path);

}  // namespace pgkeep::recover
