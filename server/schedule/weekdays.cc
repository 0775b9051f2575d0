#include "server/schedule/weekdays.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "server/schedule/text_pieces.h"

namespace pgkeep::server {
namespace {

constexpr std::array<std::string_view, 7> kNames{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                 "Friday", "Saturday", "Sunday"};

std::string_view short_name(std::size_t number) {
  return kNames.at(number).substr(0, 3);
}

/// The day's number, from 0 for Monday.
std::optional<std::size_t> number_of(std::string_view name, std::string& problem) {
  for (std::size_t number = 0; number < kNames.size(); ++number)
    if (same_word(name, kNames.at(number)) || same_word(name, short_name(number))) return number;
  problem = fmt::format("'{}' is no weekday; the weekdays are Mon, Tue, Wed, Thu, Fri, Sat and Sun", name);
  return std::nullopt;
}

}  // namespace

std::optional<Weekdays> Weekdays::parse(std::string_view text, std::string& problem) {
  auto days = none();
  for (const auto piece : split(text, ',')) {
    auto range = cut(piece, "..");
    if (!range) range = cut(piece, "-");
    const auto first = number_of(range ? range->first : piece, problem);
    if (!first) return std::nullopt;
    const auto last = range ? number_of(range->second, problem) : first;
    if (!last) return std::nullopt;
    if (*last < *first) {
      problem = fmt::format("'{}' goes beyond Sunday; write {}..Sun,Mon..{}", piece, short_name(*first),
                            short_name(*last));
      return std::nullopt;
    }
    for (auto number = *first; number <= *last; ++number) days.bits_ |= 1U << number;
  }
  return days;
}

}  // namespace pgkeep::server
