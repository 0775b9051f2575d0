#include "server/cli/syntax.h"

#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/error.h"

namespace pgkeep::server {

std::string_view long_name(std::string_view names) {
  const auto comma = names.rfind(',');
  return comma == names.npos ? names : names.substr(comma + 1);
}

std::uint64_t parse_number(std::string_view names, const std::string& text, std::uint64_t least,
                           std::uint64_t most) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < least || number > most)
    throw UsageError(
        fmt::format("{}: a number from {} to {} is expected, not '{}'", long_name(names), least, most, text));
  return number;
}

void refuse_word(std::string_view names, const std::string& text,
                 const std::vector<std::string_view>& words) {
  throw UsageError(
      fmt::format("{}: {} is expected, not '{}'", long_name(names), fmt::join(words, " or "), text));
}

}  // namespace pgkeep::server
