#include "catalog/postgres/backup_label.h"

#include <array>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/shown_text.h"
#include "catalog/postgres/number.h"
#include "catalog/postgres/wal_segment.h"

namespace pgkeep::postgres {

namespace {

[[noreturn]] void refuse(std::string_view key, std::string_view why) {
  throw Corruption(fmt::format(
      "backup_label: {}: {}; restore the file from the backup, never start without it", key, why));
}

/// The lines of a label by their keys. Unknown ones are passed over: a new minor version may bring more.
class Items {
 public:
  explicit Items(std::string_view content) {
    while (!content.empty()) {
      const auto newline = content.find('\n');
      if (newline == std::string_view::npos) refuse(content, "the line is cut short");
      add(content.substr(0, newline));
      content.remove_prefix(newline + 1);
    }
  }

  std::optional<std::string_view> find(std::string_view key) const {
    for (const auto& item : items_) {
      if (item.key == key) return item.value;
    }
    return std::nullopt;
  }

  std::string_view get(std::string_view key) const {
    const auto value = find(key);
    if (!value) refuse(key, "the line is missing");
    return *value;
  }

  Lsn get_lsn(std::string_view key) const {
    const auto lsn = Lsn::parse(get(key));
    if (!lsn) refuse(key, fmt::format("{} is not an LSN", io::in_quotes(get(key))));
    return *lsn;
  }

  TimelineId get_timeline(std::string_view key) const {
    const auto timeline = TimelineId::parse_decimal(get(key));
    if (!timeline) refuse(key, fmt::format("{} is not a timeline", io::in_quotes(get(key))));
    return *timeline;
  }

 private:
  struct Item {
    std::string_view key;
    std::string_view value;
  };

  void add(std::string_view line) {
    constexpr std::string_view kSeparator = ": ";
    const auto separator = line.find(kSeparator);
    if (separator == std::string_view::npos) refuse(line, "not a \"KEY: value\" line");
    const Item item{line.substr(0, separator), line.substr(separator + kSeparator.size())};
    // The server believes the first, another reader the last: neither is safe.
    if (find(item.key)) refuse(item.key, "given twice");
    items_.push_back(item);
  }

  std::vector<Item> items_;
};

constexpr std::string_view kStart = "START WAL LOCATION";
constexpr std::string_view kCheckpoint = "CHECKPOINT LOCATION";
constexpr std::string_view kMethod = "BACKUP METHOD";
constexpr std::string_view kFrom = "BACKUP FROM";
constexpr std::string_view kLabel = "LABEL";
constexpr std::string_view kTimeline = "START TIMELINE";
constexpr std::string_view kIncrementalLsn = "INCREMENTAL FROM LSN";
constexpr std::string_view kIncrementalTimeline = "INCREMENTAL FROM TLI";

/// "0/2000028 (file 000000010000000000000002)", whose segment must be of the timeline and log of the start.
Lsn parse_start(std::string_view value, TimelineId timeline) {
  constexpr std::string_view kFile = " (file ";
  const auto file = value.find(kFile);
  if (file == std::string_view::npos || !value.ends_with(')')) refuse(kStart, "names no WAL file");
  const auto lsn = Lsn::parse(value.substr(0, file));
  if (!lsn) refuse(kStart, fmt::format("{} is not an LSN", io::in_quotes(value.substr(0, file))));

  auto name = value.substr(file + kFile.size());
  name.remove_suffix(1);
  if (wal_file_kind(name) != WalFileKind::segment)
    refuse(kStart, fmt::format("{} is no WAL file", io::in_quotes(name)));
  // Without the segment size only timeline and log can be compared.
  if (!name.starts_with(fmt::format("{}{:08X}", timeline.to_hex(), lsn->value() >> 32))) {
    refuse(kStart,
           fmt::format("{} on timeline {} is not in {}", lsn->to_string(), timeline.to_string(), name));
  }
  return *lsn;
}

}  // namespace

BackupLabel BackupLabel::parse(std::string_view content) {
  const Items items(content);
  BackupLabel label;
  label.start.timeline = items.get_timeline(kTimeline);
  label.start.lsn = parse_start(items.get(kStart), label.start.timeline);
  label.checkpoint = items.get_lsn(kCheckpoint);
  if (label.checkpoint < label.start.lsn) refuse(kCheckpoint, "lies before the start of replay");
  if (items.get(kMethod) != "streamed")
    refuse(kMethod, fmt::format("{} is not \"streamed\"", io::in_quotes(items.get(kMethod))));
  label.from_standby = items.get(kFrom) == "standby";  // else "primary", or "master" up to 13
  label.label = items.get(kLabel);
  if (items.find(kIncrementalLsn) || items.find(kIncrementalTimeline)) {
    label.incremental_from =
        WalPosition{items.get_timeline(kIncrementalTimeline), items.get_lsn(kIncrementalLsn)};
  }
  return label;
}

}  // namespace pgkeep::postgres
