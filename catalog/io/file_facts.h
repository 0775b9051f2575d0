#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "catalog/io/units.h"

namespace pgkeep::io {

/// What the file system tells of a file without its being opened.
struct FileFacts {
  std::uint64_t bytes = 0;
  TimePoint written;  // last
};

/// Nothing when there is none. Of a symbolic link, what it is itself. Throws StorageError.
std::optional<FileFacts> facts_of(const std::filesystem::path& path);

}  // namespace pgkeep::io
