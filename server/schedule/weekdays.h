#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace pgkeep::server {

/// Some of the seven days of the week.
class Weekdays {
 public:
  static Weekdays none() { return Weekdays(0); }
  static Weekdays all() { return Weekdays(0x7f); }

  /// "Mon", "Mon,Wed,Fri", "Mon..Fri", "Mon-Thu,Sun": short or full English names in upper or lower case. A
  /// range does not go beyond Sunday. On nothing, `problem` says what is wrong and what would be right.
  static std::optional<Weekdays> parse(std::string_view text, std::string& problem);

  void add(std::chrono::weekday day) { bits_ |= bit(day); }
  bool contains(std::chrono::weekday day) const { return (bits_ & bit(day)) != 0; }

  bool operator==(const Weekdays&) const = default;

 private:
  explicit Weekdays(unsigned bits) : bits_(bits) {}
  static unsigned bit(std::chrono::weekday day) { return 1U << (day.iso_encoding() - 1); }

  unsigned bits_;  // the lowest is Monday
};

}  // namespace pgkeep::server
