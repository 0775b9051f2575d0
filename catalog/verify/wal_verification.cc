#include "catalog/verify/wal_verification.h"

#include <algorithm>
#include <atomic>
#include <map>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/work_queue.h"
#include "catalog/verify/backup_checkpoint.h"
#include "catalog/verify/passing.h"
#include "catalog/wal/stored_segment_check.h"

namespace pgkeep::catalog {

namespace {

using Needs = std::map<postgres::WalSegment, postgres::Lsn>;

void need(Needs& needs, const postgres::WalSegment& segment, postgres::Lsn until) {
  auto& known = needs[segment];
  known = std::max(known, until);
}

class WalVerification {
 public:
  WalVerification(const WalArchive& archive, HeldWal held, const postgres::TimelineHistory& line, Depth depth,
                  io::Guarded<std::vector<Finding>>& findings)
      : segments_(archive),
        held_(std::move(held)),
        line_(held_.along(line)),
        depth_(depth),
        findings_(&findings) {}

  void check(const NeededSegment& needed) {
    try {
      if (!find_and_check(needed)) report_missing(needed);
    } catch (const Error& error) {
      if (is_passing(error)) throw;  // which says nothing of the WAL
      add(fmt::format("WAL segment {}: {}", name(needed.segment), error.what()));
    }
    done_bytes_ += size().bytes();
  }

  std::uint64_t segments() const { return segments_.read(); }
  std::uint64_t done_bytes() const { return done_bytes_; }

 private:
  postgres::WalSegmentSize size() const { return held_.segment_size(); }
  std::string name(const postgres::WalSegment& segment) const { return segment.name(size()); }
  void add(std::string message) {
    findings_->with([&](auto& all) { all.push_back({.path = "", .message = std::move(message)}); });
  }

  /// The files that may hold these bytes: the timeline's own, and those of later timelines on the line, which
  /// begin with a copy of what was written in the segment before the switch.
  std::vector<HeldFile> candidates(const NeededSegment& needed) const {
    std::vector<HeldFile> files;
    if (const auto own = held_.file_of(needed.segment)) files.push_back(*own);
    for (const auto& file : line_.files(needed.segment.number))
      if (file.segment.timeline > needed.segment.timeline) files.push_back(file);
    return files;
  }

  /// False when no file holds the segment as far as it is needed. Throws what is wrong with the one that
  /// does.
  bool find_and_check(const NeededSegment& needed) {
    return std::ranges::any_of(candidates(needed), [&](const HeldFile& file) {
      return file.end >= needed.until && (depth_ == Depth::lists || segments_.check(file, needed.until));
    });
  }

  void report_missing(const NeededSegment& needed) {
    postgres::Lsn held;
    for (const auto& file : candidates(needed))
      if (file.end > file.segment.begin(size())) held = std::max(held, file.end);
    if (held == postgres::Lsn()) {
      add(fmt::format(
          "WAL segment {} is missing: this backup cannot be made consistent. "
          "Copy it from the server's pg_wal or another archive if it is there, else use another backup",
          name(needed.segment)));
    } else {
      add(fmt::format(
          "WAL segment {} was received up to {} only, and is needed up to {}: "
          "this backup cannot be made consistent until the rest has come; see that receive-wal runs",
          name(needed.segment), held.to_string(), needed.until.to_string()));
    }
  }

  StoredSegmentCheck segments_;
  HeldWal held_;
  HeldLine line_;
  Depth depth_;
  io::Guarded<std::vector<Finding>>* findings_;
  std::atomic<std::uint64_t> done_bytes_{0};
};

/// The line of the timeline on which the backup ended; when its history is missing or damaged, that is a
/// finding, and the rest is checked as far as it can be.
postgres::TimelineHistory line_of(const WalArchive& archive, postgres::TimelineId timeline,
                                  io::Guarded<std::vector<Finding>>& findings) {
  auto message = describe_missing_history(archive.layout(), timeline);
  try {
    if (auto line = archive.history(timeline)) return *std::move(line);
  } catch (const Corruption& damage) {
    message = fmt::format("{}: {}", archive.layout().history(timeline).native(), damage.what());
  }
  findings.with([&](auto& all) { all.push_back({.path = "", .message = std::move(message)}); });
  return postgres::TimelineHistory(timeline);
}

/// Says what makes the archive one of another cluster than the backup's.
std::optional<std::string> mismatch(const ServerIdentity& identity, const store::BackupRecord& record) {
  if (identity.system != record.system) {
    return fmt::format("the backup is of system {}, the WAL archive of system {}", record.system.to_string(),
                       identity.system.to_string());
  }
  if (identity.wal_segment_size != record.wal_segment_size) {
    return fmt::format("the backup's WAL segments have {} bytes, those of the archive {}",
                       record.wal_segment_size.bytes(), identity.wal_segment_size.bytes());
  }
  return std::nullopt;
}

}  // namespace

std::vector<NeededSegment> needed_wal(const store::BackupRecord& record,
                                      const postgres::TimelineHistory& line) {
  const auto size = record.wal_segment_size;
  Needs needs;
  const auto add_range = [&](postgres::TimelineId timeline, postgres::Lsn begin, postgres::Lsn end) {
    while (begin < end) {
      const auto segment = postgres::WalSegment::holding({timeline, begin}, size);
      begin = std::min(segment.end(size), end);
      need(needs, segment, begin);
    }
  };
  for (const auto& range : record.wal_ranges) add_range(range.timeline, range.start, range.end);
  for (auto at = record.start.lsn; at < record.end.lsn;) {
    const auto timeline = line.timeline_at(at);
    const auto end = std::min(line.end_of(timeline).value_or(record.end.lsn), record.end.lsn);
    if (end <= at) break;  // cannot be: the line holds `at` on this timeline
    add_range(timeline, at, end);
    at = end;
  }
  std::vector<NeededSegment> sorted;
  for (const auto& [segment, until] : needs) sorted.push_back({segment, until});
  return sorted;
}

std::optional<postgres::TimelineHistory> held_line(const store::ServerLayout& layout,
                                                   const store::BackupRecord& record) {
  try {
    const auto identity = read_identity(layout);
    if (!identity || mismatch(*identity, record)) return std::nullopt;
    return WalArchive(layout, *identity).history(record.end.timeline);
  } catch (const Corruption&) {
    return std::nullopt;
  }
}

void verify_checkpoint(const store::ServerLayout& layout, const store::BackupRecord& record,
                       const postgres::BackupLabel& label, const postgres::ControlFile& control,
                       io::Guarded<std::vector<Finding>>& findings) {
  const auto line = held_line(layout, record);
  if (!line) return;
  const WalArchive archive(layout, read_identity(layout).value());
  auto problem = checkpoint_problem(archive, *line, label, control);
  if (problem)
    findings.with(
        [&](auto& all) { all.push_back({.path = "backup_label", .message = *std::move(problem)}); });
}

std::uint64_t verify_wal(const store::ServerLayout& layout, const store::BackupRecord& record, Depth depth,
                         unsigned jobs, io::Guarded<std::vector<Finding>>& findings,
                         const std::function<void(std::uint64_t done, std::uint64_t total)>& tick) {
  const auto add = [&](std::string message) {
    findings.with([&](auto& all) { all.push_back({.path = "", .message = std::move(message)}); });
  };
  std::optional<ServerIdentity> identity;
  try {
    identity = read_identity(layout);
  } catch (const Corruption& damage) {
    add(damage.what());
    return 0;
  }
  if (!identity) {
    add(fmt::format("{} is missing: no WAL was ever received, and this backup cannot be made consistent",
                    layout.identity().native()));
    return 0;
  }
  if (auto message = mismatch(*identity, record)) {
    add(*std::move(message));
    return 0;
  }
  const WalArchive archive(layout, *identity);
  const auto line = line_of(archive, record.end.timeline, findings);
  const auto needed = needed_wal(record, line);
  const auto total = needed.size() * std::uint64_t{record.wal_segment_size.bytes()};
  std::optional<HeldWal> held;
  try {
    held = HeldWal::read(archive);
  } catch (const Error& error) {
    if (is_passing(error)) throw;  // which says nothing of the WAL
    add(error.what());
    return 0;
  }
  WalVerification verification(archive, *std::move(held), line, depth, findings);
  io::WorkQueue<NeededSegment> queue(
      jobs, [&](unsigned) { return [&](const NeededSegment& segment) { verification.check(segment); }; },
      [&] { tick(verification.done_bytes(), total); });
  for (const auto& segment : needed) queue.push(segment);
  queue.finish();
  return verification.segments();
}

}  // namespace pgkeep::catalog
