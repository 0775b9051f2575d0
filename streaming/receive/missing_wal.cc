#include "streaming/receive/missing_wal.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "catalog/postgres/wal_page.h"
#include "catalog/wal/waiting_wal.h"

namespace pgkeep::streaming {
namespace {

constexpr postgres::Lsn kNever{~std::uint64_t{0}};

postgres::Lsn begin_of_segment(postgres::Lsn lsn, postgres::WalSegmentSize size) {
  return postgres::Lsn(lsn.value() - lsn.value() % size.bytes());
}

/// Where the files of pg_wal begin that continue without a gap up to the server's position.
std::optional<postgres::Lsn> begin_of_run(const WhatIsLeft& left, const postgres::TimelineHistory& line,
                                          postgres::WalSegmentSize size) {
  const auto is_there = [&](std::uint64_t number) {
    return std::ranges::find(left.in_wal, catalog::file_on(line, number, size)) != left.in_wal.end();
  };
  const auto current = left.position.value() / size.bytes();  // after it lie files for later use
  auto number = current;
  while (number > 0 && is_there(number - 1)) --number;
  if (number == current && !is_there(current)) return std::nullopt;
  return postgres::WalSegment{line.timeline(), number}.begin(size);
}

using HeldPartials = std::map<postgres::WalSegment, postgres::Lsn>;

/// The partials from `begin` on, and how far each reaches.
HeldPartials partials_from(const catalog::WalArchive& archive, postgres::Lsn begin) {
  HeldPartials held;
  for (const auto& partial : archive.inventory().partials) {
    if (partial.begin(archive.identity().wal_segment_size) >= begin)
      held.emplace(partial, archive.partial_end(partial));
  }
  return held;
}

/// Takes back what has come into the partials from `begin` on since `held_before`.
void take_back(const catalog::WalArchive& archive, postgres::Lsn begin, const HeldPartials& held_before) {
  const auto size = archive.identity().wal_segment_size;
  for (const auto& [partial, end] : partials_from(archive, begin)) {
    const auto before = held_before.find(partial);
    catalog::cut_partial(archive.layout(), partial, size,
                         before != held_before.end() ? before->second : partial.begin(size));
  }
}

/// Whole segments only: what came of one that broke off is received again.
void fetch_segments(WalIntake& intake, Node& node, const postgres::TimelineHistory& line, postgres::Lsn begin,
                    postgres::Lsn end, const std::stop_token& stop) {
  const auto size = intake.archive().identity().wal_segment_size;
  end = std::min(end, begin_of_segment(node.system.position, size));
  while (begin < end) {
    const auto timeline = catalog::file_on(line, begin.value() / size.bytes(), size).timeline;
    const auto left = line.end_of(timeline);
    const auto stop_at = left ? std::min(end, begin_of_segment(*left, size)) : end;
    const auto result = intake.receive(node.connection, nullptr, {{timeline, begin}, kNever, stop_at}, stop);
    if (result.why != StreamEnd::Why::reached) return;
    begin = stop_at;
  }
}

}  // namespace

std::optional<postgres::Lsn> far_side(postgres::Lsn missing, const WhatIsLeft& left,
                                      const postgres::TimelineHistory& line, postgres::WalSegmentSize size) {
  std::optional<postgres::Lsn> nearest;
  const auto consider = [&](std::optional<postgres::Lsn> lsn) {
    if (!lsn) return;
    const auto begin = begin_of_segment(*lsn, size);
    if (begin > missing && (!nearest || begin < *nearest)) nearest = begin;
  };
  consider(left.held_from);
  consider(left.slot_from);
  consider(begin_of_run(left, line, size));
  if (!nearest) consider(left.position);
  return nearest;
}

std::vector<catalog::WalRange> pieces_of_line(const postgres::TimelineHistory& line, postgres::Lsn begin,
                                              postgres::Lsn end) {
  std::vector<catalog::WalRange> pieces;
  while (begin < end) {
    const auto timeline = line.timeline_at(begin);
    const auto piece_end = std::min(end, line.end_of(timeline).value_or(end));
    pieces.push_back({timeline, begin, piece_end});
    begin = piece_end;
  }
  return pieces;
}

postgres::Lsn MissingWal::settle(Node& node, const postgres::TimelineHistory& line, const StreamStart& start,
                                 const SlotView& slot, const ServerError& error,
                                 const std::stop_token& stop) {
  const auto& archive = intake_->archive();
  const auto size = archive.identity().wal_segment_size;
  const auto missing = start.position.lsn;
  intake_->wait_until_archived();
  const auto resumed = catalog::HeldWal::read(archive).along(line).resume_point(events_->all());
  if (resumed && resumed->position.lsn > missing) return resumed->position.lsn;  // it was pushed meanwhile

  const WhatIsLeft left{resumed ? resumed->until : std::nullopt, slot.restart_lsn, list_wal(node, stop),
                        node.system.position};
  auto far = far_side(missing, left, line, size);
  if (!far) throw error;
  const auto search = search_others(node, line, missing, *far, stop);
  // One that is not there now may have it. Meanwhile the slot holds back what there still is.
  if (!search.found && resumed && search.one_did_not_answer && ++*searches_in_vain_ < kSearches) {
    throw ConnectionLost(
        fmt::format("{}; WAL that is missing here is looked for on the other hosts, but not all answer{}",
                    error.what(), search.failures));
  }
  *searches_in_vain_ = 0;
  if (search.found) return missing;

  // Of its partials, whose last bytes the gap begins after.
  const auto held = catalog::HeldWal::read(archive).along(line).reach_from(missing);
  // A partial that ends in its last page could pass for a whole one beside its successor, and hide the gap.
  if (held > missing && *far - held < 2 * std::uint64_t{postgres::kWalBlockBytes}) *far = *far + size.bytes();
  if (resumed)
    mark(node.connection.peer(), line, held, *far,
         error.what() + search.failures + what_waits(missing, *far));
  return *far;
}

std::vector<postgres::WalSegment> MissingWal::list_wal(const Node& node, const std::stop_token& stop) const {
  std::vector<postgres::WalSegment> segments;
  try {
    for (const auto& name : list_server_wal(node.settings, stop)) {
      const auto segment = postgres::WalSegment::parse(name, intake_->archive().identity().wal_segment_size);
      if (segment) segments.push_back(*segment);
    }
  } catch (const ServerError&) {
    // The role may not look: the slot tells from where on WAL is held back.
  } catch (const ConnectionLost&) {
    // The same.
  }
  return segments;
}

MissingWal::Search MissingWal::search_others(const Node& node, const postgres::TimelineHistory& line,
                                             postgres::Lsn begin, postgres::Lsn end,
                                             const std::stop_token& stop) {
  const auto& archive = intake_->archive();
  const auto size = archive.identity().wal_segment_size;
  const auto first = catalog::file_on(line, begin.value() / size.bytes(), size);
  Search search;
  const auto note = [&](const Error& failure) {
    search.failures += fmt::format("; {}", failure.what());
    search.one_did_not_answer = search.one_did_not_answer || failure.retryable();
  };
  for (auto& settings : settings_of_nodes(settings_->connection)) {
    if (settings.conninfo == node.settings.conninfo) continue;
    // Not the name that commits may wait for: nothing is reported to this node.
    settings.application_name += "_missing";
    const auto held_before = partials_from(archive, begin);
    try {
      fetch_from(std::move(settings), node, line, begin, end, stop);
    } catch (const Interrupted&) {
      throw;
    } catch (const StorageError&) {
      throw;
    } catch (const Corruption& damage) {
      // It is not the WAL of our line. A whole partial of it would stop every later start.
      note(damage);
      take_back(archive, begin, held_before);
    } catch (const Error& failure) {
      note(failure);  // it has not got it either, or not all, or is not there: what came of it is kept
    }
    search.found = archive.has(first);
    if (search.found) break;
  }
  return search;
}

/// All that came whole is archived when it returns or throws.
void MissingWal::fetch_from(ConnectionSettings settings, const Node& node,
                            const postgres::TimelineHistory& line, postgres::Lsn begin, postgres::Lsn end,
                            const std::stop_token& stop) {
  auto other = open_node(std::move(settings), stop);
  const auto& peer = other.connection.peer();
  if (other.system.system != node.system.system) throw Refused(fmt::format("{} is another cluster", peer));
  if (!ask_line(other.connection, other.system).history.agrees_with(line))
    throw Refused(fmt::format("{} is on another branch", peer));
  auto intake = intake_->for_another_host();
  try {
    fetch_segments(intake, other, line, begin, end, stop);
  } catch (const ConnectionLost&) {
    intake.wait_until_archived();
    throw;
  } catch (const ServerError&) {
    intake.wait_until_archived();
    throw;
  }
  intake.wait_until_archived();
}

/// Whether the gap may close by itself; it is passed all the same.
std::string MissingWal::what_waits(postgres::Lsn begin, postgres::Lsn end) const {
  const auto size = intake_->archive().identity().wal_segment_size;
  const auto waiting = catalog::WaitingWal(intake_->archive()).list();
  const bool some = std::ranges::any_of(waiting, [&](const catalog::WaitingSegment& one) {
    return one.segment.begin(size) >= begin && one.segment.begin(size) < end;
  });
  if (!some) return {};
  return "; WAL of it was pushed, and is taken in if it joins what is archived before and after the gap";
}

void MissingWal::mark(const postgres::Endpoint& peer, const postgres::TimelineHistory& line,
                      postgres::Lsn begin, postgres::Lsn end, const std::string& why) {
  for (const auto& piece : pieces_of_line(line, begin, end)) {
    events_->report(
        catalog::EventKind::gap,
        fmt::format("{} removed WAL before it was received, and it was found nowhere else: {}", peer, why),
        piece);
  }
}

}  // namespace pgkeep::streaming
