#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pgkeep::postgres {

/// Which relation a file of a data directory belongs to, by the numbers in its path. The name of the relation
/// only its database knows.
struct RelationFile {
  std::uint32_t tablespace = 0;  // oid; 0: the default one of the database; 1664: the shared one
  std::uint32_t database = 0;    // oid; 0: of all
  std::uint32_t filenode = 0;
  auto operator<=>(const RelationFile&) const = default;
};

inline constexpr std::uint32_t kSharedTablespace = 1664;

/// "base/5/16384", "base/5/16384_fsm.1", "global/1262", "pg_tblspc/16400/PG_18_202506291/5/16384" (relpath.c
/// in PostgreSQL). Nothing for a path that is no such file, as base/5/pg_filenode.map.
std::optional<RelationFile> parse_relation_file(std::string_view path);

}  // namespace pgkeep::postgres
