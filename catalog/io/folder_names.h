#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

namespace pgkeep::io {

/// Calls `visit` for the name of each thing in a directory, in no order; not at all when there is none. For
/// folders of many files: entries() of file.h makes a path of each. Throws StorageError when the directory
/// cannot be listed.
void for_each_name(const std::filesystem::path& directory,
                   const std::function<void(std::string_view)>& visit);

}  // namespace pgkeep::io
