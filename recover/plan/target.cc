#include "recover/plan/target.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::recover {
namespace {

/// MAXFNAMELEN of PostgreSQL, less the terminator: restore points have no longer names.
constexpr std::size_t kMaxNameBytes = 63;

template <class... Fns>
struct Overloaded : Fns... {
  using Fns::operator()...;
};
template <class... Fns>
Overloaded(Fns...) -> Overloaded<Fns...>;

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// "2026-11-20", "2026-11-20 02:00" and "2026-11-20 02:00:00.5" brought to the form with seconds.
std::string with_clock(std::string_view text) {
  constexpr std::size_t kDate = 10;
  constexpr std::size_t kDateAndMinute = 16;
  if (text.size() == kDate) return fmt::format("{} 00:00:00", text);
  if (text.size() == kDateAndMinute) return fmt::format("{}:00", text);
  return std::string(text);
}

/// The zone at the end as RFC 3339 spells it, and what stands before it. Empty: there is none.
struct Zoned {
  std::string_view clock;
  std::string zone;
};

/// Takes PostgreSQL's spellings, "+01", "+0100", "+01:00", "Z", "UTC" and "GMT". Other names are left alone:
/// what an abbreviation means depends on who reads it.
Zoned split_zone(std::string_view text) {
  for (const std::string_view utc : {"Z", "z", "UTC", "utc", "GMT", "gmt"}) {
    if (text.ends_with(utc)) return {trim(text.substr(0, text.size() - utc.size())), "Z"};
  }
  constexpr std::size_t kDate = 10;  // its own hyphens are no sign
  const auto sign = text.find_last_of("+-");
  if (sign == text.npos || sign < kDate) return {text, ""};
  std::string digits;
  for (const char c : text.substr(sign + 1)) {
    if (c != ':') digits.push_back(c);
  }
  if (!is_digits(digits) || (digits.size() != 2 && digits.size() != 4)) return {text, ""};
  if (digits.size() == 2) digits += "00";
  return {trim(text.substr(0, sign)),
          fmt::format("{}{}:{}", text[sign], digits.substr(0, 2), digits.substr(2))};
}

/// `wall` is what a clock on this host's wall shows.
io::TimePoint from_local(io::TimePoint wall) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(wall);
  const std::time_t as_utc = whole.time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&as_utc, &parts);
  parts.tm_isdst = -1;
  return io::TimePoint(std::chrono::seconds(std::mktime(&parts))) + (wall - whole);
}

/// "2026-11-20 02:00:00.5": RFC 3339 without T and zone, in UTC.
std::string utc_text(io::TimePoint time) {
  auto text = io::format_rfc3339(time);
  text.pop_back();
  std::ranges::replace(text, 'T', ' ');
  return text;
}

std::string describe_where(const RecoveryTarget& target) {
  return std::visit(Overloaded{
                        [](const EndOfWal&) { return std::string("end of WAL"); },
                        [](const Immediate&) { return std::string("as soon as the backup is consistent"); },
                        [](const TargetTime& t) {
                          return fmt::format("time {} UTC{}", utc_text(t.time),
                                             t.zone_assumed
                                                 ? " (given without a zone, taken as local time of this host)"
                                                 : "");
                        },
                        [](const TargetLsn& t) { return "LSN " + t.lsn.to_string(); },
                        [](const TargetXid& t) { return "transaction " + t.xid; },
                        [](const TargetName& t) { return fmt::format("restore point \"{}\"", t.name); },
                    },
                    target.where);
}

/// PostgreSQL looks at recovery_target_inclusive for these only.
bool knows_inclusive(const RecoveryTarget& target) {
  return std::holds_alternative<TargetTime>(target.where) ||
         std::holds_alternative<TargetLsn>(target.where) || std::holds_alternative<TargetXid>(target.where);
}

}  // namespace

std::string_view to_string(TargetAction action) {
  switch (action) {
    case TargetAction::pause:
      return "pause";
    case TargetAction::promote:
      return "promote";
    case TargetAction::shutdown:
      return "shutdown";
  }
  std::abort();
}

std::string RecoveryTarget::describe() const {
  auto text = describe_where(*this);
  if (knows_inclusive(*this)) text += inclusive ? " (inclusive)" : " (exclusive)";
  if (timeline) text += fmt::format(", on timeline {}", timeline->to_string());
  if (has_target() && action) text += fmt::format(", then {}", to_string(*action));
  return text;
}

TargetTime parse_target_time(const std::string& text) {
  const auto [clock, zone] = split_zone(trim(text));
  const auto wall = io::parse_rfc3339(with_clock(clock) + (zone.empty() ? "Z" : zone));
  if (!wall) {
    throw UsageError(
        fmt::format("--target-time: \"{}\" is not a time; "
                    "write it as \"2026-11-20 02:00:00+01:00\" (a zone as an offset or UTC; "
                    "names such as CET mean different things in different places)",
                    text));
  }
  const auto time = zone.empty() ? from_local(*wall) : *wall;
  return {.time = time, .text = utc_text(time) + "+00", .zone_assumed = zone.empty()};
}

TargetLsn parse_target_lsn(const std::string& text) {
  const auto lsn = postgres::Lsn::parse(trim(text));
  if (!lsn) {
    throw UsageError(
        fmt::format("--target-lsn: \"{}\" is not an LSN; "
                    "it looks like \"16/B374D848\", as pg_current_wal_lsn() prints it",
                    text));
  }
  return {*lsn};
}

TargetXid parse_target_xid(const std::string& text) {
  const auto xid = trim(text);
  // With an epoch (pg_current_xact_id()) it is longer than 32 bits; PostgreSQL looks at the lower half.
  constexpr std::size_t kMaxDigits = 20;
  if (!is_digits(xid) || xid.size() > kMaxDigits || xid.find_first_not_of('0') == xid.npos) {
    throw UsageError(
        fmt::format("--target-xid: \"{}\" is not a transaction id; "
                    "it is a number above 0, as pg_current_xact_id() gives it",
                    text));
  }
  return {std::string(xid)};
}

TargetName parse_target_name(const std::string& text) {
  if (text.empty() || text.size() > kMaxNameBytes ||
      text.find_first_of(std::string_view("\n\r\0", 3)) != text.npos) {
    throw UsageError(fmt::format(
        "--target-name: \"{}\" cannot be a restore point: names have 1 to {} bytes and no line breaks", text,
        kMaxNameBytes));
  }
  return {text};
}

}  // namespace pgkeep::recover
