#include "streaming/wal_start.h"

#include <algorithm>

#include <fmt/format.h>

#include "streaming/cut_record.h"

namespace pgkeep::streaming {
namespace {

constexpr postgres::TimelineId kFirstTimeline{1};
constexpr std::string_view kNoSuchFile = "58P01";
constexpr std::string_view kKeepApart =
    "What is here stays as it is, and nothing of that server was stored. If it is an old primary or was "
    "restored to an "
    "earlier state, correct the conninfo; to keep it nevertheless, give it a new server name";

std::string place(const postgres::WalPosition& position) {
  return fmt::format("{} of timeline {}", position.lsn.to_string(), position.timeline.to_string());
}

/// Where the line left the timeline of `here`, when only a cut record lies between that and what is here.
std::optional<postgres::Lsn> fork_before_cut_record(const catalog::WalArchive& archive,
                                                    const postgres::TimelineHistory& line,
                                                    const postgres::WalPosition& here) {
  const auto fork = line.end_of(here.timeline);
  if (!fork || *fork >= here.lsn) return std::nullopt;
  return only_a_cut_record_follows(archive, {here.timeline, *fork}, here) ? fork : std::nullopt;
}

/// Throws unless the server can send what follows `here`, the first byte that is not here.
void require_on_line(const Connection& connection, const SystemInfo& system,
                     const catalog::WalArchive& archive, const postgres::TimelineHistory& line,
                     const postgres::WalPosition& here) {
  if (here.timeline > system.timeline) {
    throw Refused(fmt::format(
        "{} is on timeline {}, but WAL of timeline {} was received already (up to {}). {}", connection.peer(),
        system.timeline.to_string(), here.timeline.to_string(), here.lsn.to_string(), kKeepApart));
  }
  if (!line.contains(here) && !fork_before_cut_record(archive, line, here)) {
    const auto left = line.end_of(here.timeline);
    throw Refused(fmt::format(
        "{} is on timeline {}, which {}; but here WAL is received up to {}: that is another branch. {}",
        connection.peer(), system.timeline.to_string(),
        left ? fmt::format("left timeline {} at {}", here.timeline.to_string(), left->to_string())
             : fmt::format("does not come from timeline {}", here.timeline.to_string()),
        place(here), kKeepApart));
  }
  if (here.timeline == system.timeline && here.lsn > system.position) {
    throw ServerBehind(fmt::format(
        "{} is only at {} of timeline {}, but WAL was received up to {} before; waiting for it to come there "
        "(it never will if it was restored to an earlier state)",
        connection.peer(), system.position.to_string(), system.timeline.to_string(), here.lsn.to_string()));
  }
}

/// In the segment that holds the fork, on the timeline that goes on there; or behind what was received of it.
StreamStart start_behind_fork(const catalog::WalArchive& archive, const postgres::TimelineHistory& line,
                              postgres::Lsn fork) {
  const auto size = archive.identity().wal_segment_size;
  const auto timeline = line.timeline_at(fork);
  const auto end = line.end_of(timeline);
  auto segment = postgres::WalSegment::holding({timeline, fork}, size);
  while (archive.has(segment) && (!end || segment.end(size) <= *end)) segment = segment.next();
  return {{timeline, segment.begin(size)}, std::max(fork, archive.partial_end(segment))};
}

}  // namespace

void adopt_histories(Connection& connection, const SystemInfo& system, catalog::WalArchive& archive,
                     const std::function<void(postgres::TimelineId, const std::string&)>& stored) {
  std::optional<std::string> content;
  postgres::TimelineHistory line(system.timeline);
  if (system.timeline != kFirstTimeline) {
    content = timeline_history(connection, system.timeline).content;
    line = postgres::TimelineHistory::parse(system.timeline, *content);
  }
  if (const auto here = archive.resume_position()) require_on_line(connection, system, archive, line, *here);

  const auto store = [&](postgres::TimelineId timeline, const std::string& history) {
    archive.store_history(timeline, history);
    stored(timeline, history);
  };
  if (content) store(system.timeline, *content);
  for (const auto& ancestor : line.ancestors()) {
    if (ancestor.timeline == kFirstTimeline || archive.read_history(ancestor.timeline)) continue;
    try {
      store(ancestor.timeline, timeline_history(connection, ancestor.timeline).content);
    } catch (const ServerError& error) {
      // A copy of a cluster need not have the files of all its ancestors.
      if (error.sqlstate() != kNoSuchFile) throw;
    }
  }
}

StreamStart choose_start(Connection& connection, const SystemInfo& system, const catalog::WalArchive& archive,
                         const WalReceiverSettings& settings, const std::stop_token& stop,
                         const std::function<void(const std::string&)>& warn) {
  const auto size = archive.identity().wal_segment_size;
  if (const auto resumed = archive.resume_position()) {
    const auto line = archive.history(system.timeline);
    if (line && !line->contains(*resumed)) {
      if (const auto fork = fork_before_cut_record(archive, *line, *resumed))
        return start_behind_fork(archive, *line, *fork);
    }
    // The flush position that was reported last is not known, but lies in what was received.
    const auto received = archive.partial_end(postgres::WalSegment::holding(*resumed, size));
    return {*resumed, received};
  }
  postgres::WalPosition from{system.timeline, system.position};
  try {
    const auto slot = read_slot(connection, settings.slot, settings.connection, stop);
    if (slot && slot->restart_lsn) {
      from.lsn = *slot->restart_lsn;
      // Before 15 a slot has no timeline, and 13 and 14 let it lie on an ancestor as well.
      const auto line = archive.history(system.timeline);
      from.timeline = slot->timeline ? *slot->timeline : line ? line->timeline_at(from.lsn) : system.timeline;
    }
  } catch (const ServerError& error) {
    warn(fmt::format(
        "cannot read where slot {} stands, so WAL is received from the server's present position on "
        "({}): {}",
        settings.slot, system.position.to_string(), error.what()));
  }
  const auto begin = postgres::WalSegment::holding(from, size).begin(size);
  return {{from.timeline, begin}, from.lsn};
}

}  // namespace pgkeep::streaming
