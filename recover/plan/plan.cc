#include "recover/plan/plan.h"

#include <algorithm>
#include <exception>
#include <limits>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "recover/plan/plan_remarks.h"
#include "recover/plan/plan_tablespaces.h"
#include "recover/plan/plan_time.h"
#include "recover/plan/wal_line.h"

namespace pgkeep::recover {
namespace {

using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;
using store::BackupRecord;

constexpr auto kEverything = std::numeric_limits<std::uint64_t>::max();

/// A record that starts at the target may continue after its segment, and small segments hold less than one.
constexpr std::uint64_t kBytesPastLsn = 16u << 20;

/// The end of what was received is known but for zeroes at its end: a page at most in one record.
constexpr std::uint64_t kUnknownTailBytes = 8192;

/// How far the clocks of server and backup host may differ.
constexpr std::chrono::minutes kClockDifference{1};

TimelineId choose_timeline(const RecoveryRequest& request, const RecoveryFacts& facts) {
  if (request.target.timeline) return *request.target.timeline;
  return facts.wal.names().newest_timeline().value_or(facts.backups.back().end.timeline);
}

TimelineHistory line_of(TimelineId timeline, const RecoveryFacts& facts) {
  const auto known = facts.wal.names().histories.find(timeline);
  if (known != facts.wal.names().histories.end()) return known->second;
  if (timeline == TimelineId(1)) return TimelineHistory(timeline);
  if (const auto damage = facts.wal.names().damaged_histories.find(timeline);
      damage != facts.wal.names().damaged_histories.end()) {
    throw Refused(
        fmt::format("timeline {} cannot be followed: {}; or recover along another timeline (--target-tli)",
                    timeline.to_string(), damage->second));
  }
  std::string others = "1";
  for (const auto& [other, history] : facts.wal.names().histories) others += ", " + other.to_string();
  throw Refused(
      fmt::format("timeline {}: its history file {} is not in the WAL archive, "
                  "so PostgreSQL could not follow it; choose one of the timelines that are known ({}) "
                  "with --target-tli",
                  timeline.to_string(), timeline.history_file(), others));
}

/// Why this backup cannot reach the target on this line, whatever WAL there is; nothing when it can.
std::optional<std::string> obstacle(const BackupRecord& backup, const TimelineHistory& line,
                                    const RecoveryRequest& request) {
  for (const auto& position : {backup.start, backup.end}) {
    if (line.contains(position)) continue;
    const auto left = line.end_of(position.timeline);
    if (!left) {
      return fmt::format("was taken on timeline {}, which is no ancestor of timeline {}",
                         position.timeline.to_string(), line.timeline().to_string());
    }
    return fmt::format("was taken on timeline {} after {}, where timeline {} had left it",
                       position.timeline.to_string(), left->to_string(), line.timeline().to_string());
  }
  if (const auto* time = target_as<TargetTime>(request); time != nullptr && backup.ended > time->time)
    return fmt::format("ended at {}, after the target", io::format_time(backup.ended));
  if (const auto* target = target_as<TargetLsn>(request); target != nullptr && backup.end.lsn > target->lsn)
    return fmt::format("is consistent only from {} on, past the target", backup.end.lsn.to_string());
  return std::nullopt;
}

/// The backups that can reach the target, if WAL allows it: the newest first. Throws Refused when there is
/// none.
std::vector<const BackupRecord*> suitable_backups(const TimelineHistory& line, const RecoveryRequest& request,
                                                  const RecoveryFacts& facts) {
  std::vector<const BackupRecord*> suitable;
  for (auto backup = facts.backups.rbegin(); backup != facts.backups.rend(); ++backup)
    if (!obstacle(*backup, line, request)) suitable.push_back(&*backup);
  if (!suitable.empty()) return suitable;
  const auto& oldest = facts.backups.front();
  throw Refused(fmt::format("no backup of {} can reach {}: the oldest, {}, {}", request.server,
                            request.target.describe(), oldest.id.to_string(),
                            obstacle(oldest, line, request).value_or("")));
}

const BackupRecord& named_backup(const TimelineHistory& line, const RecoveryRequest& request,
                                 const RecoveryFacts& facts) {
  const auto chosen = std::ranges::find(facts.backups, request.backup, &BackupRecord::id);
  if (chosen == facts.backups.end()) {
    throw NotFound(fmt::format("{} has no backup {}; the newest is {}", request.server,
                               request.backup->to_string(), facts.backups.back().id.to_string()));
  }
  const auto reason = obstacle(*chosen, line, request);
  if (!reason) return *chosen;
  const auto newest = std::find_if(facts.backups.rbegin(), facts.backups.rend(),
                                   [&](const auto& backup) { return !obstacle(backup, line, request); });
  throw Refused(fmt::format(
      "backup {} cannot reach {}: it {}; {}", chosen->id.to_string(), request.target.describe(), *reason,
      newest == facts.backups.rend() ? std::string("no other backup can")
                                     : fmt::format("the newest that can is {}", newest->id.to_string())));
}

[[noreturn]] void refuse_barrier(const RecoveryRequest& request, const BackupRecord& backup,
                                 const WalLine& wal, const RecoveryFacts& facts) {
  const auto newer =
      std::ranges::find_if(facts.backups, [&](const auto& b) { return b.start.lsn > wal.end.lsn; });
  throw Refused(fmt::format(
      "{} cannot be reached from backup {}: {}, so that no replay passes {} of timeline {}. "
      "--target-lsn before that, a time before it, and --target-immediate can be reached{}",
      request.target.describe(), backup.id.to_string(), wal.barrier->why, wal.end.lsn.to_string(),
      wal.end.timeline.to_string(),
      newer == facts.backups.end() ? std::string()
                                   : fmt::format("; backup {} was taken after it", newer->id.to_string())));
}

void require_consistency(const BackupRecord& backup, const WalLine& wal, const RecoveryFacts& facts) {
  const auto have = wal.ends_in_partial() ? wal.end.lsn + kUnknownTailBytes : wal.end.lsn;
  if (backup.end.lsn <= (wal.barrier != nullptr ? wal.end.lsn : have)) return;
  if (wal.barrier != nullptr) {
    throw Refused(fmt::format(
        "backup {} cannot be made consistent: {}, and no replay passes that; WAL up to {} is needed. "
        "Choose another backup",
        backup.id.to_string(), wal.barrier->why, backup.end.lsn.to_string()));
  }
  throw Refused(
      fmt::format("backup {} cannot be made consistent: {}; "
                  "the archive has its WAL up to {}, and {} is needed. "
                  "Choose another backup, or bring the segment back",
                  backup.id.to_string(), describe_missing(wal, facts), wal.end.lsn.to_string(),
                  backup.end.lsn.to_string()));
}

/// `last_commit`: before the gap, where a time is wanted.
[[noreturn]] void refuse_hole(const RecoveryRequest& request, const BackupRecord& backup, const WalLine& wal,
                              const RecoveryFacts& facts, std::optional<io::TimePoint> last_commit = {}) {
  auto ways_out = last_commit ? fmt::format("a time before {}, when the last commit before the gap was, ",
                                            format_moment(*last_commit))
                              : std::string();
  ways_out +=
      fmt::format("--target-lsn up to {} or --target-immediate can be reached", wal.end.lsn.to_string());
  const auto newer =
      std::ranges::find_if(facts.backups, [&](const auto& b) { return b.start.lsn > wal.end.lsn; });
  if (request.backup && newer != facts.backups.end())
    ways_out += fmt::format("; backup {} was taken after the gap", facts.backups.back().id.to_string());
  if (is_let_go(wal, facts)) {
    throw Refused(fmt::format("{} cannot be reached any more from backup {}: {} (up to {}); {}",
                              request.target.describe(), backup.id.to_string(), describe_missing(wal, facts),
                              wal.end.lsn.to_string(), ways_out));
  }
  throw Refused(
      fmt::format("{} cannot be reached from backup {}: {} (WAL ends at {} and continues after the gap); {}",
                  request.target.describe(), backup.id.to_string(), describe_missing(wal, facts),
                  wal.end.lsn.to_string(), ways_out));
}

[[noreturn]] void refuse_past_end(const RecoveryRequest& request, const std::string& end) {
  throw Refused(
      fmt::format("{} lies past the last WAL there is, which {}; "
                  "without a target, recovery goes to the last byte received",
                  request.target.describe(), end));
}

/// When the commits in the WAL are not known: it may have been received long after them, so only that the
/// time lies past all of it can be known beforehand.
void require_sent_time(const RecoveryRequest& request, const WalLine& wal, const RecoveryFacts& facts,
                       io::TimePoint time) {
  if (wal.missing) return;  // which side of the gap it lies on shows in replay
  const auto last = facts.last_times.find(wal.files.back().segment);
  if (last != facts.last_times.end() && time > last->second + kClockDifference)
    refuse_past_end(request, "came at " + io::format_time(last->second));
}

/// The number of the segment where recovery to a time stops; kEverything where that is not known. PostgreSQL
/// stops at the first commit past the target, and fails when there is none.
std::uint64_t last_for_time(const RecoveryRequest& request, const BackupRecord& backup, const WalLine& wal,
                            const RecoveryFacts& facts, io::TimePoint time) {
  const auto found = find_time(request.target, wal, facts);
  if (wal.barrier != nullptr &&
      (!found.segment || *found.segment >= WalSegment::holding(wal.end, facts.wal.segment_size()).number))
    refuse_barrier(request, backup, wal, facts);
  if (found.segment) {
    // When it ended may have come from another clock than the commits did.
    if (*found.segment >= WalSegment::ending(backup.end, facts.wal.segment_size()).number)
      return *found.segment;
    throw Refused(
        fmt::format("backup {} cannot reach {}: transactions ended past that before {}, "
                    "from where on the backup is consistent; choose an older backup, or a later time",
                    backup.id.to_string(), request.target.describe(), backup.end.lsn.to_string()));
  }
  if (!found.known) {
    require_sent_time(request, wal, facts, time);
    return kEverything;
  }
  if (wal.missing) refuse_hole(request, backup, wal, facts, found.latest);
  throw Refused(
      fmt::format("{} cannot be reached: {}, and PostgreSQL fails when no transaction ends past the target; "
                  "without a target, recovery goes to the last byte received",
                  request.target.describe(),
                  found.latest ? "the last commit that is held was at " + format_moment(*found.latest)
                               : "no commit is held after the start of backup " + backup.id.to_string()));
}

/// The number of the last segment that reaching the target takes. Throws Refused when it cannot be reached.
std::uint64_t last_needed(const RecoveryRequest& request, const BackupRecord& backup, const WalLine& wal,
                          const RecoveryFacts& facts) {
  const auto size = facts.wal.segment_size();
  const auto consistent = WalSegment::ending(backup.end, size).number;
  if (target_as<Immediate>(request) != nullptr) return consistent;
  if (const auto* target = target_as<TargetLsn>(request)) {
    // PostgreSQL stops at a record that begins at the target or after it, so that one must be there.
    if (wal.end.lsn <= target->lsn) {
      if (wal.barrier != nullptr) refuse_barrier(request, backup, wal, facts);
      if (wal.missing) refuse_hole(request, backup, wal, facts);
      refuse_past_end(request, "ends at " + wal.end.lsn.to_string());
    }
    const auto margin = std::max<std::uint64_t>(kBytesPastLsn, size.bytes());
    return (target->lsn + margin).value() / size.bytes();
  }
  if (const auto* target = target_as<TargetTime>(request))
    return last_for_time(request, backup, wal, facts, target->time);
  if (wal.barrier != nullptr) refuse_barrier(request, backup, wal, facts);
  if (wal.missing) refuse_hole(request, backup, wal, facts);
  return kEverything;
}

std::string count_of(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// A backup with the WAL over which it reaches the target.
struct Way {
  const BackupRecord* backup;
  WalLine wal;
  std::uint64_t last;  // number of the last segment that is needed
};

/// Throws Refused when the WAL does not lead from there to the target.
Way find_way(const BackupRecord& backup, const TimelineHistory& line, const RecoveryRequest& request,
             const RecoveryFacts& facts) {
  auto wal = follow_wal(line, facts, backup.start.lsn);
  require_consistency(backup, wal, facts);
  const auto last = last_needed(request, backup, wal, facts);
  return {&backup, std::move(wal), last};
}

/// From the newest backup that has one. One that ends at a gap is passed by when an older one does not: gap
/// and target may both lie before the newer backup is consistent. `passed_by` gets the reasons.
Way find_any_way(const TimelineHistory& line, const RecoveryRequest& request, const RecoveryFacts& facts,
                 std::vector<std::string>& passed_by) {
  std::exception_ptr newest;
  for (const auto* backup : suitable_backups(line, request, facts)) {
    try {
      return find_way(*backup, line, request, facts);
    } catch (const Refused& refusal) {
      if (!newest) newest = std::current_exception();
      passed_by.emplace_back(refusal.what());
    }
  }
  std::rethrow_exception(newest);  // no other is nearer
}

/// On demand a partial is handed out whole, as long as no WAL of the timeline that left it has come by the
/// stream: who asks does not say along which one it recovers.
void require_forks_by_get_wal(const RecoveryPlan& plan, const RecoveryFacts& facts) {
  if (plan.request.wal_mode != WalMode::get_wal || facts.wal.names().is_borne_out(plan.timeline)) return;
  for (const auto& file : plan.replayed) {
    if (!file.partial || !file.fork) continue;
    throw Refused(
        fmt::format("timeline {} leaves timeline {} at {}, within a segment that is still being received, "
                    "and none of its own WAL has come by the stream: "
                    "--get-wal would hand out what timeline {} wrote after that. Recover without --get-wal",
                    plan.timeline.to_string(), file.segment.timeline.to_string(), file.fork->to_string(),
                    file.segment.timeline.to_string()));
  }
}

/// PostgreSQL reads ahead of what it replays. What it asks for then and does not get would end the recovery.
void require_nothing_let_go_by_get_wal(const RecoveryPlan& plan, const WalLine& wal,
                                       const RecoveryFacts& facts) {
  if (plan.request.wal_mode != WalMode::get_wal || !wal.missing || !is_let_go(wal, facts)) return;
  throw Refused(fmt::format("{}, and PostgreSQL may ask for it by --get-wal. Recover without --get-wal",
                            describe_missing(wal, facts)));
}

RecoveryPlan plan_on(const Way& way, const TimelineHistory& line, const RecoveryRequest& request,
                     const RecoveryFacts& facts) {
  const auto& wal = way.wal;
  const auto& backup = *way.backup;
  RecoveryPlan plan{.request = request, .backup = backup, .timeline = line.timeline(), .wal_end = wal.end};
  plan.tablespaces = plan_tablespaces(request, backup);
  plan.request.destination = normal_path(request.destination);
  plan.data_bytes = backup.data_bytes;
  // Those of other lines too: PostgreSQL looks at them for a number that no timeline has yet.
  for (const auto& [known, history] : facts.wal.names().histories) plan.histories.push_back(known);
  for (const auto& [known, damage] : facts.wal.names().damaged_histories) plan.histories.push_back(known);
  std::ranges::sort(plan.histories);
  std::ranges::copy_if(wal.files, std::back_inserter(plan.replayed),
                       [&way](const PlannedWal& file) { return file.segment.number <= way.last; });
  require_forks_by_get_wal(plan, facts);
  require_nothing_let_go_by_get_wal(plan, wal, facts);
  if (request.wal_mode == WalMode::lay_down) {
    plan.wal = plan.replayed;
    plan.wal_bytes = plan.wal.size() * std::uint64_t{facts.wal.segment_size().bytes()};
  }
  add_remarks(plan, wal, line, facts);
  return plan;
}

}  // namespace

RecoveryPlan make_plan(const RecoveryRequest& request, const RecoveryFacts& facts) {
  if (facts.backups.empty()) {
    if (!facts.unread_backups.empty()) throw Error(describe(facts.unread_backups.back()));
    throw NotFound(fmt::format("{} has no backup to recover from", request.server));
  }
  const auto line = line_of(choose_timeline(request, facts), facts);
  if (request.backup)
    return plan_on(find_way(named_backup(line, request, facts), line, request, facts), line, request, facts);
  std::vector<std::string> passed_by;
  auto plan = plan_on(find_any_way(line, request, facts, passed_by), line, request, facts);
  for (auto& why : passed_by) plan.remarks.push_back("passed by: " + std::move(why));
  return plan;
}

std::string RecoveryPlan::describe() const {
  const auto where =
      request.remote_ssh_command.empty() ? std::string("this host") : request.remote_ssh_command;
  auto text = fmt::format("recover {} to {} ({})\n", request.server, request.destination.native(), where);
  text += fmt::format("  backup      {}, PostgreSQL {}, {} in {}, ended {}\n", backup.id.to_string(),
                      backup.server_version, io::format_bytes(data_bytes),
                      count_of(backup.file_count, "file"), io::format_time(backup.ended));
  text +=
      fmt::format("  target      {}{}\n", request.target.describe(), request.standby ? ", as a standby" : "");
  text += fmt::format("  timeline    {}; WAL reaches {} on timeline {}\n", timeline.to_string(),
                      wal_end.lsn.to_string(), wal_end.timeline.to_string());
  if (request.wal_mode == WalMode::get_wal) {
    text += fmt::format("  WAL         fetched by: {}\n", request.get_wal_command);
  } else if (!wal.empty()) {
    const auto size = backup.wal_segment_size;
    text += fmt::format("  WAL         {} ({}), {} to {}{}\n", count_of(wal.size(), "file"),
                        io::format_bytes(wal_bytes), wal.front().segment.name(size),
                        wal.back().segment.name(size),
                        wal.back().partial ? ", the segment still being received" : "");
  }
  for (const auto& tablespace : tablespaces) {
    text += fmt::format("  tablespace  {} ({}): {}\n",
                        tablespace.name.empty() ? "without a name" : tablespace.name, tablespace.oid,
                        tablespace.original == tablespace.location
                            ? tablespace.location
                            : fmt::format("{} instead of {}", tablespace.location, tablespace.original));
  }
  for (const auto& created : created_tablespaces) {
    text += fmt::format("  tablespace  {}: created by replay in {} (at {})\n", created.describe(),
                        created.location, created.lsn.to_string());
  }
  for (const auto& remark : remarks) text += fmt::format("  note        {}\n", remark);
  return text;
}

}  // namespace pgkeep::recover
