#include "catalog/postgres/lsn.h"

#include <fmt/format.h>

#include "catalog/postgres/number.h"

namespace pgkeep::postgres {

namespace {

constexpr std::size_t kMaxHalfDigits = 8;

std::optional<std::uint32_t> parse_half(std::string_view digits) {
  if (digits.size() > kMaxHalfDigits) return std::nullopt;
  return parse_number<std::uint32_t>(digits, 16);
}

}  // namespace

std::optional<Lsn> Lsn::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = parse_half(text.substr(0, slash));
  const auto low = parse_half(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return Lsn((std::uint64_t{*high} << 32) | *low);
}

std::string Lsn::to_string() const {
  return fmt::format("{:X}/{:X}", value_ >> 32, value_ & 0xFFFFFFFFu);
}

}  // namespace pgkeep::postgres
