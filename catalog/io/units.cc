#include "catalog/io/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>

#include <fmt/format.h>

namespace pgkeep::io {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;

constexpr TimePoint kPostgresEpoch{sys_days{std::chrono::January / 1 / 2000}};
constexpr TimePoint kFirstWritable{sys_days{std::chrono::January / 1 / 0}};
constexpr TimePoint kLastWritable{sys_days{std::chrono::January / 1 / 10000} - microseconds{1}};

/// Takes `digits` decimal digits from the front of `text`; nothing when they are not there.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == any_of.npos) return false;
  text.remove_prefix(1);
  return true;
}

/// "NN:NN", the first up to 23, the second up to 59.
std::optional<minutes> take_hours_minutes(std::string_view& text) {
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  return hours{*hour} + minutes{*minute};
}

std::optional<sys_days> take_date(std::string_view& text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return sys_days{date};
}

/// ".N…"; what is finer than a microsecond is cut off.
std::optional<microseconds> take_fraction(std::string_view& text) {
  if (!take(text, ".")) return microseconds{0};
  microseconds fraction{0};
  microseconds place{100'000};
  std::size_t digits = 0;
  while (const auto digit = take_number(text, 1)) {
    fraction += *digit * place;
    place /= 10;
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  return fraction;
}

std::optional<minutes> take_offset(std::string_view& text) {
  if (take(text, "Zz")) return minutes{0};
  const bool east = text.starts_with('+');
  if (!take(text, "+-")) return std::nullopt;
  const auto offset = take_hours_minutes(text);
  if (!offset) return std::nullopt;
  return east ? *offset : -*offset;
}

/// "2026-11-20", the separator, "02:00:00".
std::string format_seconds(TimePoint time, char separator) {
  const auto day = floor<days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{floor<seconds>(time) - day};
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), separator,
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

/// "NUMBER[ ]UNIT"; nothing when it is neither that nor fits.
std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.size() > 1) take(text, " ");
  const auto unit = std::ranges::find(units, text, &Unit::name);
  std::uint64_t value = 0;
  if (unit == units.end() || __builtin_mul_overflow(number, unit->factor, &value)) return std::nullopt;
  return value;
}

}  // namespace

TimePoint now() {
  return floor<microseconds>(std::chrono::system_clock::now());
}

std::string format_rfc3339(TimePoint time) {
  time = std::clamp(time, kFirstWritable, kLastWritable);
  const auto fraction = (time - floor<seconds>(time)).count();
  const auto text = format_seconds(time, 'T');
  return fraction == 0 ? text + "Z" : fmt::format("{}.{:06}Z", text, fraction);
}

std::optional<TimePoint> parse_rfc3339(std::string_view text) {
  const auto date = take_date(text);
  if (!date || !take(text, "Tt ")) return std::nullopt;
  const auto clock = take_hours_minutes(text);
  if (!clock || !take(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *second > 59) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return *date + *clock + seconds{*second} + *fraction - *offset;
}

std::string format_time(TimePoint time) {
  return format_seconds(std::clamp(time, kFirstWritable, kLastWritable), ' ') + " UTC";
}

TimePoint from_postgres_time(std::int64_t microseconds_since_2000) {
  // The number comes from a server, which may send "infinity" or worse.
  std::int64_t since_1970 = 0;
  if (__builtin_add_overflow(microseconds_since_2000, kPostgresEpoch.time_since_epoch().count(),
                             &since_1970)) {
    return TimePoint::max();
  }
  return TimePoint{microseconds{since_1970}};
}

std::int64_t to_postgres_time(TimePoint time) {
  std::int64_t since_2000 = 0;
  if (__builtin_sub_overflow(time.time_since_epoch().count(), kPostgresEpoch.time_since_epoch().count(),
                             &since_2000)) {
    return std::numeric_limits<std::int64_t>::min();
  }
  return since_2000;
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes) / 1024;
  const auto* unit = kUnits.begin();
  for (; value >= 999.5; ++unit) value /= 1024;
  auto number = fmt::format("{:.{}f}", value, value < 99.95 ? 1 : 0);
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return fmt::format("{} {}", number, *unit);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  constexpr std::uint64_t kKi = 1024;
  static constexpr std::array kUnits{
      Unit{"", 1},
      Unit{"B", 1},
      Unit{"kB", kKi},
      Unit{"KB", kKi},
      Unit{"KiB", kKi},
      Unit{"MB", kKi * kKi},
      Unit{"MiB", kKi * kKi},
      Unit{"GB", kKi * kKi * kKi},
      Unit{"GiB", kKi * kKi * kKi},
      Unit{"TB", kKi * kKi * kKi * kKi},
      Unit{"TiB", kKi * kKi * kKi * kKi},
  };
  return parse_with_unit(text, kUnits);
}

std::string format_duration(std::chrono::milliseconds duration) {
  if (duration < duration.zero()) {
    const auto positive = duration == duration.min() ? duration.max() : -duration;
    return "-" + format_duration(positive);
  }
  struct Pair {
    std::int64_t large;
    const char* large_name;
    std::int64_t small;
    const char* small_name;
  };
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  const auto all_ms = duration.count();
  const auto all_s = all_ms / 1000;
  if (all_s == 0) return all_ms == 0 ? "0 s" : fmt::format("{} ms", all_ms);
  if (all_s < kMinute) return fmt::format("{} s", all_s);
  const auto pair = all_s < kHour      ? Pair{all_s / kMinute, "min", all_s % kMinute, "s"}
                    : all_s < 2 * kDay ? Pair{all_s / kHour, "h", all_s % kHour / kMinute, "min"}
                                       : Pair{all_s / kDay, "d", all_s % kDay / kHour, "h"};
  const auto text = fmt::format("{} {}", pair.large, pair.large_name);
  return pair.small == 0 ? text : fmt::format("{} {} {}", text, pair.small, pair.small_name);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr std::array kUnits{
      Unit{"ms", 1},        Unit{"s", 1000},       Unit{"min", 60'000},
      Unit{"h", 3'600'000}, Unit{"d", 86'400'000}, Unit{"w", 604'800'000},
  };
  const auto value = parse_with_unit(text, kUnits);
  if (!value || *value > static_cast<std::uint64_t>(std::chrono::milliseconds::max().count()))
    return std::nullopt;
  return std::chrono::milliseconds{static_cast<std::int64_t>(*value)};
}

}  // namespace pgkeep::io
