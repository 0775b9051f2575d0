#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgkeep::store {

/// FULL objects lie in one kind of pack, the DELTAs of one backup in another, and what is known about its
/// files in a third: they die at different times, and a reader of one has no use for the others.
enum class PackKind : std::uint8_t { full = 1, delta = 2, meta = 3 };

/// The name of a pack's file: NNNNNNNN.full, .delta or .meta, and NNNNNNNN.gG.full from the second generation
/// on. A number is given once and for one kind. A later generation has the same objects under the same
/// numbers, without those that nobody needed when it was written.
struct PackName {
  std::uint32_t number = 0;
  PackKind kind = PackKind::full;
  std::uint32_t generation = 1;
  auto operator<=>(const PackName&) const = default;
};

std::string to_string(const PackName& name);
/// Nothing for a name that to_string() does not write.
std::optional<PackName> parse_pack_name(std::string_view text);

}  // namespace pgkeep::store
