#include "catalog/postgres/relation_file.h"

#include <algorithm>
#include <array>
#include <vector>

#include "catalog/postgres/number.h"

namespace pgkeep::postgres {
namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

/// The oid that all of `text` is, which is never 0.
std::optional<std::uint32_t> parse_oid(std::string_view text) {
  const auto oid = parse_number<std::uint32_t>(text);
  return oid == 0u ? std::nullopt : oid;
}

/// Of "16384", "16384.1", "16384_vm", "16384_vm.1".
std::optional<std::uint32_t> parse_filenode(std::string_view name) {
  constexpr std::array<std::string_view, 3> kForks{"_fsm", "_vm", "_init"};
  if (const auto dot = name.find('.'); dot != std::string_view::npos) {
    if (!parse_oid(name.substr(dot + 1))) return std::nullopt;
    name = name.substr(0, dot);
  }
  const auto fork = std::ranges::find_if(kForks, [&](std::string_view end) { return name.ends_with(end); });
  if (fork != kForks.end()) name.remove_suffix(fork->size());
  return parse_oid(name);
}

}  // namespace

std::optional<RelationFile> parse_relation_file(std::string_view path) {
  const auto parts = split(path);
  const auto filenode = parse_filenode(parts.back());
  if (!filenode) return std::nullopt;
  if (parts.size() == 2 && parts[0] == "global") return RelationFile{kSharedTablespace, 0, *filenode};
  if (parts.size() == 3 && parts[0] == "base") {
    const auto database = parse_oid(parts[1]);
    return database ? std::optional(RelationFile{0, *database, *filenode}) : std::nullopt;
  }
  if (parts.size() != 5 || parts[0] != "pg_tblspc" || !parts[2].starts_with("PG_")) return std::nullopt;
  const auto tablespace = parse_oid(parts[1]);
  const auto database = parse_oid(parts[3]);
  if (!tablespace || !database) return std::nullopt;
  return RelationFile{*tablespace, *database, *filenode};
}

}  // namespace pgkeep::postgres
