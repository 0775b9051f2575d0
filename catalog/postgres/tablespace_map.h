#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::postgres {

/// The file tablespace_map: "OID PATH" a line; in the path newline, carriage return and, from 14 on,
/// backslash are preceded by a backslash. 13 leaves backslashes alone, so the version must be known to read
/// one.
struct TablespaceMapEntry {
  std::uint32_t oid = 0;
  std::string path;  // unescaped
  bool operator==(const TablespaceMapEntry&) const = default;
};

/// Throws Corruption naming the line.
std::vector<TablespaceMapEntry> parse_tablespace_map(std::string_view content, int major_version);
/// Throws Error for a path that 13 cannot read back: one with a backslash at its end or before the end of a
/// line.
std::string format_tablespace_map(const std::vector<TablespaceMapEntry>& entries, int major_version);

/// PostgreSQL keeps all that it has in a tablespace's location below one directory there,
/// "PG_<major>_<catalog version>". The major version of the one that `path` (relative to the location) is or
/// lies in; nothing for any other path.
std::optional<int> version_directory_major(std::string_view path);

}  // namespace pgkeep::postgres
