#include "catalog/records/event_journal.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/journal.h"
#include "catalog/io/sealed_json.h"
#include "catalog/records/json.h"

namespace pgkeep::catalog {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 15> kKinds{
    "gap",         "slot_created", "slot_dropped", "slot_lost",   "slot_given_up",
    "branch_left", "split_brain",  "conflict",     "rolled_back", "unproved",
    "minimal_wal", "line_kept",    "line_begun",   "adopted",     "removed"};

std::string format_line(const Event& event) {
  const auto range = event.range.value_or(WalRange{});
  const auto known = [&](const Json& value) { return event.range ? value : Json(); };
  const Json line{{"at", event.at},
                  {"kind", event.kind},
                  {"cause", event.cause},
                  {"timeline", known(range.timeline)},
                  {"begin", known(range.begin)},
                  {"end", known(range.end)}};
  // A cause may carry what a server said, and that may be any bytes.
  return io::seal_json(line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::optional<WalRange> parse_range(const nlohmann::json& line) {
  if (line.at("timeline").is_null()) return std::nullopt;
  WalRange range;
  io::read_item(line, "timeline", range.timeline);
  io::read_item(line, "begin", range.begin);
  io::read_item(line, "end", range.end);
  return range;
}

/// Nothing when it is no whole record, or of a kind that is not known here.
std::optional<Event> parse_line(std::string_view text) {
  try {
    const auto line = io::parse_sealed_json(text);
    Event event;
    io::read_item(line, "at", event.at);
    io::read_item(line, "kind", event.kind);
    io::read_item(line, "cause", event.cause);
    event.range = parse_range(line);
    return event;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  } catch (const Corruption&) {
    return std::nullopt;
  }
}

bool is_decision(EventKind kind) {
  return kind == EventKind::line_kept || kind == EventKind::line_begun;
}

/// What is done to a slot, or decided, happens once each time; all else is found again by every attempt.
bool is_tried_again(EventKind kind) {
  return kind != EventKind::slot_created && kind != EventKind::slot_dropped &&
         kind != EventKind::slot_given_up && !is_decision(kind);
}

/// `known`: oldest first.
bool repeats_one_of(const std::vector<Event>& known, const Event& event) {
  int looked_at = 0;
  for (auto at = known.rbegin(); at != known.rend() && looked_at < EventJournal::kRemembered; ++at) {
    if (event.kind == EventKind::rolled_back && is_decision(at->kind))
      return false;  // it was wrong, or again
    if (at->kind != event.kind) continue;
    if (at->cause == event.cause && at->range == event.range) return true;
    ++looked_at;
  }
  return false;
}

}  // namespace

std::string_view to_string(EventKind kind) {
  return kKinds.at(static_cast<std::size_t>(kind));
}

std::optional<EventKind> parse_event_kind(std::string_view text) {
  const auto found = std::ranges::find(kKinds, text);
  if (found == kKinds.end()) return std::nullopt;
  return static_cast<EventKind>(found - kKinds.begin());
}

const Event* undecided_rollback(std::span<const Event> events) {
  for (auto at = events.rbegin(); at != events.rend() && !is_decision(at->kind); ++at)
    if (at->kind == EventKind::rolled_back) return &*at;
  return nullptr;
}

bool EventJournal::append(const Event& event) {
  auto line = format_line(event);
  const auto written = parse_line(line).value();  // as it will be read: bytes may have been replaced
  io::JournalAppender appender(layout_.event_journal());
  if (is_tried_again(event.kind) && repeats_one_of(read(), written)) {
    appender.write_again();  // seen is not durable
    return false;
  }
  appender.append(std::move(line));
  return true;
}

std::vector<Event> EventJournal::read() const {
  std::vector<Event> events;
  for (const auto& line : io::read_journal(layout_.event_journal()).lines) {
    if (auto event = parse_line(line)) events.push_back(*std::move(event));
  }
  return events;
}

}  // namespace pgkeep::catalog
