#include "server/cli/arguments.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/error.h"

namespace pgkeep::server {

void Arguments::add(std::string_view name, std::vector<std::string> values) {
  values_.insert_or_assign(std::string(name), std::move(values));
}

std::optional<std::string> Arguments::value(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

const std::string& Arguments::required(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end() || found->second.empty())
    throw std::logic_error(fmt::format("{} is not in the command's table", name));
  return found->second.back();
}

std::vector<std::string> Arguments::values(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

std::optional<std::uint64_t> Arguments::number(std::string_view name, std::uint64_t least,
                                               std::uint64_t most) const {
  const auto text = value(name);
  if (!text) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size() || number < least || number > most)
    throw UsageError(
        fmt::format("{}: a number from {} to {} is expected, not '{}'", name, least, most, *text));
  return number;
}

std::optional<std::string> Arguments::choice(std::string_view name,
                                             const std::vector<std::string>& choices) const {
  auto text = value(name);
  if (text && std::ranges::find(choices, *text) == choices.end())
    throw UsageError(fmt::format("{}: {} is expected, not '{}'", name, fmt::join(choices, " or "), *text));
  return text;
}

std::optional<bool> Arguments::flag(std::string_view yes, std::string_view no) const {
  if (has(yes) && has(no)) throw UsageError(fmt::format("{} and {} exclude each other", yes, no));
  if (has(yes)) return true;
  return has(no) ? std::optional(false) : std::nullopt;
}

}  // namespace pgkeep::server
