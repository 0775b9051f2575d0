#include "catalog/index/recovery_window.h"

#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "catalog/wal/set_aside_line.h"

namespace pgkeep::catalog {
namespace {

using postgres::WalSegment;
using Commits = std::map<WalSegment, CommitTimes>;

/// How far a recovery comes that begins in a segment, and the newest commit on its way.
struct Reach {
  std::uint64_t number = 0;  // of the segment
  postgres::Lsn end;
  std::optional<io::TimePoint> latest;
};
using Reaches = std::vector<Reach>;  // the last segment first

Reaches find_reaches(const HeldLine& line, const Commits& commits, std::span<const Event> events,
                     postgres::WalSegmentSize size) {
  Reaches reaches;
  reaches.reserve(line.files().size());
  // The last segment first: what follows one is known by then.
  for (auto any = line.files().rbegin(); any != line.files().rend(); ++any) {
    const auto number = any->segment.number;
    if (!reaches.empty() && reaches.back().number == number) continue;
    const auto& file = *line.furthest(number);
    Reach reach{number, line.replay_reach(file.segment.begin(size), events), {}};
    const auto known = commits.find(file.segment);
    const bool replayed_to_its_end = !file.cut && reach.end >= file.end;
    if (known != commits.end() && replayed_to_its_end) reach.latest = known->second.latest;
    if (!reaches.empty() && reaches.back().number == number + 1 && reaches.back().end == reach.end)
      reach.latest = std::max(reach.latest, reaches.back().latest);
    reaches.push_back(reach);
  }
  return reaches;
}

const Reach* reach_from(const Reaches& reaches, std::uint64_t number) {
  const auto found = std::ranges::lower_bound(reaches, number, std::ranges::greater(), &Reach::number);
  return found == reaches.end() || found->number != number ? nullptr : &*found;
}

}  // namespace

const BackupReach* RecoveryWindow::oldest_to_the_end() const {
  const auto found = std::ranges::find(backups, end, &BackupReach::end);
  return found == backups.end() ? nullptr : &*found;
}

std::optional<RecoveryWindow> examine_recovery_window(std::span<const store::BackupRecord> backups,
                                                      const HeldWal& wal, const Commits& commits,
                                                      std::span<const Event> events) {
  const auto along = wal.along_newest();
  if (!along) return std::nullopt;
  const auto& line = along->line();
  const auto reaches = find_reaches(*along, commits, events, wal.segment_size());
  RecoveryWindow window{.timeline = line.timeline(), .end = {}, .backups = {}};
  if (const auto end = along->end()) window.end = end->lsn;
  for (const auto& backup : backups) {
    const auto* reach = reach_from(reaches, WalSegment::holding(backup.start, wal.segment_size()).number);
    if (!line.contains(backup.start) || !line.contains(backup.end) || reach == nullptr ||
        reach->end < backup.end.lsn)
      continue;
    window.backups.push_back({backup.id, backup.ended, reach->end, reach->latest});
  }
  return window;
}

std::optional<RecoveryWindow> read_recovery_window(std::span<const store::BackupRecord> backups,
                                                   std::span<const SegmentRow> segments,
                                                   const WalArchive& archive, const HeldWal& wal,
                                                   std::span<const Event> events) {
  Commits commits;
  for (const auto& row : segments)  // in the order of the map
    commits.emplace_hint(commits.end(), row.segment, row.commits);
  for (const auto& [segment, received] : wal.received())
    if (const auto contents = read_wal_contents(archive, segment, received.end))
      commits.insert_or_assign(segment, contents->commits);
  std::vector<store::BackupRecord> own(backups.begin(), backups.end());
  keep_only_own(archive.layout(), own);
  return examine_recovery_window(own, wal, commits, events);
}

}  // namespace pgkeep::catalog
