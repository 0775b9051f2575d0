#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/backup_label.h"
#include "catalog/postgres/tablespace_map.h"
#include "tests/fuzz/input.h"

// The two files that a server sends with a backup. Whatever they say, it is refused by Corruption or
// understood as PostgreSQL understands it; any bytes that a path or a label can have come back as they were.

namespace {

using namespace pgkeep;
using fuzz::require;
using postgres::BackupLabel;
using postgres::TablespaceMapEntry;
using Map = std::vector<TablespaceMapEntry>;

/// What read_tablespace_map() of xlog.c and xlogrecovery.c makes of a map's lines, before it looks at them:
/// two loops over the characters, one for 13 and one for 14 and up.
std::vector<std::string> lines_of(std::string_view content, int major_version) {
  std::vector<std::string> lines;
  std::string line;
  bool escaped = false;  // 14
  char before = '\0';    // 13
  for (const char c : content) {
    const bool ends = c == '\n' || c == '\r';
    if (ends && (major_version >= 14 ? !escaped : before != '\\')) {
      if (!line.empty()) lines.push_back(line);
      line.clear();
      continue;
    }
    if (major_version >= 14) {
      const bool escape = !escaped && c == '\\';
      if (!escape) line.push_back(c);
      escaped = escape;
    } else {
      if (ends) {
        line.back() = c;
      } else {
        line.push_back(c);
      }
      before = c;
    }
  }
  return lines;
}

std::string line_of(const TablespaceMapEntry& entry) {
  return fmt::format("{} {}", entry.oid, entry.path);
}

bool can_be(const Map& map) {
  for (const auto& entry : map) {
    const auto of_oid = [&](const auto& other) { return other.oid == entry.oid; };
    if (entry.oid == 0 || !entry.path.starts_with('/') || entry.path.find('\0') != entry.path.npos)
      return false;
    if (std::ranges::count_if(map, of_oid) != 1) return false;
  }
  return true;
}

/// 13 has no way to write these.
bool is_for_14_only(const std::string& path) {
  for (std::size_t i = 0; i < path.size(); ++i)
    if (path[i] == '\\' && (i + 1 == path.size() || path[i + 1] == '\n' || path[i + 1] == '\r')) return true;
  return false;
}

void check_map_of_entries(fuzz::Input input, int major_version) {
  Map map;
  while (!input.empty()) {
    const auto oid = 1 + std::uint32_t{input.byte()};
    map.push_back({oid, "/" + input.text(input.byte() % 16)});
  }
  if (!can_be(map)) return;
  const bool written =
      major_version >= 14 || std::ranges::none_of(map, is_for_14_only, &TablespaceMapEntry::path);
  std::string content;
  try {
    content = postgres::format_tablespace_map(map, major_version);
  } catch (const Error&) {
    require(!written, "a path is refused that the server can read");
    return;
  }
  require(written, "a path is written that the server cannot read");
  require(postgres::parse_tablespace_map(content, major_version) == map, "a map does not come back");
  const auto lines = lines_of(content, major_version);
  require(std::ranges::equal(lines, map, {}, {}, line_of), "the server reads another map");
}

void check_map_of_bytes(std::string_view content, int major_version) {
  Map map;
  try {
    map = postgres::parse_tablespace_map(content, major_version);
  } catch (const Corruption&) {
    return;
  }
  require(can_be(map), "a map that cannot be");
  const auto lines = lines_of(content, major_version);
  require(lines.size() == map.size(), "the server reads another number of tablespaces");
  for (std::size_t i = 0; i < map.size(); ++i)
    require(lines[i].ends_with(" " + map[i].path), "the server reads another path");
}

// ------------------------------------------------------------------------------------------- backup_label

std::string label_text(const BackupLabel& label) {
  auto text = fmt::format(
      "START WAL LOCATION: {} (file {}{:08X}{:08X})\nCHECKPOINT LOCATION: {}\nBACKUP METHOD: streamed\n"
      "BACKUP FROM: {}\nSTART TIME: 2026-11-20 12:00:00 GMT\nLABEL: {}\nSTART TIMELINE: {}\n",
      label.start.lsn.to_string(), label.start.timeline.to_hex(), label.start.lsn.value() >> 32,
      (label.start.lsn.value() & 0xFFFFFFFF) >> 24, label.checkpoint.to_string(),
      label.from_standby ? "standby" : "primary", label.label, label.start.timeline.to_string());
  if (label.incremental_from) {
    text +=
        fmt::format("INCREMENTAL FROM LSN: {}\nINCREMENTAL FROM TLI: {}\n",
                    label.incremental_from->lsn.to_string(), label.incremental_from->timeline.to_string());
  }
  return text;
}

bool same(const BackupLabel& a, const BackupLabel& b) {
  return a.start == b.start && a.checkpoint == b.checkpoint && a.from_standby == b.from_standby &&
         a.label == b.label && a.incremental_from == b.incremental_from;
}

void check_label_of_bytes(std::string_view content) {
  BackupLabel label;
  try {
    label = BackupLabel::parse(content);
  } catch (const Corruption&) {
    return;
  }
  require(label.start.timeline.value() > 0 && label.start.lsn <= label.checkpoint, "a label that cannot be");
  require(same(BackupLabel::parse(label_text(label)), label), "what was understood is not what it says");
  // Cut anywhere it is refused, or all that it says is there: what is cut off is another line.
  try {
    const auto cut = BackupLabel::parse(content.substr(0, content.size() - 1));
    require(same(cut, label), "a label that was cut says something else");
  } catch (const Corruption&) {
  }
}

void check_label_of_values(fuzz::Input input) {
  BackupLabel label;
  label.start = {postgres::TimelineId(input.number() | 1), postgres::Lsn(input.long_number())};
  label.checkpoint = label.start.lsn + std::min<std::uint64_t>(input.word(), ~label.start.lsn.value());
  const auto flags = input.byte();
  label.from_standby = (flags & 1) != 0;
  if ((flags & 2) != 0)
    label.incremental_from = {postgres::TimelineId(input.number() | 1), postgres::Lsn(input.long_number())};
  label.label = input.text(input.byte());
  std::erase(label.label, '\n');
  auto text = label_text(label);
  require(same(BackupLabel::parse(text), label), "a label does not come back");
  while (!input.empty()) text[input.word() % text.size()] = static_cast<char>(input.byte());
  check_label_of_bytes(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto kind = input.byte();
  const int major_version = (kind & 4) != 0 ? 13 : 18;
  switch (kind % 4) {
    case 0:
      check_map_of_entries(input, major_version);
      break;
    case 1:
      check_map_of_bytes(input.text(size), major_version);
      break;
    case 2:
      check_label_of_values(input);
      break;
    default:
      check_label_of_bytes(input.text(size));
  }
  return 0;
}
