#include "catalog/wal_adoption.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include <fmt/format.h>

#include "catalog/io/compare.h"
#include "catalog/io/error.h"
#include "catalog/wal_continuity.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineHistory;
using postgres::WalCarry;
using postgres::WalSegment;

/// Nothing when it is damaged, or was settled meanwhile.
std::optional<SegmentFileHeader> header_of(const PushedCopy& copy) {
  try {
    return SegmentFileReader(copy.path).header();
  } catch (const Corruption&) {
    return std::nullopt;
  } catch (const StorageError& error) {
    if (error.cause() != ENOENT) throw;
    return std::nullopt;
  }
}

/// What the segment after a copy has to continue; nothing when that is not known.
std::optional<WalCarry> carry_of(const PushedCopy& copy) {
  const auto header = header_of(copy);
  return header ? header->carry : std::nullopt;
}

std::optional<Event> event_of(const PushedCopy& copy) {
  const auto header = header_of(copy);
  return header ? event_in(*header) : std::nullopt;
}

std::vector<WalRange> ranges_of(const std::vector<WaitingSegment>& segments, postgres::WalSegmentSize size) {
  WalInventory taken;
  for (const auto& [segment, copy] : segments) taken.segments.push_back(segment);
  std::ranges::sort(taken.segments);
  return taken.ranges(size);
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
    for (const auto& segment : *names)
      if (line.contains(segment.timeline)) oldest = std::min(oldest.value_or(segment.number), segment.number);
  return oldest;
}

/// Whether the stream has brought all of a segment, which may still wait for its archiver: that is no gap.
bool WalAdoption::is_held(const WalSegment& segment) const {
  if (archive_->has(segment)) return true;
  const auto path = archive_->layout().partial(segment, archive_->identity().wal_segment_size);
  try {
    return archive_->came_whole(segment, io::File::open_to_read(path));
  } catch (const StorageError& error) {
    if (error.cause() != ENOENT) throw;
    return archive_->has(segment);  // again: the partial may just have gone there
  }
}

/// The copies that are sound, continue `before`, and are not contradicted by what was received of the
/// segment. Without `before` that is all that can be said.
std::vector<PushedCopy> WalAdoption::joining(const WalSegment& segment, const std::vector<PushedCopy>& copies,
                                             const std::optional<WalCarry>& before, Joins at_least) const {
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
  for (const auto& copy : copies) {
    try {
      if (joins(copy)) found.push_back(copy);
    } catch (const Corruption&) {
      continue;  // damaged: it goes when the stream brings that segment
    } catch (const StorageError& error) {
      if (error.cause() != ENOENT) throw;
    }
  }
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
                                                            const std::vector<PushedCopy>& copies) const {
  std::vector<Link> reached;
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (const auto& copy : joining(segment, copies, before[i].carry, Joins::yes)) {
      const auto known =
          std::ranges::find_if(reached, [&](const Link& link) { return link.copy.digits == copy.digits; });
      if (known != reached.end()) {
        known->by_one_way = false;
      } else if (auto carry = carry_of(copy)) {
        reached.push_back({copy, i, std::move(carry), before[i].by_one_way});
      }
    }
  }
  return reached;
}

/// The chain of copies from segment `first`, before which one is archived, or none at all, to `right`.
/// Nothing when there is none, or another that would do as well.
std::vector<WaitingSegment> WalAdoption::prove(const TimelineHistory& line, std::uint64_t first,
                                               const WalSegment& right, const Waiting& waiting) const {
  const auto size = archive_->identity().wal_segment_size;
  const auto left = archive_->carry_into(file_on(line, first, size));
  if (!left && first > oldest_held(line).value_or(0)) return {};
  const auto joins_right = [&](const std::optional<WalCarry>& carry) {
    return carry && archive_->continues(right, *carry) == Joins::yes;
  };
  // The right side first: it costs little, and where it fails the rest need not be read.
  const auto may_be_last = [&](const PushedCopy& copy) { return joins_right(carry_of(copy)); };
  if (std::ranges::none_of(waiting.at(file_on(line, right.number - 1, size)), may_be_last)) return {};

  std::vector<Step> steps;
  std::vector<Link> ends{{{}, 0, left, true}};
  for (auto number = first; number < right.number; ++number) {
    const auto segment = file_on(line, number, size);
    ends = continue_chains(ends, segment, waiting.at(segment));
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

std::vector<SegmentFileHeader> WalAdoption::fill_gap_before(const WalSegment& right,
                                                            const WaitingWal::Record& record) {
  const auto size = archive_->identity().wal_segment_size;
  const auto waiting = waiting_by_segment();
  if (waiting.empty()) return {};
  const auto line = archive_->history(right.timeline);
  if (!line || (!archive_->has(right) && archive_->partial_end(right) == right.begin(size))) return {};
  auto first = right.number;
  const auto before = [&] { return file_on(*line, first - 1, size); };
  while (first > 0 && waiting.contains(before()) && !is_held(before())) --first;
  if (first == right.number) return {};
  return adopt(prove(*line, first, right, waiting),
               "its records join those of the segments before and after it, as far as there are", record);
}

std::vector<SegmentFileHeader> WalAdoption::fill_gap_around(const WalSegment& waiting,
                                                            const WaitingWal::Record& record) {
  const auto all = waiting_by_segment();
  auto right = waiting.next();
  while (all.contains(right) && !is_held(right)) right = right.next();
  return fill_gap_before(right, record);
}

std::vector<SegmentFileHeader> WalAdoption::fill_gaps(const WaitingWal::Record& record) {
  std::vector<SegmentFileHeader> taken;
  if (waiting_.list().empty()) return taken;
  const auto wal = archive_->inventory();
  for (const auto* rights : {&wal.segments, &wal.partials}) {
    for (const auto& right : *rights) {
      const WalSegment before{right.timeline, right.number - 1};
      if (right.number == 0 || std::ranges::binary_search(wal.segments, before)) continue;
      auto filled = fill_gap_before(right, record);
      std::ranges::move(filled, std::back_inserter(taken));
    }
  }
  return taken;
}

/// Adds a segment, or says why not.
std::string WalAdoption::add_to_offer(Offer& offer, const TimelineHistory& line, const WalSegment& segment,
                                      const std::vector<PushedCopy>& copies) const {
  const auto size = archive_->identity().wal_segment_size;
  const auto name = segment.name(size);
  const bool goes_on = !offer.segments.empty() && offer.segments.back().segment.number + 1 == segment.number;
  std::optional<WalCarry> before;
  if (goes_on) {
    before = carry_of(offer.segments.back().copy);
  } else if (segment.number > 0 && archive_->has(file_on(line, segment.number - 1, size))) {
    before = archive_->carry_into(segment);
  } else if (archive_->partial_end(segment) == segment.begin(size)) {
    return fmt::format("the segment before {} is missing", name);
  }
  const auto found = joining(segment, copies, before, Joins::not_known);
  if (found.empty()) return fmt::format("{} does not continue what is held before it, or is damaged", name);
  if (found.size() > 1) {
    return fmt::format("{} different copies of {} continue what is held; delete those that are wrong",
                       found.size(), name);
  }
  const auto carry = carry_of(found.front());
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

std::vector<SegmentFileHeader> WalAdoption::take(const Offer& offer, const std::string& why,
                                                 const WaitingWal::Record& record) {
  return adopt(offer.segments, why, record);
}

std::vector<SegmentFileHeader> WalAdoption::adopt(const std::vector<WaitingSegment>& segments,
                                                  const std::string& why, const WaitingWal::Record& record) {
  // Recorded first, so that no WAL that the stream did not bring is ever in the archive without a trace.
  for (const auto& range : ranges_of(segments, archive_->identity().wal_segment_size)) {
    record({io::now(), EventKind::adopted,
            fmt::format("pushed WAL, {} to {} of timeline {}, is taken into the archive: {}",
                        range.begin.to_string(), range.end.to_string(), range.timeline.to_string(), why),
            range});
  }
  std::vector<SegmentFileHeader> taken;
  for (const auto& [segment, copy] : segments) {
    // Before the segment is taken: a crash must not leave it in the archive without what it tells.
    if (const auto event = event_of(copy)) record(*event);
    OfferedSegment offered;
    try {
      offered = archive_->take_in(copy.path, segment);
    } catch (const Corruption&) {
      if (taken.empty()) throw;
      break;  // the next call says so: the caller has to hear of what was taken
    }
    if (offered.differs_at) {
      // The stream has come to it meanwhile, with another history than that of all that follows here.
      if (offered.was_there) waiting_.settle(segment, record);
      break;
    }
    if (!offered.was_there) taken.push_back(offered.header);
    waiting_.settle(segment, record);
  }
  return taken;
}

}  // namespace pgkeep::catalog
