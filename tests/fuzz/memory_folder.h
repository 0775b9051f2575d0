#pragma once

#include <cstdlib>
#include <filesystem>

#include "tests/fuzz/input.h"

namespace pgkeep::fuzz {

/// A folder of this process, in memory where there is such a file system, so that syncs cost nothing.
inline const std::filesystem::path& memory_folder() {
  static const auto path = [] {
    const std::filesystem::path memory = "/dev/shm";
    auto name = ((std::filesystem::exists(memory) ? memory : std::filesystem::temp_directory_path()) /
                 "pgkeep-fuzz-XXXXXX")
                    .string();
    if (::mkdtemp(name.data()) == nullptr) fail("no folder");
    static const std::string made = name;
    std::atexit([] { std::filesystem::remove_all(made); });
    return std::filesystem::path(name);
  }();
  return path;
}

}  // namespace pgkeep::fuzz
