#include "streaming/receive/wal_start.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "catalog/wal/wal_conflicts.h"
#include "streaming/receive/cut_record.h"

namespace pgkeep::streaming {
namespace {

constexpr postgres::TimelineId kFirstTimeline{1};
constexpr std::string_view kNoSuchFile = "58P01";

std::string server_name(const catalog::WalArchive& archive) {
  return archive.layout().root().filename().native();
}

std::string keep_apart(const catalog::WalArchive& archive) {
  return fmt::format(
      "What is here stays as it is, and nothing of that server was stored. "
      "If it is an old primary, correct the conninfo. "
      "If it was restored to an earlier state and is the right one, "
      "`pgkeep new-line {}` sets aside what is held and begins with a new backup; "
      "to keep both, give it a new server name",
      server_name(archive));
}

/// What of a timeline of our own line `line` does not take up: from where it left that timeline, or from its
/// beginning, to the end of what is held of it. What our line had left itself was told of then. Nothing when
/// there is no whole record in it.
std::optional<catalog::WalRange> part_left(const postgres::TimelineHistory& ours,
                                           const postgres::TimelineHistory& line,
                                           postgres::TimelineId timeline, const catalog::HeldWal& held,
                                           const catalog::WalArchive& archive) {
  if (timeline == line.timeline()) return std::nullopt;
  const auto last = held.last_of(timeline);
  if (!last) return std::nullopt;
  auto begin = postgres::Lsn();
  for (const auto& ancestor : ours.ancestors())
    if (ancestor.timeline < timeline) begin = ancestor.switch_point;
  if (const auto left = line.end_of(timeline)) begin = std::max(begin, *left);
  auto end = last->end;
  if (const auto left = ours.end_of(timeline)) end = std::min(end, *left);
  if (end <= begin || only_a_cut_record_follows(archive, {timeline, begin}, *last)) return std::nullopt;
  return catalog::WalRange{timeline, begin, end};
}

void report_left(const postgres::Endpoint& peer, const postgres::TimelineHistory& line,
                 const catalog::WalRange& left, EventReporter& events) {
  const auto timeline = left.timeline.to_string();
  const auto next = line.next_after(left.timeline);
  const auto how = next ? fmt::format("left timeline {} at {} for timeline {}", timeline,
                                      line.end_of(left.timeline)->to_string(), next->to_string())
                        : fmt::format("is on timeline {}, which does not come from timeline {}",
                                      line.timeline().to_string(), timeline);
  events.report(
      catalog::EventKind::branch_left,
      fmt::format("{} {}, but WAL of timeline {} was received up to {}: "
                  "what lies between is not on the server, and commits that it acknowledged may be among it. "
                  "`pgkeep recover` with --target-tli {} reaches it",
                  peer, how, timeline, left.end.to_string(), timeline),
      left);
}

/// Up to where a server once had WAL of a timeline, as the gaps say that were found on it. What is missing is
/// looked for on the server before a gap is recorded, so it had come into the gap's last segment at least.
std::optional<postgres::Lsn> end_of_gaps(std::span<const catalog::Event> events,
                                         postgres::TimelineId timeline, postgres::WalSegmentSize size) {
  std::optional<postgres::Lsn> end;
  for (const auto& event : events) {
    if (event.kind != catalog::EventKind::gap || !event.range || event.range->timeline != timeline) continue;
    if (event.range->end.value() < size.bytes()) continue;
    end = std::max(end, std::optional(postgres::Lsn(event.range->end.value() - size.bytes())));
  }
  return end;
}

/// At the first byte of the segment, up to where the line leaves its timeline, when that must not be asked
/// for to its end (catalog::is_cut_short()). Where the line does so within the segment, the next timeline's
/// file of it begins with a copy of what is of the line.
StreamStart start_of_segment(postgres::WalSegment segment, const postgres::TimelineHistory& line,
                             postgres::WalSegmentSize size) {
  std::optional<postgres::Lsn> stop_at;
  while (catalog::is_cut_short(line, segment.timeline)) {
    const auto left = line.end_of(segment.timeline).value();
    if (left >= segment.end(size)) {
      stop_at = postgres::WalSegment::holding({segment.timeline, left}, size).begin(size);
      break;
    }
    segment.timeline = line.timeline_at(left);
  }
  return {{segment.timeline, segment.begin(size)}, {}, stop_at};
}

/// Continuing after a file that is no segment would leave a gap that nobody fills.
void require_segment_before(const catalog::WalArchive& archive, const postgres::TimelineHistory& line,
                            const postgres::WalPosition& position) {
  const auto& identity = archive.identity();
  const auto number = position.lsn.value() / identity.wal_segment_size.bytes();
  if (number == 0) return;
  const auto timeline = line.timeline_at(postgres::Lsn(position.lsn.value() - 1));
  const auto last = archive.open_segment({timeline, number - 1});
  if (!last || (last->header().system == identity.system && last->header().size == identity.wal_segment_size))
    return;
  throw Corruption(
      fmt::format("{}: holds a segment of another cluster (system identifier {}, here {})",
                  archive.layout().archived({timeline, number - 1}, identity.wal_segment_size).native(),
                  last->header().system.to_string(), identity.system.to_string()));
}

}  // namespace

ServerLine ask_line(Connection& connection, const SystemInfo& system) {
  if (system.timeline == kFirstTimeline) return {postgres::TimelineHistory(kFirstTimeline), std::nullopt};
  auto content = timeline_history(connection, system.timeline).content;
  auto history = postgres::TimelineHistory::parse(system.timeline, content);
  return {std::move(history), std::move(content)};
}

void require_on_line(const postgres::Endpoint& peer, const ServerLine& line,
                     const catalog::WalArchive& archive) {
  const auto timeline = line.history.timeline();
  const auto wal = archive.inventory();
  const auto newest = wal.newest_timeline();
  if (newest && *newest > timeline) {
    throw OtherBranch(fmt::format("{} is on timeline {}, but WAL of timeline {} was received already. {}",
                                  peer, timeline.to_string(), newest->to_string(), keep_apart(archive)));
  }
  const auto refuse_history = [&](postgres::TimelineId of) {
    if (!wal.is_borne_out(of)) return;  // it gives way
    throw OtherBranch(
        fmt::format("{}: {} has another history of timeline {}: "
                    "two branches of the cluster took that number. {}",
                    archive.layout().history(of).native(), peer, of.to_string(), keep_apart(archive)));
  };
  // A damaged one says nothing against the server, whose copy takes its place.
  const auto known = archive.sound_history(timeline);
  if (known && known != line.content) refuse_history(timeline);
  for (const auto& [number, history] : wal.histories) {
    if (line.history.contains(number) && !history.agrees_with(line.history)) refuse_history(number);
  }
}

void adopt_history(const postgres::Endpoint& peer, postgres::TimelineId timeline, const std::string& content,
                   WalIntake& intake, EventReporter& events) {
  const auto& archive = intake.archive();
  const auto known = archive.sound_history(timeline);
  if (known && *known != content && !archive.inventory().is_borne_out(timeline)) {
    catalog::WalConflicts(archive).replace_history(timeline, content);
    events.report(catalog::EventKind::conflict,
                  fmt::format("{}: {} has another history of timeline {} than the one that was stored, "
                              "and no WAL had borne that one out: the server's is stored, "
                              "the other is kept aside (`pgkeep wal-conflicts {}`)",
                              archive.layout().history(timeline).native(), peer, timeline.to_string(),
                              server_name(archive)));
  }
  intake.store_history(timeline, content);
}

void adopt_histories(Connection& connection, const ServerLine& line, WalIntake& intake,
                     EventReporter& events) {
  const auto known = intake.archive().inventory().histories;  // without those that are damaged
  std::vector<std::pair<postgres::TimelineId, std::string>> missing;
  for (const auto& ancestor : line.history.ancestors()) {
    if (ancestor.timeline == kFirstTimeline) continue;
    const auto held = known.find(ancestor.timeline);
    if (held != known.end() && held->second.agrees_with(line.history)) continue;
    try {
      missing.emplace_back(ancestor.timeline, timeline_history(connection, ancestor.timeline).content);
    } catch (const ServerError& error) {
      // A copy of a cluster need not have the files of all its ancestors.
      if (error.sqlstate() != kNoSuchFile) throw;
    }
  }
  for (const auto& [timeline, content] : missing) {
    if (postgres::TimelineHistory::parse(timeline, content).agrees_with(line.history)) continue;
    throw ProtocolError(
        fmt::format("{}: its {} contradicts its {}; nothing was stored. Compare the two in its pg_wal",
                    connection.peer(), timeline.history_file(), line.history.timeline().history_file()));
  }
  const auto& peer = connection.peer();
  if (line.content) adopt_history(peer, line.history.timeline(), *line.content, intake, events);
  for (const auto& [timeline, content] : missing) adopt_history(peer, timeline, content, intake, events);
}

void report_branches_left(const postgres::Endpoint& peer, const postgres::TimelineHistory& line,
                          const catalog::WalArchive& archive, EventReporter& events) {
  const auto held = catalog::HeldWal::read(archive);
  const auto newest = held.names().newest_timeline();
  if (!newest) return;
  const auto ours = archive.history(*newest).value_or(postgres::TimelineHistory(*newest));
  std::vector<postgres::TimelineId> timelines{*newest};
  for (const auto& ancestor : ours.ancestors()) timelines.push_back(ancestor.timeline);
  for (const auto timeline : timelines) {
    if (const auto left = part_left(ours, line, timeline, held, archive))
      report_left(peer, line, *left, events);
  }
}

StreamStart start_after_switch(const postgres::WalPosition& next, const postgres::TimelineHistory& line,
                               const catalog::WalArchive& archive) {
  const auto size = archive.identity().wal_segment_size;
  auto start = start_of_segment(postgres::WalSegment::holding(next, size), line, size);
  const auto reported = catalog::HeldWal::read(archive).along(line).most_reported();
  start.report_from = std::max(next.lsn, reported.value_or(next.lsn));
  return start;
}

void require_decided(const store::ServerLayout& layout) {
  const auto events = catalog::EventJournal(layout).read();
  const auto* open = catalog::undecided_rollback(events);
  if (open != nullptr) throw RolledBack(open->cause);
}

void require_not_rolled_back(const postgres::Endpoint& peer, const SystemInfo& primary,
                             const catalog::WalArchive& archive, std::span<const catalog::Event> events) {
  const auto last = catalog::HeldWal::read(archive).last_of(primary.timeline);
  const auto held = last ? std::optional(last->end) : std::nullopt;
  const auto end = std::max(held, end_of_gaps(events, primary.timeline, archive.identity().wal_segment_size));
  if (!end || *end <= primary.position) return;
  const auto name = server_name(archive);
  throw RolledBack(
      fmt::format("{} had written less of timeline {} than {}: it was put back to an earlier state. "
                  "Nothing of it is stored, also when it comes past that. "
                  "If it is the right server, "
                  "`pgkeep new-line {}` sets aside what is held and begins with a new backup. "
                  "If not, correct the conninfo, then `pgkeep new-line {} --keep`",
                  peer, primary.timeline.to_string(),
                  end == held ? fmt::format("was received from it, which ends at {}", end->to_string())
                              : fmt::format("it had when WAL up to there was found to be lost, at {}",
                                            end->to_string()),
                  name, name),
      catalog::WalRange{primary.timeline, primary.position, *end});
}

StreamStart choose_start(const postgres::Endpoint& peer, const SystemInfo& system,
                         const postgres::TimelineHistory& line, const SlotView& slot,
                         std::optional<postgres::Lsn> begin_at, const catalog::WalArchive& archive,
                         std::span<const catalog::Event> events) {
  const auto size = archive.identity().wal_segment_size;
  const auto held = catalog::HeldWal::read(archive).along(line);
  // A slot that stands after the server's own position came from another history.
  const auto kept_from = std::min(slot.restart_lsn.value_or(postgres::Lsn()), system.position);
  if (const auto resumed = held.resume_point(events)) {
    const auto& position = resumed->position;
    require_segment_before(archive, line, position);
    if (position.timeline == system.timeline && position.lsn > system.position) {
      throw ServerBehind(fmt::format(
          "{} is only at {} of timeline {}, but WAL was received up to {} before; "
          "waiting for it to come there",
          peer, system.position.to_string(), system.timeline.to_string(), position.lsn.to_string()));
    }
    // Which position was reported last is not known, but it lies in what is held, and the slot is not before.
    const auto reported = held.most_reported().value_or(position.lsn);
    return {position, std::max(reported, kept_from), resumed->until};
  }
  postgres::WalPosition from{system.timeline, system.position};
  if (begin_at) {
    from = {line.timeline_at(*begin_at), *begin_at};
  } else if (slot.restart_lsn && *slot.restart_lsn <= system.position) {
    // Before 15 a slot has no timeline, and 13 and 14 let it lie on an ancestor as well.
    from = {slot.timeline.value_or(line.timeline_at(*slot.restart_lsn)), *slot.restart_lsn};
  }
  auto start = start_of_segment(postgres::WalSegment::holding(from, size), line, size);
  start.report_from = std::max(from.lsn, kept_from);
  return start;
}

}  // namespace pgkeep::streaming
