#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::postgres {

/// The file tablespace_map: "OID PATH" a line; in the path newline, carriage return and backslash are
/// preceded by a backslash.
struct TablespaceMapEntry {
  std::uint32_t oid = 0;
  std::string path;  // unescaped
  bool operator==(const TablespaceMapEntry&) const = default;
};

/// Throws Corruption naming the line.
std::vector<TablespaceMapEntry> parse_tablespace_map(std::string_view content);
std::string format_tablespace_map(const std::vector<TablespaceMapEntry>& entries);

}  // namespace pgkeep::postgres
