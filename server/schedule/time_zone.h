#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/io/units.h"

namespace date {
class time_zone;
}

namespace pgkeep::server {

/// A time zone of the system's tz database, or UTC, for which no database is needed. Cheap to copy; two are
/// equal when they have the same name. Debian 12's library that reads the database knows no daylight saving
/// after the year 2037: later times are those of winter.
///
/// Threads: any may call.
/// Throws:  Error when the system's database cannot be read (only find(), which reads all it needs).
class TimeZone {
 public:
  /// By its name in the database, as "Europe/Berlin". Nothing when there is none of that name.
  static std::optional<TimeZone> find(std::string_view name);
  static TimeZone utc();

  const std::string& name() const;

  /// What a clock on the wall shows, to the second.
  std::chrono::local_seconds to_local(io::TimePoint time) const;
  /// When a clock on the wall shows this. When daylight saving skips it, the first moment after the gap; when
  /// it comes twice, the first of the two.
  io::TimePoint to_time(std::chrono::local_seconds local) const;

  bool operator==(const TimeZone&) const = default;

 private:
  explicit TimeZone(const date::time_zone* zone) : zone_(zone) {}

  const date::time_zone* zone_;  // of the database, which stays until the program ends; null for UTC
};

}  // namespace pgkeep::server
