#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace pgkeep::io {

/// How full a file system is, in bytes.
struct DiskSpace {
  std::uint64_t total = 0;
  std::uint64_t free = 0;  // for a user without privileges
  bool operator==(const DiskSpace&) const = default;
};

/// Of the file system that holds `directory`. Throws StorageError.
DiskSpace disk_space(const std::filesystem::path& directory);

/// How much of a file system is to stay free: so many bytes, or a share of the whole.
struct Reserve {
  std::uint64_t amount = 0;  // bytes, or percent; 0: nothing is to stay free
  bool is_share = false;
  bool operator==(const Reserve&) const = default;

  /// "5%", "20GiB", "0". Nothing when it is neither a size nor a share of at most 100%.
  static std::optional<Reserve> parse(std::string_view text);
  std::string text() const;  // as parse() takes it
  std::uint64_t bytes_of(const DiskSpace& disk) const;
};

/// "2 GiB (5% of 40 GiB)", or "20 GiB": a reserve in the words of a message.
std::string describe(const Reserve& reserve, const DiskSpace& disk);

}  // namespace pgkeep::io
