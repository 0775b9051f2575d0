#include "catalog/index/recovery_window.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::WalSegment;

/// The newest commits on the way of recoveries along a line. What lies after the next backup is known from
/// that one, so each segment is asked for once.
class NewestCommits {
 public:
  NewestCommits(const HeldLine& line, postgres::WalSegmentSize size) : size_(size) {
    // Of the files of one segment that counts which goes furthest.
    SegmentSet covered;
    for (const auto& partial : line.partials()) {
      const auto number = partial.segment.number;
      if (line.furthest(number)->segment != partial.segment) continue;
      partials_.push_back(partial);
      for (const auto& file : line.files(number)) covered.insert(file.segment);
    }
    files_ = SegmentSet(line.whole()).without(covered).runs();
    std::ranges::sort(files_, {}, &SegmentRun::first);
  }

  /// Of a recovery that begins in that segment and comes to `end`; the last one first.
  void add(std::uint64_t number, Lsn end) {
    Way way{.number = number, .end = end, .pieces = pieces_.size()};
    if (!ways_.empty() && ways_.back().end == end && number <= ways_.back().number) {
      way.goes_on = true;
      way.before = ways_.back().number;
    }
    ways_.push_back(way);
    const auto before = std::min(way.before, end.value() / size_.bytes());
    if (before <= number) return;
    for (auto run = std::ranges::lower_bound(files_, number, {}, &SegmentRun::last);
         run != files_.end() && run->first < before; ++run)
      pieces_.push_back({run->timeline, std::max(run->first, number), std::min(run->last, before - 1)});
  }

  /// In the order in which they were added.
  std::vector<std::optional<io::TimePoint>> find(StoredSegments& archived,
                                                 const PartialCommits& partials) const {
    const auto sums = archived.sums(pieces_);
    std::vector<std::optional<io::TimePoint>> found;
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      auto latest = ways_[i].goes_on ? found.back() : std::nullopt;
      const auto end = i + 1 < ways_.size() ? ways_[i + 1].pieces : sums.size();
      for (auto piece = ways_[i].pieces; piece < end; ++piece)
        latest = std::max(latest, sums[piece].latest_commit);
      found.push_back(std::max(latest, latest_of_partials(ways_[i], partials)));
    }
    return found;
  }

 private:
  /// What of a recovery's way has to be asked for.
  struct Way {
    std::uint64_t number = 0;
    Lsn end;
    std::size_t pieces = 0;                                            // where those begin that are of it
    bool goes_on = false;                                              // as the one that was added before
    std::uint64_t before = std::numeric_limits<std::uint64_t>::max();  // from this segment on
  };

  std::optional<io::TimePoint> latest_of_partials(const Way& way, const PartialCommits& partials) const {
    std::optional<io::TimePoint> latest;
    for (const auto& partial : partials_) {
      const auto number = partial.segment.number;
      if (number < way.number || number >= way.before || partial.cut || partial.end > way.end) continue;
      const auto commits = partials.find(partial.segment);
      if (commits != partials.end()) latest = std::max(latest, commits->second.latest);
    }
    return latest;
  }

  postgres::WalSegmentSize size_;
  std::vector<SegmentRun> files_;   // archived, and of the line to their end; by number, each number once
  std::vector<HeldFile> partials_;  // that go further than any other file
  std::vector<Way> ways_;
  std::vector<SegmentRun> pieces_;
};

}  // namespace

const BackupReach* RecoveryWindow::oldest_to_the_end() const {
  const auto found = std::ranges::find(backups, end, &BackupReach::end);
  return found == backups.end() ? nullptr : &*found;
}

std::optional<io::TimePoint> RecoveryWindow::until() const {
  std::optional<io::TimePoint> latest;
  for (const auto& backup : backups)
    if (backup.end == backups.back().end) latest = std::max(latest, backup.until);
  return latest;
}

PartialCommits read_partial_commits(const WalArchive& archive, const HeldWal& wal) {
  PartialCommits commits;
  for (const auto& [segment, received] : wal.received())
    if (const auto contents = read_wal_contents(archive, segment, received.end))
      commits.emplace(segment, contents->commits);
  return commits;
}

std::optional<RecoveryWindow> examine_recovery_window(std::span<const store::BackupRecord> backups,
                                                      const HeldWal& wal, StoredSegments& archived,
                                                      const PartialCommits& partials,
                                                      std::span<const Event> events) {
  const auto along = wal.along_newest();
  if (!along) return std::nullopt;
  const auto& line = along->line();
  const auto size = wal.segment_size();
  NewestCommits commits(*along, size);
  RecoveryWindow window{.timeline = line.timeline(), .end = {}, .backups = {}};
  if (const auto end = along->end()) window.end = end->lsn;
  for (auto next = backups.rbegin(); next != backups.rend(); ++next) {
    const auto& backup = *next;
    const auto segment = WalSegment::holding(backup.start, size);
    const auto reach = along->replay_reach(segment.begin(size), events);
    const bool begins = along->covers(segment.begin(size), segment.begin(size) + 1);
    if (!line.contains(backup.start) || !line.contains(backup.end) || !begins || reach < backup.end.lsn)
      continue;
    window.backups.push_back({backup.id, backup.ended, reach, {}});
    commits.add(segment.number, reach);
  }
  const auto latest = commits.find(archived, partials);
  for (std::size_t i = 0; i < latest.size(); ++i) window.backups[i].until = latest[i];
  std::ranges::reverse(window.backups);
  return window;
}

}  // namespace pgkeep::catalog
