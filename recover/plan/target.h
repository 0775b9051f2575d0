#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "catalog/io/units.h"
#include "catalog/postgres/timeline.h"

namespace pgkeep::recover {

// Where replay stops (PostgreSQL manual, "Recovery Target").
struct EndOfWal {};   // the last byte that was acknowledged
struct Immediate {};  // as soon as the backup is consistent
struct TargetTime {
  io::TimePoint time;
  std::string text;           // as handed to PostgreSQL, with an explicit zone
  bool zone_assumed = false;  // typed without a zone, and taken as local time of this host
};
struct TargetLsn {
  postgres::Lsn lsn;
};
struct TargetXid {
  std::string xid;
};
struct TargetName {
  std::string name;  // a restore point
};

enum class TargetAction { pause, promote, shutdown };
std::string_view to_string(TargetAction action);  // as PostgreSQL spells it

struct RecoveryTarget {
  std::variant<EndOfWal, Immediate, TargetTime, TargetLsn, TargetXid, TargetName> where{};
  bool inclusive = true;
  std::optional<TargetAction> action{};
  /// The timeline to follow; nothing: the one the server was on last.
  std::optional<postgres::TimelineId> timeline{};

  bool has_target() const noexcept { return !std::holds_alternative<EndOfWal>(where); }
  /// "end of WAL", "2026-11-20 02:00:00 UTC (inclusive)": for plans and reports.
  std::string describe() const;
};

/// What an operator types; throws UsageError naming the option. A time needs a zone or is taken as local time
/// of this host, which is then said by describe().
TargetTime parse_target_time(const std::string& text);
TargetLsn parse_target_lsn(const std::string& text);
TargetXid parse_target_xid(const std::string& text);
TargetName parse_target_name(const std::string& text);

}  // namespace pgkeep::recover
