#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "catalog/wal/held_wal.h"
#include "tests/support/chance.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

// Random histories of a server, laid down as files, and what HeldWal says of them beside what a simple model
// says. The model knows no rule of which file counts. Its WAL is a set of units, an eighth of a segment each;
// every timeline knows of each unit on which timeline it was written; and a byte of a file is one of a line
// when both have it from the same timeline.

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;
using Unit = std::uint64_t;

constexpr Unit kUnits = 8;  // in a segment
constexpr std::uint64_t kFirst = 3;
constexpr std::uint64_t kEnd = 11;  // no segment has this number
const postgres::WalSegmentSize kSize = test::sample_segment_size();
const std::uint64_t kUnitBytes = kSize.bytes() / kUnits;

Lsn lsn(Unit unit) {
  return Lsn(unit * kUnitBytes);
}
Unit unit(Lsn lsn) {
  EXPECT_EQ(lsn.value() % kUnitBytes, 0u) << lsn.to_string();
  return lsn.value() / kUnitBytes;
}

/// A file, and how many units it has.
struct ModelFile {
  bool archived = false;
  bool partial = false;   // it may be there beside the archived one
  Unit units = 0;         // of the partial
  bool switched = false;  // they end with a WAL switch
  bool followed = false;  // the next segment of the timeline is held
  Unit has() const { return archived || (switched && followed) ? kUnits : units; }
};

class Model {
 public:
  explicit Model(test::Chance& chance) : chance_(&chance) {}

  void make() {
    begins_[1] = {0, 0};
    write_timeline(1);
    const auto timelines = chance_->number(1, 4);
    for (int timeline = 2; timeline <= timelines; ++timeline) {
      const auto parent = chance_->number(1, timeline - 1);
      const auto least = static_cast<int>(kFirst * kUnits) + 1;
      const auto most = static_cast<int>(kEnd * kUnits) - 1;
      begins_[timeline] = {parent, static_cast<Unit>(chance_->number(least, most))};
      write_timeline(timeline);
    }
    for (int events = chance_->number(0, 3); events > 0; --events) lose();
  }

  void lay_down(const store::ServerLayout& layout) const {
    for (const auto& [segment, file] : files_) {
      if (file.archived) put(layout.archived(segment, kSize), io::as_bytes("x"));
      if (!file.partial) continue;
      auto wal = file.switched ? test::sample_wal_with_switch(segment, file.units * kUnitBytes)
                               : test::sample_wal(segment);
      std::ranges::fill(std::span(wal).subspan(file.units * kUnitBytes), std::byte{0});
      put(layout.partial(segment, kSize), wal);
    }
    for (const auto& [timeline, begin] : begins_)
      if (timeline > 1) put(layout.history(TimelineId(timeline)), io::as_bytes(history_content(timeline)));
    // What was only pushed is not held.
    put(layout.wal_pushed() / WalSegment{TimelineId(1), kEnd - 1}.name(kSize), io::as_bytes("pushed"));
  }

  TimelineHistory history(int timeline) const {
    const TimelineId id(timeline);
    return timeline == 1 ? TimelineHistory(id) : TimelineHistory::parse(id, history_content(timeline));
  }
  std::vector<int> timelines() const {
    std::vector<int> all;
    for (const auto& [timeline, begin] : begins_) all.push_back(timeline);
    return all;
  }
  const std::vector<Event>& events() const { return events_; }
  const std::map<WalSegment, ModelFile>& files() const { return files_; }

  Unit begin_of(int timeline) const { return begins_.at(timeline).second; }
  /// On which timeline the unit was written that `line` has.
  int writer(int line, Unit unit) const {
    while (line != 1 && unit < begin_of(line)) line = begins_.at(line).first;
    return line;
  }
  bool is_on(int line, int timeline) const {
    while (line != timeline && line != 1) line = begins_.at(line).first;
    return line == timeline;
  }
  /// How many of a file's units are of the line, from its begin on.
  Unit of_line(int line, const WalSegment& segment, const ModelFile& file) const {
    const auto timeline = static_cast<int>(segment.timeline.value());
    if (!is_on(line, timeline)) return 0;
    Unit count = 0;
    const auto begin = segment.number * kUnits;
    while (count < file.has() && writer(timeline, begin + count) == writer(line, begin + count)) ++count;
    return count;
  }
  bool holds(int line, Unit unit) const {
    return std::ranges::any_of(files_, [&](const auto& entry) {
      const auto& [segment, file] = entry;
      return segment.number == unit / kUnits && of_line(line, segment, file) > unit % kUnits;
    });
  }
  bool is_archived(int line, std::uint64_t number) const {
    return std::ranges::any_of(files_, [&](const auto& entry) {
      const auto& [segment, file] = entry;
      return segment.number == number && file.archived && of_line(line, segment, file) == kUnits;
    });
  }
  /// The first unit that `line` has from another timeline than `timeline`.
  Unit left_at(int line, int timeline) const {
    Unit unit = 0;
    while (unit < 2 * kEnd * kUnits && writer(line, unit) == writer(timeline, unit)) ++unit;
    return unit;
  }
  /// The newest event that tells of the unit, which is missing.
  const Event* lost(int line, Unit at) const {
    const Event* found = nullptr;
    for (const auto& event : events_) {
      const auto timeline = static_cast<int>(event.range->timeline.value());
      if (!is_on(line, timeline) || unit(event.range->begin) >= left_at(line, timeline)) continue;
      const auto begin = unit(event.range->begin) / kUnits * kUnits;
      if (writer(line, at) == timeline && begin <= at && lsn(at) < event.range->end) found = &event;
    }
    return found;
  }
  std::string describe() const {
    std::string text;
    for (const auto& [timeline, begin] : begins_)
      text += fmt::format("timeline {} from {} at {}/{}\n", timeline, begin.first, begin.second / kUnits,
                          begin.second % kUnits);
    for (const auto& [segment, file] : files_) {
      text += fmt::format(
          "{}:{}{}{}\n", segment.timeline.to_string(), segment.number, file.archived ? " archived" : "",
          file.partial ? fmt::format(" partial {}{}", file.units, file.switched ? " switched" : "") : "");
    }
    for (const auto& event : events_)
      text += fmt::format("lost {}: {} to {}\n", event.range->timeline.to_string(),
                          event.range->begin.to_string(), event.range->end.to_string());
    return text;
  }

 private:
  void write_timeline(int timeline) {
    const auto first = std::max(kFirst, begin_of(timeline) / kUnits);
    const auto last = static_cast<std::uint64_t>(chance_->number(static_cast<int>(first), kEnd - 1));
    enum class Fate { archived, partial, switched, full, both, missing };
    for (auto number = first; number <= last; ++number) {
      const auto fate = chance_->one_of<Fate>({{10, Fate::archived},
                                               {3, Fate::partial},
                                               {2, Fate::switched},
                                               {1, Fate::full},
                                               {1, Fate::both},
                                               {3, Fate::missing}});
      if (fate == Fate::missing) continue;
      auto& file = files_[{TimelineId(timeline), number}];
      file.archived = fate == Fate::archived || fate == Fate::both;
      file.partial = fate != Fate::archived;
      file.switched = fate == Fate::switched;
      file.units = static_cast<Unit>(fate == Fate::full ? static_cast<int>(kUnits)
                                                        : chance_->number(file.switched ? 1 : 0, kUnits - 1));
      const auto before = files_.find({TimelineId(timeline), number - 1});
      if (before != files_.end()) before->second.followed = true;
    }
  }
  void lose() {
    const auto timeline = chance_->number(1, static_cast<int>(begins_.size()));
    const auto first = chance_->number(static_cast<int>(kFirst * kUnits), static_cast<int>(kEnd * kUnits));
    const auto begin = std::max<Unit>(static_cast<Unit>(first), begin_of(timeline));
    const auto end = (begin / kUnits + static_cast<Unit>(chance_->number(1, 3))) * kUnits;
    events_.push_back({{},
                       EventKind::gap,
                       fmt::format("removed, {}", events_.size()),
                       WalRange{TimelineId(timeline), lsn(begin), lsn(end)}});
  }
  std::string history_content(int timeline) const {
    const auto& [parent, fork] = begins_.at(timeline);
    return (parent == 1 ? "" : history_content(parent)) +
           fmt::format("{}\t{}\tpromoted\n", parent, lsn(fork).to_string());
  }
  static void put(const std::filesystem::path& path, io::ByteView content) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary)
        .write(io::as_text(content).data(), static_cast<std::streamsize>(content.size()));
  }

  test::Chance* chance_;
  std::map<int, std::pair<int, Unit>> begins_;  // timeline → the one that it left, and where
  std::map<WalSegment, ModelFile> files_;
  std::vector<Event> events_;
};

constexpr Unit kBeyond = 2 * kEnd * kUnits;

void compare_reach(const Model& model, int of, const HeldLine& line) {
  std::optional<Unit> end;
  std::vector<std::pair<Unit, Unit>> runs;
  for (Unit u = 0; u < kBeyond; ++u) {
    if (!model.holds(of, u)) continue;
    if (runs.empty() || runs.back().second != u) runs.emplace_back(u, u);
    runs.back().second = u + 1;
    end = u + 1;
  }
  ASSERT_EQ(line.stretches().size(), runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(unit(line.stretches()[i].begin), runs[i].first);
    EXPECT_EQ(unit(line.stretches()[i].end), runs[i].second);
  }
  ASSERT_EQ(line.end().has_value(), end.has_value());
  if (end) {
    EXPECT_EQ(line.end()->lsn, lsn(*end));
    EXPECT_EQ(line.end()->timeline, TimelineId(model.writer(of, *end)));
  }
  for (Unit u = (kFirst - 1) * kUnits; u < (kEnd + 1) * kUnits; ++u) {
    auto reach = u;
    while (model.holds(of, reach)) ++reach;
    EXPECT_EQ(line.reach_from(lsn(u)), lsn(reach)) << u;
    EXPECT_TRUE(line.covers(lsn(u), lsn(reach)));
    EXPECT_FALSE(line.covers(lsn(u), lsn(reach) + 1));
  }
}

void compare_files(const Model& model, int of, const HeldLine& line) {
  for (auto number = kFirst - 1; number <= kEnd; ++number) {
    std::map<WalSegment, Unit> expected;
    for (const auto& [segment, file] : model.files()) {
      const auto units = segment.number == number ? model.of_line(of, segment, file) : 0;
      if (units > 0) expected.emplace(segment, units);
    }
    const auto found = line.files(number);
    ASSERT_EQ(found.size(), expected.size()) << number;
    std::optional<std::pair<Unit, WalSegment>> furthest;
    auto next = expected.begin();
    for (const auto& file : found) {
      EXPECT_EQ(file.segment, next->first);
      EXPECT_EQ(file.end, lsn(number * kUnits + next->second));
      EXPECT_EQ(file.partial, !model.files().at(file.segment).archived);
      EXPECT_EQ(file.cut, next->second < model.files().at(file.segment).has());
      furthest = std::max(furthest, std::optional(std::pair(next->second, next->first)));
      ++next;
    }
    ASSERT_EQ(line.furthest(number).has_value(), furthest.has_value());
    if (furthest) {
      EXPECT_EQ(line.furthest(number)->segment, furthest->second);
    }
  }
}

void compare_sets(const Model& model, int of, const HeldLine& line) {
  std::set<WalSegment> archived;
  std::vector<WalSegment> partials;
  std::map<std::uint64_t, WalSegment> whole;
  std::optional<std::uint64_t> last;
  for (const auto& [segment, file] : model.files()) {
    const auto units = model.of_line(of, segment, file);
    if (units == 0) continue;
    last = std::max(last, std::optional(segment.number));
    if (file.archived) archived.insert(segment);
    if (!file.archived) partials.push_back(segment);
    if (file.archived && units == kUnits) whole[segment.number] = segment;
  }
  EXPECT_TRUE(std::ranges::equal(line.archived(), archived));
  EXPECT_EQ(line.last_number(), last);
  std::ranges::sort(partials, {}, [](const WalSegment& s) { return std::pair(s.number, s.timeline); });
  EXPECT_TRUE(std::ranges::equal(line.partials(), partials, {}, &HeldFile::segment));
  std::map<std::uint64_t, WalSegment> found;
  for (const auto& run : line.whole())
    for (auto number = run.first; number <= run.last; ++number)
      EXPECT_TRUE(found.emplace(number, WalSegment{run.timeline, number}).second) << number;
  EXPECT_EQ(found, whole);
}

void compare_alone(const Model& model, int of, const HeldLine& line) {
  std::map<std::uint64_t, std::vector<std::pair<WalSegment, bool>>> files;  // whether it is archived and whole
  for (const auto& [segment, file] : model.files())
    if (const auto units = model.of_line(of, segment, file); units != 0)
      files[segment.number].emplace_back(segment, file.archived && units == kUnits);
  const auto is_alone = [&](std::uint64_t number) {
    return files[number].size() == 1 && files[number].front().second;
  };
  for (auto number = kFirst - 1; number <= kEnd; ++number) {
    std::optional<SegmentRun> expected;
    if (is_alone(number)) expected = {files[number].front().first.timeline, number, number};
    while (expected && is_alone(expected->last + 1) &&
           files[expected->last + 1].front().first.timeline == expected->timeline)
      ++expected->last;
    EXPECT_EQ(line.alone_from(number), expected) << number;
  }
}

void compare_gaps(const Model& model, int of, const HeldLine& line) {
  const auto found = line.gaps(model.events());
  if (line.stretches().empty()) {
    EXPECT_TRUE(found.empty());
    return;
  }
  const auto begin = unit(line.stretches().front().begin);
  auto end = unit(line.stretches().back().end);
  for (bool further = true; further;) {
    further = false;
    for (const auto& event : model.events()) {
      const auto timeline = static_cast<int>(event.range->timeline.value());
      if (!model.is_on(of, timeline)) continue;
      const auto lost_to = std::min(unit(event.range->end), model.left_at(of, timeline));
      if (unit(event.range->begin) >= lost_to || unit(event.range->begin) / kUnits * kUnits > end) continue;
      further = further || lost_to > end;
      end = std::max(end, lost_to);
    }
  }
  std::vector<WalGap> expected;
  for (auto u = begin; u < end; ++u) {
    if (model.holds(of, u)) continue;
    const TimelineId writer(model.writer(of, u));
    const auto* lost = model.lost(of, u);
    const auto event = lost != nullptr ? std::optional(*lost) : std::nullopt;
    if (expected.empty() || expected.back().range.end != lsn(u) || expected.back().range.timeline != writer ||
        expected.back().event != event)
      expected.push_back({{writer, lsn(u), lsn(u)}, event});
    expected.back().range.end = lsn(u + 1);
  }
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].range, expected[i].range);
    EXPECT_EQ(found[i].event, expected[i].event);
  }
}

/// The segment at which receiving goes on. On which timeline it is asked for is in a table of its own.
void compare_resume(const Model& model, int of, const HeldLine& line) {
  std::optional<std::uint64_t> number;
  for (const auto& [segment, file] : model.files()) {
    const auto timeline = static_cast<int>(segment.timeline.value());
    if (model.is_on(of, timeline) && segment.number * kUnits < model.left_at(of, timeline))
      number = std::min(number.value_or(segment.number), segment.number);
  }
  const auto found = line.resume_point(model.events());
  ASSERT_EQ(found.has_value(), number.has_value());
  if (!number) return;
  for (bool further = true; further;) {
    further = false;
    for (; model.is_archived(of, *number); ++*number) further = true;
    for (const auto& event : model.events()) {
      const auto timeline = static_cast<int>(event.range->timeline.value());
      if (!model.is_on(of, timeline)) continue;
      const auto lost_to = std::min(unit(event.range->end), model.left_at(of, timeline));
      const auto segment_end = (*number + 1) * kUnits;
      if (unit(event.range->begin) >= std::min(segment_end, lost_to) || lost_to < segment_end) continue;
      number = lost_to / kUnits;
      further = true;
      break;
    }
  }
  EXPECT_EQ(found->position.lsn, lsn(*number * kUnits));
}

/// What a recovery is given that asks for the segment and does not say along which line.
void compare_file_for(const Model& model, const HeldWal& wal, const WalSegment& asked) {
  const auto timeline = static_cast<int>(asked.timeline.value());
  const auto begin = asked.number * kUnits;
  const auto of = [](const WalSegment& segment) { return static_cast<int>(segment.timeline.value()); };
  const bool followed = std::ranges::any_of(model.files(), [&](const auto& entry) {
    const auto& other = entry.first;
    return other.number > asked.number && model.is_on(of(other), timeline) &&
           (of(other) == timeline || model.left_at(of(other), timeline) >= begin + kUnits);
  });
  EXPECT_EQ(wal.is_followed(asked), followed);

  const auto own = model.files().find(asked);
  std::optional<std::pair<WalSegment, Unit>> expected;
  if (own != model.files().end()) expected = {asked, own->second.has()};
  if ((!expected || !own->second.archived) && !followed) {
    // In a segment before it began there is none of it: the ancestor's is asked for by its own name.
    const bool has_begun = begin + kUnits > model.begin_of(timeline);
    for (const auto& [segment, file] : model.files()) {
      const auto units = has_begun ? model.of_line(timeline, segment, file) : 0;
      if (segment.number == asked.number && segment != asked && units > 0 &&
          (!expected || units > expected->second || (units == expected->second && expected->first != asked)))
        expected = {segment, units};
    }
    if (expected && expected->first == asked) {
      for (const auto other : model.timelines()) {
        const auto fork = model.left_at(other, timeline);
        const bool has_wal = std::ranges::any_of(
            model.files(), [&](const auto& entry) { return model.is_on(of(entry.first), other); });
        if (other != timeline && model.is_on(other, timeline) && has_wal && fork > begin &&
            !model.files().contains({TimelineId(other), asked.number}))
          expected->second = std::min(expected->second, fork - begin);
      }
    }
  }
  const auto found = wal.file_for(asked);
  ASSERT_EQ(found.has_value(), expected.has_value());
  if (!found) return;
  EXPECT_EQ(found->segment, expected->first);
  EXPECT_EQ(found->end, lsn(begin + expected->second));
  EXPECT_EQ(found->partial, !model.files().at(found->segment).archived);
}

int histories() {
  const char* text = std::getenv("PGKEEP_HISTORIES");
  return text == nullptr ? 200 : std::atoi(text);
}

TEST(HeldWalModelTest, SaysOfRandomHistoriesWhatASimpleModelSays) {
  const auto first = test::seed_of_environment().value_or(1);
  const auto count = static_cast<unsigned>(test::seed_of_environment() ? 1 : histories());
  for (auto seed = first; seed < first + count && !testing::Test::HasFailure(); ++seed) {
    test::Chance chance(seed);
    Model model(chance);
    model.make();
    SCOPED_TRACE(fmt::format("PGKEEP_SEED={}\n{}", seed, model.describe()));
    const test::TempDirectory directory(test::folder_in_memory());
    const store::ServerLayout layout(directory / "main");
    model.lay_down(layout);
    const WalArchive archive(layout, {test::kSampleSystem, test::kSampleMajor, kSize, 8192});
    const auto wal = HeldWal::read(archive);
    for (const auto of : model.timelines()) {
      SCOPED_TRACE(fmt::format("along timeline {}", of));
      const auto line = wal.along(model.history(of));
      compare_reach(model, of, line);
      compare_files(model, of, line);
      compare_sets(model, of, line);
      compare_alone(model, of, line);
      compare_gaps(model, of, line);
      compare_resume(model, of, line);
      for (auto number = kFirst - 1; number <= kEnd; ++number)
        compare_file_for(model, wal, {TimelineId(of), number});
    }
  }
}

}  // namespace
}  // namespace pgkeep::catalog
