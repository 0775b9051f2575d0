#pragma once

#include <filesystem>
#include <optional>

namespace pgkeep::server {

/// The lists of the system: what is to be mounted, and what is.
struct MountTables {
  std::filesystem::path planned = "/etc/fstab";
  std::filesystem::path mounted = "/proc/self/mounts";
};

/// The mount point, on the way to `folder`, that is planned but empty now: a repository made there would lie
/// beside the real one and vanish under it later. Nothing when there is none, or the lists cannot be read.
std::optional<std::filesystem::path> unmounted_place(const std::filesystem::path& folder,
                                                     const MountTables& tables = {});

}  // namespace pgkeep::server
