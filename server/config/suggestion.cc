#include "server/config/suggestion.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace pgkeep::server {
namespace {

/// Edits (insert, remove, replace, swap neighbours) from one text to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest_name(std::string_view typed,
                                             std::span<const std::string_view> known) {
  std::optional<std::string_view> nearest;
  // A third of the letters may be wrong: more is another word.
  std::size_t limit = std::max<std::size_t>(1, typed.size() / 3);
  for (const auto name : known) {
    const bool is_beginning = typed.size() >= 3 && name.starts_with(typed);
    const auto distance = is_beginning ? 1 : edit_distance(typed, name);
    if (distance > limit || (nearest && distance == limit)) continue;
    nearest = name;
    limit = distance;
  }
  return nearest;
}

std::string did_you_mean(std::string_view typed, std::span<const std::string_view> known) {
  const auto nearest = nearest_name(typed, known);
  return nearest ? fmt::format("; did you mean {}?", *nearest) : std::string();
}

std::string did_you_mean(std::string_view typed, const std::vector<std::string>& known) {
  const std::vector<std::string_view> names(known.begin(), known.end());
  return did_you_mean(typed, names);
}

}  // namespace pgkeep::server
