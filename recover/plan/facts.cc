#include <algorithm>
#include <cerrno>
#include <set>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/file_facts.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/wal/commit_times.h"
#include "catalog/wal/received_records.h"
#include "catalog/wal/set_aside_line.h"
#include "catalog/wal/waiting_wal.h"
#include "recover/plan/plan.h"
#include "recover/plan/plan_time.h"

namespace pgkeep::recover {
namespace {

using postgres::WalSegment;

/// An upper bound of when the segment's last byte was sent.
std::optional<io::TimePoint> last_time(const catalog::WalArchive& archive, const WalSegment& segment) {
  if (const auto file = archive.open_segment(segment)) return file->header().last_time;
  // When the receiver last wrote to it: nothing sent later is in it.
  const auto facts = io::facts_of(archive.layout().partial(segment, archive.identity().wal_segment_size));
  return facts ? std::optional(facts->written) : std::nullopt;
}

/// The last one of each timeline.
std::vector<WalSegment> newest_segments(const catalog::WalInventory& wal) {
  std::map<postgres::TimelineId, WalSegment> newest;
  for (const auto* names : {&wal.segments, &wal.partials}) {
    for (const auto& run : names->runs()) {
      const WalSegment last{run.timeline, run.last};
      auto& known = newest.emplace(run.timeline, last).first->second;
      known = std::max(known, last);
    }
  }
  std::vector<WalSegment> found;
  found.reserve(newest.size());
  for (const auto& [timeline, segment] : newest) found.push_back(segment);
  return found;
}

/// Whether any timeline has a gap: then a plan may pass by the newest backup.
bool has_gaps(const RecoveryFacts& facts) {
  const auto ranges = facts.wal.ranges();
  return std::ranges::adjacent_find(ranges, {}, &catalog::WalRange::timeline) != ranges.end();
}

/// The first segment of the WAL that a plan for a target time may follow; nothing when no backup will do.
std::optional<std::uint64_t> first_number(const RecoveryRequest& request, io::TimePoint time,
                                          const RecoveryFacts& facts) {
  const auto may_do = [&](const store::BackupRecord& backup) {
    return request.backup ? backup.id == *request.backup : backup.ended <= time;
  };
  const auto newest = std::find_if(facts.backups.rbegin(), facts.backups.rend(), may_do);
  if (newest == facts.backups.rend()) return std::nullopt;
  const auto& first = has_gaps(facts) ? *std::ranges::find_if(facts.backups, may_do) : *newest;
  return WalSegment::holding(first.start, facts.wal.segment_size()).number;
}

/// Nothing where they cannot be read: a caller that needs that file will say why.
std::optional<catalog::CommitTimes> commit_times(const catalog::WalArchive& archive,
                                                 const WalSegment& segment, const RecoveryFacts& facts) {
  try {
    if (const auto held = facts.wal.file_of(segment); held && held->partial) {
      const auto contents = catalog::read_wal_contents(archive, segment, held->end);
      if (contents) return contents->commits;
    } else if (const auto file = archive.open_segment(segment)) {
      return file->header().commits;
    }
  } catch (const Corruption&) {
    return std::nullopt;
  }
  return std::nullopt;
}

/// The header of a segment that was archived before the one in front of it leaves out a commit that continues
/// from there. When that is the last commit there is, it decides whether a target time can be reached: so the
/// segments after the last commit that is known are read.
void add_last_commits(const catalog::WalArchive& archive, RecoveryFacts& facts) {
  std::uint64_t last = 0;
  for (const auto& [segment, commits] : facts.commits)
    if (commits.latest) last = std::max(last, segment.number);
  for (auto& [segment, commits] : facts.commits) {
    if (segment.number <= last || facts.wal.received().contains(segment)) continue;
    try {
      const auto end = segment.end(facts.wal.segment_size());
      if (const auto contents = catalog::read_wal_contents(archive, segment, end))
        commits = contents->commits;
    } catch (const Corruption&) {
      commits.known = false;
    }
  }
}

constexpr std::string_view kRanWithMinimal = "the server ran with wal_level = minimal from there on";

void add_barriers_and_lost_wal(const catalog::WalArchive& archive, RecoveryFacts& facts) {
  for (const auto& segment : facts.wal.names().partials) {
    const auto records = catalog::check_received_records(archive, segment, facts.wal.file_of(segment)->end);
    if (records.damage) facts.barriers.push_back({{segment.timeline, records.end}, *records.damage});
    const auto contents = catalog::read_wal_contents(archive, segment, records.end);
    if (!contents) continue;
    for (const auto& settings : contents->notes.parameters)
      if (settings.wal_level == postgres::WalLevel::minimal)
        facts.barriers.push_back({{segment.timeline, settings.begin}, std::string(kRanWithMinimal)});
  }
  for (const auto& event : catalog::EventJournal(archive.layout()).read()) {
    if (event.kind == catalog::EventKind::gap && event.range) facts.lost.push_back(*event.range);
    if (event.kind == catalog::EventKind::removed && event.range) facts.removed.push_back(*event.range);
    if (event.kind != catalog::EventKind::minimal_wal || !event.range) continue;
    facts.barriers.push_back({{event.range->timeline, event.range->begin}, std::string(kRanWithMinimal)});
  }
}

}  // namespace

void add_commit_times(const store::ServerLayout& layout, const RecoveryRequest& request,
                      RecoveryFacts& facts) {
  const auto* target = std::get_if<TargetTime>(&request.target.where);
  const auto identity = catalog::read_identity(layout);
  if (target == nullptr || request.wal_mode == WalMode::get_wal || !identity) return;
  const auto first = first_number(request, target->time, facts);
  if (!first) return;
  std::map<std::uint64_t, std::vector<WalSegment>> files;
  for (const auto* list : {&facts.wal.names().segments, &facts.wal.names().partials})
    for (const auto& segment : *list)
      if (segment.number >= *first) files[segment.number].push_back(segment);

  const catalog::WalArchive archive(layout, *identity);
  for (const auto& [number, segments] : files) {
    bool all_stop = true;  // on whichever timeline
    for (const auto& segment : segments) {
      const auto times = commit_times(archive, segment, facts);
      if (times) facts.commits.emplace(segment, *times);
      all_stop = all_stop && times && times->latest && stops_at(request.target, *times->latest);
    }
    if (all_stop) return;
  }
  add_last_commits(archive, facts);
}

RecoveryFacts gather_facts(const store::ServerLayout& layout) {
  const auto identity = catalog::read_identity(layout);
  if (!identity) {
    throw NotFound(
        fmt::format("{}: nothing is kept of this server yet (no identity.json)", layout.root().native()));
  }
  auto listing = store::list_backup_records(layout);
  catalog::WalArchive archive(layout, *identity);

  RecoveryFacts facts;
  facts.backups = std::move(listing.backups);
  catalog::keep_only_own(layout, facts.backups);
  facts.unread_backups = std::move(listing.unread);
  facts.wal = catalog::HeldWal::read(archive);
  for (const auto& waiting : catalog::WaitingWal(archive).list()) facts.waiting.push_back(waiting.segment);
  add_barriers_and_lost_wal(archive, facts);
  for (const auto& segment : newest_segments(facts.wal.names())) {
    if (const auto time = last_time(archive, segment)) facts.last_times.emplace(segment, *time);
  }
  return facts;
}

}  // namespace pgkeep::recover
