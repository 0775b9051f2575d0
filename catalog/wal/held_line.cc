#include "catalog/wal/held_line.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "catalog/wal/lost_gaps.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;
using postgres::WalSegmentSize;

constexpr Lsn kNoEnd{~std::uint64_t{0}};

/// Where `line` left the timeline; kNoEnd for its last one.
Lsn end_on(const TimelineHistory& line, TimelineId timeline) {
  return line.end_of(timeline).value_or(kNoEnd);
}

Lsn begin_of_segment(Lsn lsn, WalSegmentSize size) {
  return Lsn(lsn.value() - lsn.value() % size.bytes());
}

/// True when the byte there is WAL of the line.
bool is_on(const TimelineHistory& line, TimelineId timeline, Lsn lsn) {
  return line.contains(timeline) && lsn < end_on(line, timeline);
}

/// The recorded WAL of wal_level = minimal that is of the line.
bool is_minimal_wal_on(const TimelineHistory& line, const Event& event) {
  return event.kind == EventKind::minimal_wal && event.range &&
         is_on(line, event.range->timeline, event.range->begin);
}

/// A gap cut where the line changes its timeline, and where another event tells of it.
void add_gaps(const HeldLine::Stretch& gap, const TimelineHistory& line, const LostGaps& lost,
              std::vector<WalGap>& gaps) {
  auto cuts = lost.edges();
  for (const auto& ancestor : line.ancestors()) cuts.push_back(ancestor.end);
  cuts.push_back(gap.end);
  std::erase_if(cuts, [&](Lsn cut) { return cut <= gap.begin || cut > gap.end; });
  std::ranges::sort(cuts);

  auto from = gap.begin;
  for (const auto cut : cuts) {
    if (cut == from) continue;
    const auto timeline = line.timeline_at(from);
    const auto* told = lost.about({timeline, from});
    auto event = told != nullptr ? std::optional(*told) : std::nullopt;
    if (!gaps.empty() && gaps.back().range.end == from && gaps.back().range.timeline == timeline &&
        gaps.back().event == event) {
      gaps.back().range.end = cut;
    } else {
      gaps.push_back({{timeline, from, cut}, std::move(event)});
    }
    from = cut;
  }
}

}  // namespace

HeldLine::HeldLine(TimelineHistory line, const SegmentSet& archived, std::span<const HeldFile> partials,
                   WalSegmentSize size)
    : line_(std::move(line)), size_(size) {
  add_archived(archived);
  add_partials(partials);
  find_whole();
  find_stretches();
}

/// Of a timeline that was left those that begin before.
void HeldLine::add_archived(const SegmentSet& archived) {
  std::vector<SegmentRun> of_line;
  for (const auto timeline : timelines()) {
    const auto left = end_on(line_, timeline);
    for (auto run : archived.runs_of(timeline)) {
      if (range_of(run, size_).begin >= left) break;
      run.last = std::min(run.last, WalSegment::ending({timeline, left}, size_).number);
      of_line.push_back(run);
    }
  }
  archived_ = SegmentSet(std::move(of_line));
}

void HeldLine::add_partials(std::span<const HeldFile> partials) {
  for (const auto& partial : partials) {
    const auto begin = partial.segment.begin(size_);
    if (!is_on(line_, partial.segment.timeline, begin)) continue;
    begun_.push_back(cut_to_line(partial));
    if (begun_.back().end > begin) partials_.push_back(begun_.back());
  }
  for (auto* files : {&partials_, &begun_})
    std::ranges::sort(*files, {},
                      [](const HeldFile& f) { return std::tie(f.segment.number, f.segment.timeline); });
}

void HeldLine::find_whole() {
  const TimelineId any(1);
  SegmentSet found;  // whatever timeline they are of
  for (const auto timeline : timelines()) {
    const auto left = end_on(line_, timeline);
    std::vector<SegmentRun> whole;
    for (auto [of, first, last] : archived_.runs_of(timeline)) {
      if (range_of({of, first, last}, size_).end > left) {
        if (first == last) continue;
        --last;
      }
      whole.push_back({any, first, last});
    }
    const SegmentSet own(std::move(whole));
    const auto unfound = own.without(found);
    for (const auto& run : unfound.runs()) whole_.push_back({timeline, run.first, run.last});
    found = found.with(own);
  }
  std::ranges::sort(whole_, {}, &SegmentRun::first);
}

void HeldLine::find_stretches() {
  std::vector<Stretch> pieces;
  for (const auto& run : archived_.runs()) {
    const auto range = range_of(run, size_);
    pieces.push_back({range.begin, std::min(range.end, end_on(line_, run.timeline))});
  }
  for (const auto& file : partials_) pieces.push_back({file.segment.begin(size_), file.end});
  std::ranges::sort(pieces, {}, &Stretch::begin);
  for (const auto& piece : pieces) {
    if (stretches_.empty() || stretches_.back().end < piece.begin) {
      stretches_.push_back(piece);
    } else {
      stretches_.back().end = std::max(stretches_.back().end, piece.end);
    }
  }
}

HeldFile HeldLine::cut_to_line(HeldFile file) const {
  const auto left = end_on(line_, file.segment.timeline);
  file.cut = left < file.end;
  file.end = std::min(file.end, left);
  return file;
}

/// The newest first.
std::vector<TimelineId> HeldLine::timelines() const {
  std::vector timelines{line_.timeline()};
  const auto& ancestors = line_.ancestors();
  for (auto ancestor = ancestors.rbegin(); ancestor != ancestors.rend(); ++ancestor)
    timelines.push_back(ancestor->timeline);
  return timelines;
}

// ---------------------------------------------------------------------------------------- how far

Lsn HeldLine::reach_from(Lsn from) const {
  const auto after = std::ranges::upper_bound(stretches_, from, {}, &Stretch::begin);
  return after == stretches_.begin() ? from : std::max(from, std::prev(after)->end);
}

Lsn HeldLine::replay_reach(Lsn from, std::span<const Event> events) const {
  auto reach = reach_from(from);
  for (const auto& event : events)
    if (is_minimal_wal_on(line_, event) && event.range->begin >= from)
      reach = std::min(reach, event.range->begin);
  return reach;
}

std::optional<Lsn> HeldLine::replay_stops_after(const postgres::WalPosition& from,
                                                std::span<const Event> events) const {
  if (!line_.contains(from) || stretches_.empty()) return std::nullopt;
  const auto reach = replay_reach(from.lsn, events);
  return reach < stretches_.back().end ? std::optional(reach) : std::nullopt;
}

std::optional<postgres::WalPosition> HeldLine::end() const {
  if (stretches_.empty()) return std::nullopt;
  const auto end = stretches_.back().end;
  return postgres::WalPosition{line_.timeline_at(end), end};
}

std::optional<Lsn> HeldLine::most_reported() const {
  std::optional<Lsn> most;
  if (!begun_.empty()) most = begun_.back().segment.begin(size_);
  if (!stretches_.empty()) most = std::max(most, std::optional(stretches_.back().end));
  return most;
}

// ------------------------------------------------------------------------------------- which files

std::optional<std::uint64_t> HeldLine::last_number() const {
  std::optional<std::uint64_t> last;
  for (const auto& run : archived_.runs()) last = std::max(last, std::optional(run.last));
  if (!partials_.empty()) last = std::max(last, std::optional(partials_.back().segment.number));
  return last;
}

std::vector<HeldFile> HeldLine::files(std::uint64_t number) const {
  std::vector<HeldFile> files;
  for (const auto timeline : timelines()) {
    const WalSegment segment{timeline, number};
    if (archived_.contains(segment))
      files.push_back(cut_to_line({.segment = segment, .partial = false, .end = segment.end(size_)}));
  }
  const auto number_of = [](const HeldFile& file) { return file.segment.number; };
  for (auto partial = std::ranges::lower_bound(partials_, number, {}, number_of);
       partial != partials_.end() && partial->segment.number == number; ++partial)
    files.push_back(*partial);
  std::ranges::sort(files, {}, &HeldFile::segment);
  return files;
}

std::optional<HeldFile> HeldLine::furthest(std::uint64_t number) const {
  const auto all = files(number);
  const auto found = std::ranges::max_element(
      all, {}, [](const HeldFile& f) { return std::pair(f.end, f.segment.timeline); });
  return found == all.end() ? std::nullopt : std::optional(*found);
}

std::optional<SegmentRun> HeldLine::alone_from(std::uint64_t number) const {
  const auto whole = std::ranges::lower_bound(whole_, number, {}, &SegmentRun::last);
  if (whole == whole_.end() || !whole->contains(number)) return std::nullopt;
  SegmentRun alone{whole->timeline, number, whole->last};
  auto next = alone.last + 1;  // of which there is another file
  for (const auto timeline : timelines()) {
    const auto others = archived_.runs_of(timeline);
    const auto other = std::ranges::lower_bound(others, number, {}, &SegmentRun::last);
    if (timeline != alone.timeline && other != others.end()) next = std::min(next, other->first);
  }
  const auto partial = std::ranges::lower_bound(partials_, number, {},
                                                [](const HeldFile& file) { return file.segment.number; });
  if (partial != partials_.end()) next = std::min(next, partial->segment.number);
  if (next <= number) return std::nullopt;
  alone.last = next - 1;
  return alone;
}

// --------------------------------------------------------------------------------- what is missing

std::vector<WalGap> HeldLine::gaps(std::span<const Event> events) const {
  const LostGaps lost(line_, events, size_);
  std::vector<WalGap> gaps;
  for (std::size_t i = 1; i < stretches_.size(); ++i)
    add_gaps({stretches_[i - 1].end, stretches_[i].begin}, line_, lost, gaps);
  if (!stretches_.empty()) {
    // A gap that was found just now has nothing after it yet.
    const auto end = stretches_.back().end;
    auto reach = end;
    while (const auto further = lost.reach_beyond(reach)) reach = *further;
    add_gaps({end, reach}, line_, lost, gaps);
  }
  for (const auto& event : events)
    if (is_minimal_wal_on(line_, event)) gaps.push_back({*event.range, event});
  std::ranges::sort(gaps, {}, [](const WalGap& gap) { return gap.range.begin; });
  return gaps;
}

/// Of which something is held, be it a partial with nothing in it.
std::optional<std::uint64_t> HeldLine::oldest_number() const {
  std::optional<std::uint64_t> oldest;
  if (!begun_.empty()) oldest = begun_.front().segment.number;
  for (const auto& run : archived_.runs()) oldest = std::min(oldest.value_or(run.first), run.first);
  return oldest;
}

/// On which timeline a segment has to be asked for. That of a partial, so that what is here of the timeline
/// comes to its end; but what is archived of one that was left in this segment is not received again.
TimelineId HeldLine::timeline_to_ask(std::uint64_t number) const {
  const WalSegment segment{line_.timeline(), number};
  const auto is_archived = [&](TimelineId timeline) {
    return std::ranges::any_of(
        files(number), [&](const HeldFile& f) { return !f.partial && f.segment.timeline == timeline; });
  };
  auto timeline = line_.timeline_at(segment.begin(size_));
  while (const auto left = line_.end_of(timeline)) {
    const bool left_inside = *left < segment.end(size_);
    if (!is_archived(timeline) && !(left_inside && is_cut_short(line_, timeline))) break;
    timeline = line_.timeline_at(*left);
  }
  for (const auto& partial : begun_)
    if (partial.segment.number == number && !is_cut_short(line_, partial.segment.timeline))
      timeline = std::max(timeline, partial.segment.timeline);
  return timeline;
}

std::optional<ResumePoint> HeldLine::resume_point(std::span<const Event> events) const {
  const auto oldest = oldest_number();
  if (!oldest) return std::nullopt;
  const LostGaps lost(line_, events, size_);
  // What is archived need not be received any more. Of a timeline that was left within a segment its file
  // does not count: what follows there is in the next timeline's file.
  const auto first_from = [&](std::uint64_t from) {
    return std::ranges::lower_bound(whole_, from, {}, &SegmentRun::last);
  };
  auto number = *oldest;
  auto next = first_from(number);
  for (;;) {
    for (; next != whole_.end() && next->contains(number); ++next) number = next->last + 1;
    const auto after = lost.segment_after(number);
    if (!after) break;
    number = *after;
    next = first_from(number);
  }
  const auto timeline = timeline_to_ask(number);
  ResumePoint point{{timeline, WalSegment{timeline, number}.begin(size_)}, std::nullopt};
  if (next != whole_.end()) point.until = WalSegment{timeline, next->first}.begin(size_);
  if (is_cut_short(line_, timeline)) {
    const auto last = begin_of_segment(line_.end_of(timeline).value(), size_);
    point.until = std::min(point.until.value_or(last), last);
  }
  return point;
}

bool is_cut_short(const TimelineHistory& line, TimelineId timeline) {
  const auto& ancestors = line.ancestors();
  const auto own = std::ranges::find(ancestors, timeline, &TimelineHistory::Ancestor::timeline);
  if (own == ancestors.end()) return false;
  const auto next = std::next(own);
  return own->end != own->switch_point || (next != ancestors.end() && next->end == own->end);
}

WalSegment file_on(const TimelineHistory& line, std::uint64_t number, WalSegmentSize size) {
  const WalSegment segment{line.timeline(), number};
  return {line.timeline_at(Lsn(segment.end(size).value() - 1)), number};
}

}  // namespace pgkeep::catalog
