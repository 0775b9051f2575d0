#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgkeep::postgres {

/// A byte position in the WAL of one cluster (PostgreSQL manual, "pg_lsn Type").
class Lsn {
 public:
  constexpr Lsn() = default;
  constexpr explicit Lsn(std::uint64_t value) : value_(value) {}
  /// "16/B374D848": two hexadecimal halves of at most eight digits. Nothing when it is not one.
  static std::optional<Lsn> parse(std::string_view text);

  constexpr std::uint64_t value() const noexcept { return value_; }
  /// As PostgreSQL prints it: no leading zeros ("0/3000028").
  std::string to_string() const;

  constexpr auto operator<=>(const Lsn&) const = default;
  constexpr Lsn operator+(std::uint64_t bytes) const { return Lsn(value_ + bytes); }
  /// Bytes from `from` to this; the caller knows that from <= *this.
  constexpr std::uint64_t operator-(Lsn from) const { return value_ - from.value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace pgkeep::postgres
