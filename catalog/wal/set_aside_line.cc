#include "catalog/wal/set_aside_line.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/sealed_json.h"
#include "catalog/postgres/json.h"
#include "catalog/postgres/number.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/store/json.h"
#include "catalog/wal/held_wal.h"

namespace pgkeep::catalog {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::uint64_t kMaxBytes = 16u << 20;

Json json_of(const SetAsideLine& line) {
  return {{"format", kFormat},
          {"set_aside", line.at},
          {"why", line.why},
          {"timeline", line.end ? Json(line.end->timeline) : Json()},
          {"end", line.end ? Json(line.end->lsn) : Json()},
          {"backups", line.backups}};
}

SetAsideLine parse(unsigned number, const nlohmann::json& json) {
  if (io::whole_number<int>(json.at("format")) != kFormat) throw std::invalid_argument("an unknown format");
  SetAsideLine line;
  line.number = number;
  io::read_item(json, "set_aside", line.at);
  io::read_item(json, "why", line.why);
  if (!json.at("timeline").is_null()) {
    line.end = postgres::WalPosition{json.at("timeline").get<postgres::TimelineId>(),
                                     json.at("end").get<postgres::Lsn>()};
  }
  io::read_item(json, "backups", line.backups);
  return line;
}

constexpr std::string_view kWayOut =
    "only it tells which backups belong to the WAL beside it. "
    "Those of which that is not known can be listed and deleted, but not recovered; "
    "bring the file back from another copy of the repository";

SetAsideLine damaged_line(unsigned number, std::string why) {
  SetAsideLine line;
  line.number = number;
  line.damage = std::move(why);
  return line;
}

SetAsideLine read_record(const store::ServerLayout& layout, unsigned number) {
  const auto path = layout.line_record(number);
  const auto parse_it = [&](const nlohmann::json& json) { return parse(number, json); };
  try {
    if (auto line = io::read_sealed_json(path, kMaxBytes, kWayOut, parse_it)) return *std::move(line);
    return damaged_line(number, fmt::format("{}: is missing; {}", path.native(), kWayOut));
  } catch (const Corruption& error) {
    return damaged_line(number, error.what());
  } catch (const StorageError& error) {
    if (!is_damage(error)) throw;
    return damaged_line(number, fmt::format("{}; {}", error.what(), kWayOut));
  }
}

/// As the first event of a line tells; the clock's zero when it does not.
io::TimePoint begin_of(const store::ServerLayout& line) {
  const auto events = EventJournal(line).read();
  const bool is_told = !events.empty() && events.front().kind == EventKind::line_begun;
  return is_told ? events.front().at : io::TimePoint();
}

/// The numbers of the lines that have a record, sorted; also of one whose WAL was not moved yet.
std::vector<unsigned> recorded_numbers(const store::ServerLayout& layout) {
  std::vector<unsigned> numbers;
  for (const auto& entry : io::entries(layout.lines())) {
    const auto number = postgres::parse_number<unsigned>(entry.path().filename().native());
    if (number && *number > 0 && io::is_there(layout.line_record(*number))) numbers.push_back(*number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

bool was_moved(const store::ServerLayout& layout, unsigned number) {
  return io::is_there(layout.of_line(number).wal());
}

}  // namespace

std::vector<SetAsideLine> read_set_aside_lines(const store::ServerLayout& layout) {
  std::vector<SetAsideLine> lines;
  for (const auto number : recorded_numbers(layout))
    if (was_moved(layout, number)) lines.push_back(read_record(layout, number));
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].damage.empty()) continue;
    lines[i].at = begin_of(i + 1 < lines.size() ? layout.of_line(lines[i + 1].number) : layout);
  }
  return lines;
}

std::vector<store::ServerLayout> layouts_of_lines(const store::ServerLayout& layout) {
  std::vector<store::ServerLayout> lines;
  for (const auto& line : read_set_aside_lines(layout)) lines.push_back(layout.of_line(line.number));
  lines.push_back(layout);
  return lines;
}

std::optional<unsigned> line_of(std::span<const SetAsideLine> lines, const store::BackupId& backup) {
  const auto has_it = [&backup](const SetAsideLine& line) {
    return std::ranges::find(line.backups, backup) != line.backups.end();
  };
  const auto found = std::ranges::find_if(lines, has_it);
  return found == lines.end() ? std::nullopt : std::optional(found->number);
}

bool is_unclear(std::span<const SetAsideLine> lines, const store::BackupId& backup) {
  const auto is_damaged = [](const SetAsideLine& line) { return !line.damage.empty(); };
  if (std::ranges::none_of(lines, is_damaged) || line_of(lines, backup)) return false;
  const auto begun = lines.back().at;  // the current line
  return begun == io::TimePoint() || backup < store::BackupId(begun);
}

store::ServerLayout layout_of_backup(const store::ServerLayout& layout, std::span<const SetAsideLine> lines,
                                     const store::BackupId& backup) {
  if (is_unclear(lines, backup)) {
    const auto damaged = std::ranges::find_if(lines, [](const auto& line) { return !line.damage.empty(); });
    throw Corruption(fmt::format("which line of WAL backup {} belongs to is not known: {}",
                                 backup.to_string(), damaged->damage));
  }
  const auto line = line_of(lines, backup);
  return line ? layout.of_line(*line) : layout;
}

void sort_by_line(std::span<const SetAsideLine> lines, std::vector<store::BackupRecord>& backups) {
  constexpr auto kCurrent = std::numeric_limits<unsigned>::max();
  std::ranges::stable_sort(backups, {}, [&](const auto& backup) {
    return is_unclear(lines, backup.id) ? 0 : line_of(lines, backup.id).value_or(kCurrent);
  });
}

namespace {

bool is_own(const store::ServerLayout& layout, std::span<const SetAsideLine> lines,
            const store::BackupId& backup) {
  return !is_unclear(lines, backup) && line_of(lines, backup) == layout.line();
}

/// Those of the current line. A record that cannot be read now may be given back or restored later; by then
/// its backup must not seem to be one of the next line.
std::vector<store::BackupId> own_backups(const store::ServerLayout& layout) {
  const auto lines = read_set_aside_lines(layout);
  const auto listing = store::list_backup_records(layout);
  std::vector<store::BackupId> ids;
  for (const auto& backup : listing.backups)
    if (is_own(layout, lines, backup.id)) ids.push_back(backup.id);
  for (const auto& backup : listing.unread)
    if (is_own(layout, lines, backup.id)) ids.push_back(backup.id);
  return ids;
}

}  // namespace

void keep_only_own(const store::ServerLayout& layout, std::vector<store::BackupRecord>& backups) {
  const auto lines = read_set_aside_lines(layout);
  std::erase_if(backups, [&](const auto& backup) { return !is_own(layout, lines, backup.id); });
}

SetAsideLine set_line_aside(const store::ServerLayout& layout, const std::string& why,
                            const std::optional<ServerIdentity>& next) {
  if (is_half_set_aside(layout)) {
    finish_setting_aside(layout);
    if (!next || read_identity(layout) == next) return read_record(layout, recorded_numbers(layout).back());
  }
  const auto identity = read_identity(layout);
  const auto held = identity ? std::optional(HeldWal::read(WalArchive(layout, *identity))) : std::nullopt;
  if ((!held || held->ranges().empty()) && !(identity && next))
    throw Refused(fmt::format("{}: there is no WAL that could be set aside", layout.wal().native()));
  SetAsideLine line{.at = io::now(), .why = why, .end = {}, .backups = own_backups(layout), .damage = {}};
  if (const auto newest = held ? held->along_newest() : std::nullopt) line.end = newest->end();
  const auto numbers = recorded_numbers(layout);
  line.number = numbers.empty() ? 1 : numbers.back() + 1;
  const auto record = layout.line_record(line.number);
  io::make_directories(record.parent_path());
  io::sync_directories(record.parent_path(),
                       layout.root());  // or all that is moved there could be lost with it
  const auto aside = layout.of_line(line.number);
  if (next) {
    write_identity(aside.line_identity(), *identity);
    write_identity(aside.next_identity(), *next);
  } else {
    // Of a --new-cluster that was killed before its record was there. The record below makes its folder
    // durable, and with it that they are gone.
    io::remove_file(aside.next_identity());
    io::remove_file(aside.line_identity());
  }
  io::write_sealed_json(record, json_of(line));
  finish_setting_aside(layout);
  return line;
}

namespace {

/// Not by whether the journal is there: a kill may have left it empty.
bool tells_of_its_beginning(const store::ServerLayout& line) {
  const auto events = EventJournal(line).read();
  return std::ranges::find(events, EventKind::line_begun, &Event::kind) != events.end();
}

}  // namespace

bool is_half_set_aside(const store::ServerLayout& layout) {
  const auto numbers = recorded_numbers(layout);
  return !numbers.empty() &&
         (!was_moved(layout, numbers.back()) ||
          io::is_there(layout.of_line(numbers.back()).next_identity()) || !tells_of_its_beginning(layout));
}

void finish_setting_aside(const store::ServerLayout& layout) {
  if (!is_half_set_aside(layout)) return;
  const auto last = recorded_numbers(layout).back();
  const auto aside = layout.of_line(last);
  if (!was_moved(layout, last)) {
    // Where the WAL that was received last ended is that of the line that is no more.
    io::remove_file(layout.stream_state());
    // The WAL last: when it has gone, the line counts, and what the events say must have gone with it.
    if (io::is_there(layout.event_journal()) && !io::is_there(aside.event_journal()))
      io::rename_durably(layout.event_journal(), aside.event_journal());
    io::rename_durably(layout.wal(), aside.wal());
  }
  // After the WAL: the segments of the one cluster must never lie beside the identity of the other.
  if (io::is_there(aside.next_identity())) io::rename_durably(aside.next_identity(), layout.identity());
  layout.make();
  if (tells_of_its_beginning(layout)) return;
  const auto line = read_record(layout, last);
  EventJournal(layout).append(
      {io::now(),
       EventKind::line_begun,
       fmt::format("what was held{} was set aside as line {}: {}",
                   line.end ? fmt::format(", up to {} of timeline {},", line.end->lsn.to_string(),
                                          line.end->timeline.to_string())
                            : "",
                   last, line.damage.empty() ? line.why : line.damage),
       {}});
}

}  // namespace pgkeep::catalog
