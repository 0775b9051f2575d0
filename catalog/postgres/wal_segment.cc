#include "catalog/postgres/wal_segment.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/number.h"

namespace pgkeep::postgres {

namespace {

constexpr std::uint64_t kMinSegmentBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxSegmentBytes = std::uint64_t{1} << 30;
constexpr std::size_t kFieldDigits = 8;  // timeline, log, segment in the log: each
constexpr std::size_t kNameDigits = 3 * kFieldDigits;
constexpr std::string_view kPartialSuffix = ".partial";
constexpr std::string_view kHistorySuffix = ".history";
constexpr std::string_view kBackupSuffix = ".backup";

bool all_upper_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
}

/// The value of one field of a name that all_upper_hex() has passed.
std::uint32_t field(std::string_view name, std::size_t index) {
  return parse_number<std::uint32_t>(name.substr(index * kFieldDigits, kFieldDigits), 16).value();
}

bool is_history_name(std::string_view name) {
  return name.size() == kFieldDigits + kHistorySuffix.size() && name.ends_with(kHistorySuffix) &&
         all_upper_hex(name.substr(0, kFieldDigits));
}

}  // namespace

WalSegmentSize::WalSegmentSize(std::uint64_t bytes) {
  if (bytes < kMinSegmentBytes || bytes > kMaxSegmentBytes || !std::has_single_bit(bytes)) {
    throw Error(fmt::format(
        "{} bytes is no WAL segment size: PostgreSQL has powers of two from 1 MiB to 1 GiB", bytes));
  }
  bytes_ = static_cast<std::uint32_t>(bytes);
}

WalSegment WalSegment::holding(const WalPosition& position, WalSegmentSize size) {
  return {position.timeline, position.lsn.value() / size.bytes()};
}

WalSegment WalSegment::ending(const WalPosition& position, WalSegmentSize size) {
  const auto lsn = position.lsn.value();
  return {position.timeline, (lsn == 0 ? 0 : lsn - 1) / size.bytes()};
}

std::optional<WalSegment> WalSegment::parse(std::string_view name, WalSegmentSize size) {
  if (name.size() != kNameDigits || !all_upper_hex(name)) return std::nullopt;
  const TimelineId timeline(field(name, 0));
  const std::uint64_t log = field(name, 1);
  const std::uint64_t in_log = field(name, 2);
  if (timeline == TimelineId() || in_log >= size.per_log()) return std::nullopt;
  const WalSegment segment{timeline, log * size.per_log() + in_log};
  return segment.end(size) > segment.begin(size) ? std::optional(segment) : std::nullopt;
}

std::string WalSegment::name(WalSegmentSize size) const {
  return fmt::format("{:08X}{:08X}{:08X}", timeline.value(), number / size.per_log(),
                     number % size.per_log());
}

Lsn WalSegment::begin(WalSegmentSize size) const {
  return Lsn(number * size.bytes());
}

Lsn WalSegment::end(WalSegmentSize size) const {
  return Lsn((number + 1) * size.bytes());
}

std::optional<WalFileKind> wal_file_kind(std::string_view name) {
  if (is_history_name(name)) return WalFileKind::history;
  if (name.size() < kNameDigits || !all_upper_hex(name.substr(0, kNameDigits))) return std::nullopt;
  const auto rest = name.substr(kNameDigits);
  if (rest.empty()) return WalFileKind::segment;
  if (rest == kPartialSuffix) return WalFileKind::partial;
  if (rest.size() == 1 + kFieldDigits + kBackupSuffix.size() && rest.front() == '.' &&
      all_upper_hex(rest.substr(1, kFieldDigits)) && rest.ends_with(kBackupSuffix)) {
    return WalFileKind::backup_history;
  }
  return std::nullopt;
}

std::optional<TimelineId> parse_history_name(std::string_view name) {
  if (!is_history_name(name)) return std::nullopt;
  const TimelineId timeline(field(name, 0));
  if (timeline == TimelineId()) return std::nullopt;
  return timeline;
}

}  // namespace pgkeep::postgres
