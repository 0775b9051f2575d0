#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgkeep::io {

/// A point in time in UTC, to the microsecond as PostgreSQL has it.
using TimePoint = std::chrono::sys_time<std::chrono::microseconds>;

TimePoint now();
/// "2026-11-20T02:00:00Z", with ".123456" only when there is a fraction.
std::string format_rfc3339(TimePoint time);
/// RFC 3339 with Z or an offset; a space instead of the T is accepted. Nothing when it is not one.
std::optional<TimePoint> parse_rfc3339(std::string_view text);
/// For people: "2026-11-20 02:00:00 UTC".
std::string format_time(TimePoint time);

/// Microseconds since 2000-01-01 00:00 UTC, PostgreSQL's own clock.
TimePoint from_postgres_time(std::int64_t microseconds);
std::int64_t to_postgres_time(TimePoint time);

/// "1.5 GiB", "312 KiB", "0 B": three digits at most, powers of 1024.
std::string format_bytes(std::uint64_t bytes);
/// "64MiB", "20 GiB", "512kB" (powers of 1024 for both spellings, as PostgreSQL reads them), plain bytes
/// without a unit. Nothing when it is not a size or does not fit.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

/// "4 s", "3 min 20 s", "26 h", "7 d 2 h".
std::string format_duration(std::chrono::milliseconds duration);
/// "500ms", "30s", "15min", "26h", "7d", "2w". Nothing when it is not one.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace pgkeep::io
