#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "catalog/io/handle.h"

// Below a repository and below a directory that is being recovered no symbolic link is followed, neither as
// the last part of a path nor before it: somebody may have planted it there to lead what is written, perhaps
// by root, to another place. A path that an operator gave may hold links; real_path() resolves them, once.

namespace pgkeep::io {

/// open(2) that follows no symbolic link. `base` is a directory, which the path then cannot leave, or
/// AT_FDCWD. Nothing, with errno, when it fails; ELOOP stands for a link. The descriptor is close-on-exec.
UniqueFd open_without_links(int base, const std::filesystem::path& path, int flags, mode_t mode = 0);

/// The same by one step a directory, for kernels before 5.6, which have no openat2(2).
UniqueFd walk_without_links(int base, const std::filesystem::path& path, int flags, mode_t mode = 0);

/// A name and the directory that it stands in, reached without links, for the calls that end in "at".
struct PlaceInDirectory {
  UniqueFd directory;  // opened with O_PATH; nothing, with errno, when it cannot be reached
  std::string name;
};
PlaceInDirectory place_without_links(int base, const std::filesystem::path& path);

/// What root makes belongs to the owner of the directory it is made in, who would be locked out otherwise.
/// Changes nothing when we are not root. False, with errno, when it fails.
bool give_to_owner_of(int directory, int fd);

/// The path without links, "." and "..". Throws StorageError when it names nothing.
std::filesystem::path real_path(const std::filesystem::path& path);
/// The same of a file that may not be there yet: of its directory, and its name.
std::filesystem::path real_place(const std::filesystem::path& file);

}  // namespace pgkeep::io
