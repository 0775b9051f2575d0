#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "catalog/io/units.h"

namespace pgkeep::catalog {

/// A file in a folder of files that were pushed (wal/pushed, wal/conflicts), as its name tells: several of
/// one name may lie there, so it has the beginning of the content's SHA-256 as well,
///
///     <name>.<first 16 digits of its SHA-256>.zst      the bytes
///     <name>.<first 16 digits of its SHA-256>.settled  in wal/conflicts, see WalConflicts
struct PushedCopy {
  std::string name;    // as PostgreSQL has it
  std::string digits;  // of the SHA-256
  std::filesystem::path path;
  bool settled = false;

  /// "NAME.<16 digits>": how one of several for a name is chosen.
  std::string id() const { return name + "." + digits; }
};

/// What the file system knows of it.
struct PushedCopyFacts {
  std::uint64_t bytes = 0;  // on disk
  io::TimePoint since;      // when it was kept
};

inline constexpr std::size_t kPushedCopyDigits = 16;

/// Nothing when the file is not called like one.
std::optional<PushedCopy> parse_pushed_copy(const std::filesystem::path& path);

/// Those in a folder, in no order; none when there is no such folder. Throws StorageError.
std::vector<PushedCopy> list_pushed_copies(const std::filesystem::path& folder);

/// Nothing when it is not there any more. Throws StorageError.
std::optional<PushedCopyFacts> look_at(const PushedCopy& copy);

}  // namespace pgkeep::catalog
