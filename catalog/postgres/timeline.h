#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/postgres/lsn.h"

namespace pgkeep::postgres {

/// A timeline's number, 1 and up; above 2^31 is legal.
class TimelineId {
 public:
  constexpr TimelineId() = default;
  constexpr explicit TimelineId(std::uint32_t value) : value_(value) {}
  /// Nothing for 0 or what is no number.
  static std::optional<TimelineId> parse_decimal(std::string_view text);
  constexpr std::uint32_t value() const noexcept { return value_; }
  std::string to_string() const;     // decimal
  std::string to_hex() const;        // eight digits, as in file names
  std::string history_file() const;  // "00000002.history"
  constexpr auto operator<=>(const TimelineId&) const = default;

 private:
  std::uint32_t value_ = 0;
};

/// The number that initdb gave a cluster; copies and standbys share it.
class SystemIdentifier {
 public:
  constexpr SystemIdentifier() = default;
  constexpr explicit SystemIdentifier(std::uint64_t value) : value_(value) {}
  static std::optional<SystemIdentifier> parse(std::string_view text);  // decimal
  constexpr std::uint64_t value() const noexcept { return value_; }
  std::string to_string() const;
  constexpr auto operator<=>(const SystemIdentifier&) const = default;

 private:
  std::uint64_t value_ = 0;
};

struct WalPosition {
  TimelineId timeline;
  Lsn lsn;
  constexpr auto operator<=>(const WalPosition&) const = default;
};

/// The line of ancestors of one timeline (PostgreSQL source, timeline.c; the .history file).
///
///     parentTLI TAB X/X TAB reason
///
/// is one line an ancestor, oldest first; lines that are blank or begin with '#' say nothing.
/// Timeline 1 has no file and no ancestors. Always holds: timelines strictly rise.
///
/// Switch points may fall: a server that was recovered along timeline 2 to a point before 2 had left 1 goes
/// on as timeline 3, with "1 0/3020C98" and "2 0/3020BC8". As in PostgreSQL, an entry covers what lies from
/// the switch point of the one before to its own, and the newest entry that covers a position counts. So an
/// ancestor ends, for this line, at the lowest of its own and all later switch points.
class TimelineHistory {
 public:
  struct Ancestor {
    TimelineId timeline;
    Lsn end;           // what lies there and after it is not of this line
    Lsn switch_point;  // as the file has it: where the server that wrote it left the timeline; not before
                       // `end`
  };
  /// A timeline without ancestors.
  explicit TimelineHistory(TimelineId timeline) : timeline_(timeline) {}
  /// Throws Corruption, naming the line.
  static TimelineHistory parse(TimelineId timeline, std::string_view content);

  TimelineId timeline() const noexcept { return timeline_; }
  const std::vector<Ancestor>& ancestors() const noexcept { return ancestors_; }
  /// True for the timeline itself and its ancestors.
  bool contains(TimelineId timeline) const;
  /// True when the position lies on this line: on the timeline itself, or on an ancestor not past its end.
  bool contains(const WalPosition& position) const;
  /// The timeline on this line that holds the byte at `lsn`.
  TimelineId timeline_at(Lsn lsn) const;
  /// Where this timeline begins: the end of its direct parent, 0/0 for one without.
  Lsn begin() const;
  /// Where the line left `ancestor` for good (Ancestor::end); nothing for the timeline itself or one that is
  /// no ancestor.
  std::optional<Lsn> end_of(TimelineId ancestor) const;
  /// Ancestor::switch_point: what a server says of where that timeline ended.
  std::optional<Lsn> switch_point_of(TimelineId ancestor) const;
  /// The timeline that the line is on after `ancestor`, at its end; nothing like end_of().
  std::optional<TimelineId> next_after(TimelineId ancestor) const;
  /// True when one of the two is the beginning of the other, or both are the same: neither knows a timeline
  /// or a switch point that contradicts the other. Two branches that took the same number do not agree, nor
  /// do two that left the same timeline.
  bool agrees_with(const TimelineHistory& other) const;

 private:
  TimelineId timeline_;
  std::vector<Ancestor> ancestors_;
};

}  // namespace pgkeep::postgres
