#include "catalog/wal/wal_adoption.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <iterator>

#include <fmt/format.h>

#include "catalog/io/compare.h"
#include "catalog/io/error.h"
#include "catalog/wal/held_wal.h"
#include "catalog/wal/wal_archive_writer.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineHistory;
using postgres::WalCarry;
using postgres::WalSegment;

/// Does something with a file that may be damaged: then that is a trouble, whose message names the file, and
/// the answer is empty. Empty too when the file has gone: it was settled meanwhile.
template <typename Troubles, typename Deed>
auto unless_damaged(Troubles& troubles, Deed&& deed) -> decltype(deed()) {
  try {
    return deed();
  } catch (const Corruption& error) {
    troubles.insert(error.what());
  } catch (const StorageError& error) {
    if (error.cause() != ENOENT) troubles.insert(error.what());
  }
  return {};
}

/// What the segment after a copy has to continue; nothing when that is not known.
template <typename Troubles>
std::optional<WalCarry> carry_of(const PushedCopy& copy, Troubles& troubles) {
  return unless_damaged(troubles, [&] { return SegmentFileReader(copy.path).header().carry; });
}

std::vector<WalRange> ranges_of(std::span<const WalSegment> segments, postgres::WalSegmentSize size) {
  WalInventory wal;
  wal.segments = SegmentSet(segments);
  return wal.ranges(size);
}

std::string describe(const WalRange& range) {
  return fmt::format("{} to {} of timeline {}", range.begin.to_string(), range.end.to_string(),
                     range.timeline.to_string());
}

}  // namespace

WalAdoption::Waiting WalAdoption::waiting_by_segment() const {
  Waiting waiting;
  for (auto& one : waiting_.list()) waiting[one.segment].push_back(std::move(one.copy));
  return waiting;
}

std::optional<std::uint64_t> WalAdoption::oldest_held(const TimelineHistory& line) const {
  const auto wal = archive_->inventory();
  std::optional<std::uint64_t> oldest;
  for (const auto* names : {&wal.segments, &wal.partials})
    for (const auto& run : names->runs())
      if (line.contains(run.timeline)) oldest = std::min(oldest.value_or(run.first), run.first);
  return oldest;
}

/// Of one segment alone: a partial that cannot be read concerns only the gaps beside it.
HeldWal WalAdoption::look_at(const WalSegment& segment) const {
  const auto size = archive_->identity().wal_segment_size;
  const TimelineHistory alone(segment.timeline);
  return HeldWal::read_between(*archive_, alone, segment.begin(size), segment.end(size));
}

/// Whether the stream has brought all of a segment, which may still wait for its archiver: that is no gap.
bool WalAdoption::is_held(const WalSegment& segment) const {
  return look_at(segment).has_all_of(segment);
}

/// The copies that are sound, continue `before`, and are not contradicted by what was received of the
/// segment. Without `before` that is all that can be said.
std::vector<PushedCopy> WalAdoption::joining(const WalSegment& segment, const std::vector<PushedCopy>& copies,
                                             const std::optional<WalCarry>& before, Joins at_least,
                                             Troubles& troubles) const {
  const auto joins = [&](const PushedCopy& copy) {
    if (before) {
      SegmentFileReader reader(copy.path);
      const auto found = continues(reader, *before);
      if (found == Joins::no || (at_least == Joins::yes && found != Joins::yes)) return false;
    }
    SegmentFileReader reader(copy.path);
    if (archive_->contradicts_partial(segment, reader, reader.header().size.bytes())) return false;
    io::read_to_end(reader);
    return true;
  };
  std::vector<PushedCopy> found;
  for (const auto& copy : copies)
    if (unless_damaged(troubles, [&] { return joins(copy); })) found.push_back(copy);
  return found;
}

/// The chain that ends at a link of the last step; nothing when there are several.
std::vector<WaitingSegment> WalAdoption::only_chain_to(std::size_t link, const std::vector<Step>& steps) {
  std::vector<WaitingSegment> chain;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const auto& at = step->links.at(link);
    if (!at.by_one_way) return {};
    chain.push_back({step->segment, at.copy});
    link = at.before;
  }
  std::ranges::reverse(chain);
  return chain;
}

/// The copies of a segment that continue one of those that chains have come to before it. Whichever chain
/// leads to a copy, what follows it is the same.
std::vector<WalAdoption::Link> WalAdoption::continue_chains(const std::vector<Link>& before,
                                                            const WalSegment& segment,
                                                            const std::vector<PushedCopy>& copies,
                                                            Troubles& troubles) const {
  std::vector<Link> reached;
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (const auto& copy : joining(segment, copies, before[i].carry, Joins::yes, troubles)) {
      const auto known =
          std::ranges::find_if(reached, [&](const Link& link) { return link.copy.digits == copy.digits; });
      if (known != reached.end()) {
        known->by_one_way = false;
      } else if (auto carry = carry_of(copy, troubles)) {
        reached.push_back({copy, i, std::move(carry), before[i].by_one_way});
      }
    }
  }
  return reached;
}

/// The chain of copies from segment `first`, before which one is archived, or none at all, to `right`.
/// Nothing when there is none, or another that would do as well.
std::vector<WaitingSegment> WalAdoption::prove(const TimelineHistory& line, std::uint64_t first,
                                               const WalSegment& right, const Waiting& waiting,
                                               Troubles& troubles) const {
  const auto size = archive_->identity().wal_segment_size;
  const auto left = archive_->carry_into(file_on(line, first, size));
  if (!left && first > oldest_held(line).value_or(0)) return {};
  const auto joins_right = [&](const std::optional<WalCarry>& carry) {
    return carry && archive_->continues(right, *carry) == Joins::yes;
  };
  // The right side first: it costs little, and where it fails the rest need not be read.
  const auto may_be_last = [&](const PushedCopy& copy) { return joins_right(carry_of(copy, troubles)); };
  if (std::ranges::none_of(waiting.at(file_on(line, right.number - 1, size)), may_be_last)) return {};

  std::vector<Step> steps;
  std::vector<Link> ends{{{}, 0, left, true}};
  for (auto number = first; number < right.number; ++number) {
    const auto segment = file_on(line, number, size);
    ends = continue_chains(ends, segment, waiting.at(segment), troubles);
    steps.push_back({segment, ends});
  }
  std::optional<std::size_t> last;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (!joins_right(ends[i].carry)) continue;
    if (last) return {};
    last = i;
  }
  return last ? only_chain_to(*last, steps) : std::vector<WaitingSegment>();
}

WalAdoption::Taken WalAdoption::fill_gap_before(const WalSegment& right, const WaitingWal::Record& record) {
  const auto size = archive_->identity().wal_segment_size;
  const auto waiting = waiting_by_segment();
  const auto lies_before = [&](const auto& one) { return one.first.number + 1 == right.number; };
  if (std::ranges::none_of(waiting, lies_before)) return {};  // before a history is asked for: it may be bad
  const auto line = archive_->history(right.timeline);
  if (!line || look_at(right).ranges().empty()) return {};
  auto first = right.number;
  const auto before = [&] { return file_on(*line, first - 1, size); };
  while (first > 0 && waiting.contains(before()) && !is_held(before())) --first;
  if (first == right.number) return {};
  Troubles troubles;
  const auto proved = prove(*line, first, right, waiting, troubles);
  auto taken = adopt(
      proved, "its records join those of the segments before and after it, as far as there are", record);
  std::ranges::copy(troubles, std::back_inserter(taken.troubles));
  return taken;
}

WalAdoption::Taken WalAdoption::fill_gap_around(const WalSegment& waiting, const WaitingWal::Record& record) {
  const auto all = waiting_by_segment();
  auto right = waiting.next();
  while (all.contains(right) && !is_held(right)) right = right.next();
  return fill_gap_before(right, record);
}

WalAdoption::Taken WalAdoption::fill_gaps(const WaitingWal::Record& record) {
  Taken all;
  if (waiting_.list().empty()) return all;
  const auto size = archive_->identity().wal_segment_size;
  const auto wal = archive_->inventory();
  for (const auto* rights : {&wal.segments, &wal.partials}) {
    for (const auto& right : *rights) {
      const WalSegment before{right.timeline, right.number - 1};
      if (right.number == 0 || wal.segments.contains(before)) continue;
      try {
        auto filled = fill_gap_before(right, record);
        std::ranges::move(filled.segments, std::back_inserter(all.segments));
        std::ranges::move(filled.troubles, std::back_inserter(all.troubles));
      } catch (const Error& error) {  // the other gaps have nothing to do with it
        all.troubles.push_back(fmt::format("the gap before {}: {}", right.name(size), error.what()));
      }
    }
  }
  return all;
}

/// Adds a segment, or says why not.
std::string WalAdoption::add_to_offer(Offer& offer, const TimelineHistory& line, const WalSegment& segment,
                                      const std::vector<PushedCopy>& copies) const {
  const auto size = archive_->identity().wal_segment_size;
  const auto name = segment.name(size);
  const bool goes_on = !offer.segments.empty() && offer.segments.back().segment.number + 1 == segment.number;
  Troubles troubles;
  std::optional<WalCarry> before;
  if (goes_on) {
    before = carry_of(offer.segments.back().copy, troubles);
  } else if (segment.number > 0 && archive_->has(file_on(line, segment.number - 1, size))) {
    before = archive_->carry_into(segment);
  } else if (archive_->partial_end(segment) == segment.begin(size)) {
    return fmt::format("the segment before {} is missing", name);
  }
  const auto found = joining(segment, copies, before, Joins::not_known, troubles);
  if (found.empty() && !troubles.empty()) return *troubles.begin();
  if (found.empty()) return fmt::format("{} does not continue what is held before it", name);
  if (found.size() > 1) {
    return fmt::format("{} different copies of {} continue what is held; delete those that are wrong",
                       found.size(), name);
  }
  const auto carry = carry_of(found.front(), troubles);
  const auto after = file_on(line, segment.number + 1, size);
  if (carry && archive_->continues(after, *carry) == Joins::no) {
    return fmt::format("the records of {} do not join those of the segment after it, {}", name,
                       after.name(size));
  }
  offer.segments.push_back({segment, found.front()});
  return {};
}

WalAdoption::Offer WalAdoption::offer(postgres::TimelineId timeline,
                                      const std::optional<WalSegment>& last) const {
  const auto size = archive_->identity().wal_segment_size;
  const auto line = archive_->history(timeline);
  if (!line) {
    throw Refused(fmt::format("the history of timeline {} is not here; push {} first", timeline.to_string(),
                              timeline.history_file()));
  }
  const auto oldest = oldest_held(*line).value_or(0);
  std::map<std::uint64_t, std::pair<WalSegment, std::vector<PushedCopy>>> of_line;
  for (auto& [segment, copies] : waiting_by_segment()) {
    if (segment.number >= oldest && file_on(*line, segment.number, size) == segment &&
        !archive_->has(segment) && (!last || segment.number <= last->number))
      of_line.emplace(segment.number, std::pair(segment, copies));
  }
  Offer offer;
  for (const auto& [number, waiting] : of_line) {
    auto why_not = add_to_offer(offer, *line, waiting.first, waiting.second);
    if (!why_not.empty() && offer.ends_because.empty()) offer.ends_because = std::move(why_not);
  }
  return offer;
}

WalAdoption::Taken WalAdoption::take(const Offer& offer, const std::string& why,
                                     const WaitingWal::Record& record) {
  return adopt(offer.segments, why, record);
}

/// Why no more can be taken after this one; empty when it continues. What has become of it is in `taken`.
std::string WalAdoption::take_one(const WaitingSegment& waiting, const WaitingWal::Record& record,
                                  Taken& taken) {
  const auto& segment = waiting.segment;
  const auto& copy = waiting.copy;
  // Before the segment is taken: a crash must not leave it in the archive without what it tells.
  Troubles passed_by;  // take_in() tells of them
  const auto event =
      unless_damaged(passed_by, [&] { return event_in(SegmentFileReader(copy.path).header()); });
  if (event) record(*event);
  const auto offered = WalArchiveWriter(*archive_).take_in(copy.path, segment);
  if (!offered.differs_at && !offered.was_there) taken.segments.push_back(offered.header);
  if (!offered.differs_at || offered.was_there)
    std::ranges::move(waiting_.settle(segment, record), std::back_inserter(taken.troubles));
  if (!offered.differs_at) return {};
  return fmt::format(
      "the stream has brought other WAL meanwhile, which differs from it at {}, "
      "with another history than that of all that follows here",
      offered.differs_at->to_string());
}

/// Just what is in the archive now: readers of the journal rely on the range.
void WalAdoption::record_taken(const Taken& taken, const std::string& why, const std::string& stopped,
                               const WaitingWal::Record& record) const {
  std::vector<WalSegment> segments;
  for (const auto& header : taken.segments) segments.push_back(header.segment);
  const auto ranges = ranges_of(segments, archive_->identity().wal_segment_size);
  for (const auto& range : ranges) {
    record({io::now(), EventKind::adopted,
            fmt::format("pushed WAL was taken into the archive, {}: {}", describe(range), why), range});
  }
  if (stopped.empty()) return;
  record({io::now(),
          EventKind::adopted,
          fmt::format("{} pushed WAL was taken: {}", ranges.empty() ? "no" : "no more", stopped),
          {}});
}

WalAdoption::Taken WalAdoption::adopt(const std::vector<WaitingSegment>& segments, const std::string& why,
                                      const WaitingWal::Record& record) {
  const auto size = archive_->identity().wal_segment_size;
  std::vector<WalSegment> intended;
  for (const auto& waiting : segments) intended.push_back(waiting.segment);
  // Recorded first, so that no WAL that the stream did not bring is ever in the archive without a trace,
  // whatever is killed in between. What became of it follows: it may be less.
  for (const auto& range : ranges_of(intended, size)) {
    record({io::now(),
            EventKind::adopted,
            fmt::format("pushed WAL is going to be taken into the archive, {}: {}", describe(range), why),
            {}});
  }
  Taken taken;
  std::string stopped;
  std::exception_ptr failure;
  for (const auto& waiting : segments) {
    try {
      stopped = take_one(waiting, record, taken);
    } catch (const Error& error) {
      stopped = error.what();
      failure = std::current_exception();
    }
    if (stopped.empty()) continue;
    stopped = fmt::format("it stopped at {}: {}", waiting.segment.name(size), stopped);
    taken.troubles.push_back(stopped);
    break;
  }
  try {
    record_taken(taken, why, stopped, record);
  } catch (const Error& error) {
    taken.troubles.push_back(fmt::format("what was taken could not be recorded: {}", error.what()));
  }
  // The caller has to hear of what was taken, so it is told what went wrong then with the next call.
  if (failure && taken.segments.empty()) std::rethrow_exception(failure);
  return taken;
}

}  // namespace pgkeep::catalog
