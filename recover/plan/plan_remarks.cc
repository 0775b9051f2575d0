#include "recover/plan/plan_remarks.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace pgkeep::recover {
namespace {

using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;

void add_backup_remarks(RecoveryPlan& plan, const RecoveryFacts& facts) {
  const auto& backup = plan.backup;
  if (backup.checksum_failures > 0) {
    plan.remarks.push_back(fmt::format("PostgreSQL found {} damaged data pages while it sent this backup",
                                       backup.checksum_failures));
  }
  for (const auto& other : facts.unread_backups) plan.remarks.push_back("left out: " + describe(other));
  const bool position_unknown =
      plan.request.wal_mode == WalMode::get_wal &&
      (target_as<TargetXid>(plan.request) != nullptr || target_as<TargetName>(plan.request) != nullptr);
  if (position_unknown && !plan.request.backup && facts.backups.size() > 1) {
    plan.remarks.push_back(
        fmt::format("where {} lies is not known before replay; if it came before {}, when this backup ended, "
                    "name an older backup",
                    plan.request.target.describe(), io::format_time(backup.ended)));
  }
}

/// The last segment of a timeline that has WAL after the point where it was left; nothing when none has.
std::optional<WalSegment> last_after(TimelineId timeline, postgres::Lsn left, const RecoveryFacts& facts) {
  const auto size = facts.wal.segment_size();
  std::optional<WalSegment> last;
  for (const auto& range : facts.wal.ranges())
    if (range.timeline == timeline) last = WalSegment::ending({timeline, range.end}, size);
  return last && last->begin(size) >= left ? last : std::nullopt;
}

/// What was pushed and could make the recovery go further.
void add_waiting_remark(RecoveryPlan& plan, const WalLine& wal, const TimelineHistory& line,
                        const RecoveryFacts& facts) {
  const auto size = facts.wal.segment_size();
  const auto ends_in = WalSegment::holding(wal.end, size).number;
  const auto may_follow = [&](const WalSegment& segment) {
    return segment.number >= ends_in && catalog::file_on(line, segment.number, size) == segment;
  };
  const auto first = std::ranges::find_if(facts.waiting, may_follow);
  if (first == facts.waiting.end()) return;
  plan.remarks.push_back(
      fmt::format("pushed WAL waits after that, from segment {} on, and is in no recovery: "
                  "nothing has proved that it is of this history. "
                  "`pgkeep adopt-wal {}` takes it on your word",
                  first->name(size), plan.request.server));
}

void add_wal_remarks(RecoveryPlan& plan, const WalLine& wal, const TimelineHistory& line,
                     const RecoveryFacts& facts) {
  add_waiting_remark(plan, wal, line, facts);
  if (wal.missing && target_as<TargetTime>(plan.request) != nullptr) {
    plan.remarks.push_back(
        fmt::format("{}, and there is WAL after it: if the target lies there, PostgreSQL stops, "
                    "saying that recovery ended before the target was reached, and does not open",
                    describe_missing(wal, facts)));
  } else if (wal.missing) {
    plan.remarks.push_back(fmt::format("{}, after the target: later WAL cannot be reached from this backup",
                                       describe_missing(wal, facts)));
  }
  for (const auto& [ancestor, end, switch_point] : line.ancestors()) {
    const auto later = last_after(ancestor, end, facts);
    if (!later) continue;
    plan.remarks.push_back(fmt::format(
        "timeline {} was left at {}; what it wrote after that, up to segment {}, is not in this recovery: "
        "--target-tli {}",
        ancestor.to_string(), end.to_string(), later->name(facts.wal.segment_size()), ancestor.to_string()));
  }
  for (const auto& [timeline, damage] : facts.wal.names().damaged_histories)
    plan.remarks.push_back("not needed for this, but damaged: " + damage);
  for (const auto& [timeline, history] : facts.wal.names().histories) {
    if (line.contains(timeline) || timeline < line.timeline()) continue;
    const auto other = fmt::format(
        "there is also timeline {}, which left timeline {} at {}: --target-tli {}", timeline.to_string(),
        history.ancestors().empty() ? std::string("?") : history.ancestors().back().timeline.to_string(),
        history.begin().to_string(), timeline.to_string());
    // Its server has not got what our line wrote after that.
    plan.remarks.push_back(facts.wal.names().is_borne_out(timeline)
                               ? other
                               : other + " recovers up to there, for no WAL of that timeline is held");
  }
}

}  // namespace

void add_remarks(RecoveryPlan& plan, const WalLine& wal, const TimelineHistory& line,
                 const RecoveryFacts& facts) {
  add_backup_remarks(plan, facts);
  add_wal_remarks(plan, wal, line, facts);
}

}  // namespace pgkeep::recover
