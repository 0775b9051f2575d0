#include "catalog/verify/backup_checkpoint.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/wal/commit_times.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::WalSegment;

/// The files that may hold the byte at `lsn` on the line: those of later timelines begin with a copy.
std::vector<WalSegment> files_with(const postgres::TimelineHistory& line, Lsn lsn,
                                   postgres::WalSegmentSize size) {
  const auto holder = line.timeline_at(lsn);
  std::vector<WalSegment> files{WalSegment::holding({holder, lsn}, size)};
  const auto add = [&](postgres::TimelineId timeline) {
    if (timeline > holder) files.push_back({timeline, files.front().number});
  };
  for (const auto& ancestor : line.ancestors()) add(ancestor.timeline);
  add(line.timeline());
  return files;
}

struct Search {
  bool held = false;  // some file with that place is
  std::optional<postgres::WalCheckpoint> checkpoint{};
};

/// A record that continues in the next segment is told when that one is read.
void look_into(const WalArchive& archive, const WalSegment& file, Lsn lsn, Search& search) {
  for (const auto& part : {file, file.next()}) {
    std::optional<WalContents> contents;
    try {
      contents = read_wal_contents(archive, part, part.end(archive.identity().wal_segment_size));
    } catch (const Corruption&) {
      return;  // told by who reads it as WAL
    }
    if (!contents) return;
    search.held = true;
    const auto found = std::ranges::find(contents->checkpoints, lsn, &postgres::WalCheckpoint::begin);
    if (found != contents->checkpoints.end()) search.checkpoint = *found;
    if (search.checkpoint) return;
  }
}

Search find_checkpoint(const WalArchive& archive, const postgres::TimelineHistory& line, Lsn lsn) {
  Search search;
  for (const auto& file : files_with(line, lsn, archive.identity().wal_segment_size)) {
    if (!search.checkpoint) look_into(archive, file, lsn, search);
  }
  return search;
}

}  // namespace

std::optional<std::string> checkpoint_problem(const WalArchive& archive,
                                              const postgres::TimelineHistory& line,
                                              const postgres::BackupLabel& label,
                                              const postgres::ControlFile& control) {
  constexpr std::string_view kAnother =
      "the WAL that is held is of another history than the backup, which cannot be made consistent with it";
  const auto begin = find_checkpoint(archive, line, label.checkpoint);
  if (!begin.held) return std::nullopt;  // missing WAL is told as such
  if (!begin.checkpoint || begin.checkpoint->redo != label.start.lsn ||
      begin.checkpoint->timeline != label.start.timeline) {
    return fmt::format(
        "backup_label names a checkpoint at {} from which replay begins at {}, and the held WAL has {}: {}",
        label.checkpoint.to_string(), label.start.lsn.to_string(),
        begin.checkpoint
            ? fmt::format("one there from which it begins at {} of timeline {}",
                          begin.checkpoint->redo.to_string(), begin.checkpoint->timeline.to_string())
            : std::string("none there"),
        kAnother);
  }
  if (control.checkpoint < label.checkpoint) return std::nullopt;
  const auto last = find_checkpoint(archive, line, control.checkpoint);
  if (!last.held || (last.checkpoint && last.checkpoint->content == control.checkpoint_content))
    return std::nullopt;
  return fmt::format("the backup's pg_control has a checkpoint at {}, and the held WAL has {} there: {}",
                     control.checkpoint.to_string(), last.checkpoint ? "another one" : "none", kAnother);
}

}  // namespace pgkeep::catalog
