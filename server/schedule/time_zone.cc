#include "server/schedule/time_zone.h"

#include <algorithm>
#include <exception>
#include <vector>

#include <date/tz.h>
#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::server {
namespace {

static_assert(USE_OS_TZDB == 1, "link date::date-tz, which says how Debian's library is built");

const std::string kUtc = "UTC";

[[noreturn]] void fail(std::string_view what, std::string_view why) {
  throw Error(fmt::format("{}: {}; install the package tzdata (again) and restart pgkeep", what, why));
}

/// All zones there are. The library reads the names once, and each zone when it is first asked.
const std::vector<date::time_zone>& all_zones() {
  constexpr std::string_view kWhat = "cannot read the time zones of this system";
  try {
    const auto& zones = date::get_tzdb().zones;
    if (!zones.empty()) return zones;
  } catch (const std::exception& error) {
    fail(kWhat, error.what());
  }
  fail(kWhat, "there are none");
}

}  // namespace

std::optional<TimeZone> TimeZone::find(std::string_view name) {
  if (name == kUtc) return utc();
  // Compared with the names only, so that nothing in a name can lead to another file.
  const auto& zones = all_zones();
  const auto found = std::ranges::find(zones, name, &date::time_zone::name);
  if (found == zones.end()) return std::nullopt;
  try {
    found->get_info(date::sys_seconds{});
  } catch (const std::exception& error) {
    fail(fmt::format("cannot read the time zone {}", name), error.what());
  }
  return TimeZone(&*found);
}

TimeZone TimeZone::utc() {
  return TimeZone(nullptr);
}

const std::string& TimeZone::name() const {
  return zone_ ? zone_->name() : kUtc;
}

std::chrono::local_seconds TimeZone::to_local(io::TimePoint time) const {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const auto offset = zone_ ? zone_->get_info(second).offset : std::chrono::seconds{0};
  return std::chrono::local_seconds{second.time_since_epoch() + offset};
}

io::TimePoint TimeZone::to_time(std::chrono::local_seconds local) const {
  const auto since_epoch = local.time_since_epoch();
  if (!zone_) return io::TimePoint{since_epoch};
  const auto info = zone_->get_info(date::local_seconds{since_epoch});
  if (info.result == date::local_info::nonexistent) return info.first.end;
  return io::TimePoint{since_epoch - info.first.offset};
}

}  // namespace pgkeep::server
