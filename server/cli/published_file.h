#pragma once

#include <filesystem>
#include <string>

namespace pgkeep::server {

// A file for others to read: a page, or figures for a monitor.

/// Where the file will lie; to be asked before there is anything to write. The operator's path may hold
/// links; what is no file stays what it is: throws UsageError, and StorageError.
std::filesystem::path place_to_publish(const std::filesystem::path& output);

/// As a shell's `>` would make it, but whole: who reads it gets what was there before, or this. Throws
/// StorageError.
void publish(const std::filesystem::path& place, const std::string& text);

}  // namespace pgkeep::server
