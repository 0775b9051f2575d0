#include "catalog/verify/stored_damage.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pgkeep::catalog {
namespace {

constexpr std::array<std::string_view, 3> kKinds{"pack", "wal", "backup"};

}  // namespace

std::string_view to_string(StoredKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<StoredKind> parse_stored_kind(std::string_view text) {
  const auto word = std::ranges::find(kKinds, text);
  if (word == kKinds.end()) return std::nullopt;
  return static_cast<StoredKind>(word - kKinds.begin());
}

std::string describe_place(const StoredDamage& damage) {
  const auto line = damage.line ? fmt::format(" of line {}", *damage.line) : std::string();
  return fmt::format("{} {}{}", to_string(damage.kind), damage.name, line);
}

std::string describe_files(const StoredDamage& damage) {
  if (damage.files.empty()) return "";
  const auto more = damage.file_count - std::min<std::uint64_t>(damage.file_count, damage.files.size());
  return fmt::format("{}{}", fmt::join(damage.files, ", "),
                     more == 0 ? "" : fmt::format(" and {} more files", more));
}

}  // namespace pgkeep::catalog
