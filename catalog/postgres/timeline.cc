#include "catalog/postgres/timeline.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/shown_text.h"
#include "catalog/postgres/number.h"

namespace pgkeep::postgres {

namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

[[noreturn]] void refuse(TimelineId timeline, std::size_t line, std::string_view why) {
  throw Corruption(fmt::format("{} line {}: {}; compare it with the server's own copy in pg_wal",
                               timeline.history_file(), line, why));
}

/// Cuts the first word off `text`, with the blanks before it.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const auto word = text.substr(0, text.find_first_of(kBlanks));
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

std::optional<TimelineId> TimelineId::parse_decimal(std::string_view text) {
  const auto value = parse_number<std::uint32_t>(text);
  if (!value || *value == 0) return std::nullopt;
  return TimelineId(*value);
}

std::string TimelineId::to_string() const {
  return std::to_string(value_);
}

std::string TimelineId::to_hex() const {
  return fmt::format("{:08X}", value_);
}

std::string TimelineId::history_file() const {
  return to_hex() + ".history";
}

std::optional<SystemIdentifier> SystemIdentifier::parse(std::string_view text) {
  const auto value = parse_number<std::uint64_t>(text);
  if (!value) return std::nullopt;
  return SystemIdentifier(*value);
}

std::string SystemIdentifier::to_string() const {
  return std::to_string(value_);
}

TimelineHistory TimelineHistory::parse(TimelineId timeline, std::string_view content) {
  TimelineHistory history(timeline);
  std::size_t number = 0;
  while (!content.empty()) {
    ++number;
    const auto newline = content.find('\n');
    auto line = content.substr(0, newline);
    content.remove_prefix(newline == std::string_view::npos ? content.size() : newline + 1);

    const auto parent_text = take_word(line);
    if (parent_text.empty() || parent_text.front() == '#') continue;
    const auto parent = TimelineId::parse_decimal(parent_text);
    if (!parent) refuse(timeline, number, fmt::format("{} is not a timeline", io::in_quotes(parent_text)));
    const auto end_text = take_word(line);
    const auto end = Lsn::parse(end_text);
    if (!end) refuse(timeline, number, fmt::format("{} is not an LSN", io::in_quotes(end_text)));
    // A file cut inside the LSN would otherwise name an earlier one.
    if (line.empty() && newline == std::string_view::npos) refuse(timeline, number, "the line is cut short");

    if (*parent >= timeline) {
      refuse(timeline, number,
             fmt::format("ancestor {} is not below the timeline itself", parent->to_string()));
    }
    if (!history.ancestors_.empty() && *parent <= history.ancestors_.back().timeline)
      refuse(timeline, number, "the timelines do not rise");
    history.ancestors_.push_back({*parent, *end, *end});
  }
  for (auto i = history.ancestors_.size(); i > 1; --i) {
    auto& ancestor = history.ancestors_[i - 2];
    ancestor.end = std::min(ancestor.end, history.ancestors_[i - 1].end);
  }
  // Who has a history file has a parent: one without is a file whose content was lost.
  if (history.ancestors_.empty() && timeline > TimelineId(1))
    refuse(timeline, number + 1, "no ancestor is named");
  return history;
}

bool TimelineHistory::contains(TimelineId timeline) const {
  return timeline == timeline_ || end_of(timeline).has_value();
}

bool TimelineHistory::contains(const WalPosition& position) const {
  if (position.timeline == timeline_) return true;
  const auto end = end_of(position.timeline);
  return end && position.lsn <= *end;
}

TimelineId TimelineHistory::timeline_at(Lsn lsn) const {
  const auto holder = std::ranges::find_if(ancestors_, [lsn](const Ancestor& a) { return lsn < a.end; });
  return holder == ancestors_.end() ? timeline_ : holder->timeline;
}

Lsn TimelineHistory::begin() const {
  return ancestors_.empty() ? Lsn() : ancestors_.back().end;
}

std::optional<Lsn> TimelineHistory::end_of(TimelineId ancestor) const {
  const auto found = std::ranges::find(ancestors_, ancestor, &Ancestor::timeline);
  if (found == ancestors_.end()) return std::nullopt;
  return found->end;
}

std::optional<Lsn> TimelineHistory::switch_point_of(TimelineId ancestor) const {
  const auto found = std::ranges::find(ancestors_, ancestor, &Ancestor::timeline);
  if (found == ancestors_.end()) return std::nullopt;
  return found->switch_point;
}

std::optional<TimelineId> TimelineHistory::next_after(TimelineId ancestor) const {
  const auto end = end_of(ancestor);
  return end ? std::optional(timeline_at(*end)) : std::nullopt;
}

bool TimelineHistory::agrees_with(const TimelineHistory& other) const {
  const auto& [shorter, longer] =
      ancestors_.size() <= other.ancestors_.size() ? std::tie(*this, other) : std::tie(other, *this);
  const auto same = [](const Ancestor& a, const Ancestor& b) {
    return a.timeline == b.timeline && a.switch_point == b.switch_point;
  };
  const auto common = shorter.ancestors_.size();
  if (!std::equal(shorter.ancestors_.begin(), shorter.ancestors_.end(), longer.ancestors_.begin(), same))
    return false;
  const auto next = common < longer.ancestors_.size() ? longer.ancestors_[common].timeline : longer.timeline_;
  return shorter.timeline_ == next;
}

}  // namespace pgkeep::postgres
