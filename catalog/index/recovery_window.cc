#include "catalog/index/recovery_window.h"

#include <algorithm>

#include "catalog/wal/set_aside_line.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;

/// What is held of one segment's WAL, or from it on without a hole.
struct Stretch {
  Lsn end;
  TimelineId timeline;  // of the file
  std::optional<io::TimePoint> latest;
};
using Stretches = std::map<std::uint64_t, Stretch>;  // by number

class Line {
 public:
  Line(TimelineHistory line, postgres::WalSegmentSize size) : line_(std::move(line)), size_(size) {}

  /// Of several files of a segment the one that goes furthest is replayed, of two such the newest.
  void add(const WalSegment& segment, Lsn end, const CommitTimes& commits) {
    if (!line_.contains(segment.timeline)) return;
    Stretch stretch{end, segment.timeline, commits.latest};
    if (const auto left = line_.end_of(segment.timeline); left && *left < end) {
      stretch.end = *left;
      stretch.latest.reset();
    }
    if (stretch.end <= segment.begin(size_)) return;
    const auto [known, is_new] = stretches_.emplace(segment.number, stretch);
    const auto rank = [](const Stretch& s) { return std::pair(s.end, s.timeline); };
    if (!is_new && rank(known->second) < rank(stretch)) known->second = stretch;
  }
  /// What was written with wal_level = minimal is held, and passed by no recovery. A backup that begins
  /// behind it begins in a later segment: PostgreSQL switches WAL first.
  void end_before(const WalRange& minimal) {
    const postgres::WalPosition begin{minimal.timeline, minimal.begin};
    const auto found = stretches_.find(WalSegment::holding(begin, size_).number);
    if (!line_.contains(begin) || found == stretches_.end()) return;
    auto& stretch = found->second;
    if (stretch.timeline != minimal.timeline || stretch.end <= minimal.begin) return;
    stretch.end = minimal.begin;
    stretch.latest.reset();
  }
  /// Makes each stretch go on as far as there is no hole.
  void join() {
    const Stretch* next = nullptr;
    std::uint64_t next_number = 0;
    for (auto at = stretches_.rbegin(); at != stretches_.rend(); ++at) {
      auto& [number, stretch] = *at;
      if (next != nullptr && next_number == number + 1 &&
          stretch.end.value() == next_number * size_.bytes()) {
        stretch.end = next->end;
        stretch.latest = std::max(stretch.latest, next->latest);
      }
      next = &stretch;
      next_number = number;
    }
  }
  const Stretches& stretches() const { return stretches_; }
  bool contains(const store::BackupRecord& backup) const {
    return line_.contains(backup.start) && line_.contains(backup.end);
  }

 private:
  TimelineHistory line_;
  postgres::WalSegmentSize size_;
  Stretches stretches_;
};

std::optional<TimelineId> highest_timeline(std::span<const SegmentRow> segments,
                                           std::span<const ReceivedPartial> partials) {
  std::optional<TimelineId> highest;
  for (const auto& row : segments) highest = std::max(highest, std::optional(row.segment.timeline));
  for (const auto& partial : partials) highest = std::max(highest, std::optional(partial.segment.timeline));
  return highest;
}

}  // namespace

const BackupReach* RecoveryWindow::oldest_to_the_end() const {
  const auto found = std::ranges::find(backups, end, &BackupReach::end);
  return found == backups.end() ? nullptr : &*found;
}

std::optional<RecoveryWindow> examine_recovery_window(std::span<const store::BackupRecord> backups,
                                                      std::span<const SegmentRow> segments,
                                                      std::span<const ReceivedPartial> partials,
                                                      const std::map<TimelineId, TimelineHistory>& histories,
                                                      postgres::WalSegmentSize size,
                                                      std::span<const Event> events) {
  const auto timeline = highest_timeline(segments, partials);
  if (!timeline) return std::nullopt;
  const auto history = histories.find(*timeline);
  Line line(history == histories.end() ? TimelineHistory(*timeline) : history->second, size);
  for (const auto& row : segments) line.add(row.segment, row.end, row.commits);
  for (const auto& partial : partials) line.add(partial.segment, partial.end, partial.commits);
  for (const auto& event : events)
    if (event.kind == EventKind::minimal_wal && event.range) line.end_before(*event.range);
  line.join();

  RecoveryWindow window{.timeline = *timeline, .end = {}, .backups = {}};
  if (!line.stretches().empty()) window.end = line.stretches().rbegin()->second.end;
  for (const auto& backup : backups) {
    const auto held = line.stretches().find(WalSegment::holding(backup.start, size).number);
    if (!line.contains(backup) || held == line.stretches().end() || held->second.end < backup.end.lsn)
      continue;
    window.backups.push_back({backup.id, backup.ended, held->second.end, held->second.latest});
  }
  return window;
}

std::optional<RecoveryWindow> read_recovery_window(ServerCatalog& index, const WalArchive& archive) {
  // Partials first: one that is archived meanwhile is in both then. Only between its archiving and its row is
  // it in neither, and counts the next time.
  std::vector<ReceivedPartial> partials;
  const auto wal = archive.inventory();
  for (const auto& segment : wal.partials) {
    const auto end = archive.partial_end(segment);
    if (const auto contents = read_wal_contents(archive, segment, end))
      partials.push_back({segment, end, contents->commits});
  }
  auto backups = index.backups();
  keep_only_own(archive.layout(), backups);
  return examine_recovery_window(backups, index.segments(), partials, wal.histories,
                                 archive.identity().wal_segment_size, EventJournal(archive.layout()).read());
}

}  // namespace pgkeep::catalog
