#include "catalog/wal/held_wal.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/wal/held_wal_look.h"
#include "tests/support/chance.h"
#include "tests/support/held_builder.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalPosition;
using postgres::WalSegment;
using test::at;
using test::Held;
using test::kHeldSize;
using test::left;
using test::range;
using testing::ElementsAre;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
constexpr TimelineId kThree{3};

// ----------------------------------------------------------------------------- names, and one file

TEST(WalInventoryTest, TheNewestTimelineIsTheHighestThatHasWal) {
  EXPECT_EQ(Held().wal().names().newest_timeline(), std::nullopt);
  EXPECT_EQ(Held().segments(kOne, 3, 9).segments(kTwo, 5, 5).wal().names().newest_timeline(), kTwo);
  EXPECT_EQ(Held().segments(kOne, 3, 9).partial(kThree, 5.5).wal().names().newest_timeline(), kThree);
  EXPECT_EQ(Held().history(kTwo, left(kOne, 5.5)).segments(kOne, 3, 9).wal().names().newest_timeline(), kOne);
}

TEST(WalInventoryTest, AHistoryIsBorneOutByWalOfItsTimelineOrOfOneThatComesFromIt) {
  Held held;
  held.segments(kOne, 3, 9).history(kTwo, left(kOne, 5.5));
  EXPECT_FALSE(held.wal().names().is_borne_out(kTwo));
  held.history(kThree, left(kOne, 5.5) + left(kTwo, 6.5)).partial(kThree, 6.75);
  EXPECT_TRUE(held.wal().names().is_borne_out(kTwo));
  EXPECT_TRUE(held.wal().names().is_borne_out(kThree));
}

TEST(HeldWalTest, TheLastOfATimelineMayBeAPartialWithNothingInIt) {
  const auto wal = Held().segments(kOne, 3, 9).segments(kTwo, 5, 5).partial(kTwo, 6).wal();
  EXPECT_EQ(wal.last_of(kOne)->end, at(10));
  EXPECT_EQ(wal.last_of(kTwo)->segment, (WalSegment{kTwo, 6}));
  EXPECT_EQ(wal.last_of(kTwo)->end, at(6));
  EXPECT_FALSE(wal.last_of(kThree));
}

TEST(HeldWalTest, ARecoveryWithoutALineIsGivenNothingThatMayBeAnothersWal) {
  Held held;
  held.segments(kOne, 3, 4).partial(kOne, 5.875).history(kTwo, left(kOne, 5.5)).partial(kTwo, 6.25);
  EXPECT_EQ(held.wal().file_for({kOne, 5})->end, at(5.5)) << "timeline 2 may be asked for";
  held.partial(kTwo, 5.25);
  EXPECT_EQ(held.wal().file_for({kOne, 5})->end, at(5.875)) << "now it has a file of its own";
}

// ----------------------------------------------------------------------------------- while it is read

/// The archive of a receiver that takes some steps before, between and during any looks.
class BusyArchive {
 public:
  explicit BusyArchive(unsigned seed) : chance_(seed) {
    partials_.insert({kOne, kBegin});
    for (int steps = chance_.number(0, 12); steps > 0; --steps) step();
  }
  /// Before which byte all was received.
  Lsn whole() const { return WalSegment{kOne, whole_}.begin(kHeldSize); }

  // What WalLook asks.
  WalInventory inventory() const {
    WalInventory names;
    names.partials = SegmentSet(list(partials_));
    names.segments = SegmentSet(list(archived_));
    return names;
  }
  bool has(const WalSegment& segment) const {
    pass_time();
    return archived_.contains(segment);
  }
  std::optional<ReceivedWal> received(const WalSegment& segment) const {
    pass_time();
    if (!partials_.contains(segment)) return std::nullopt;
    return segment.number < whole_ ? ReceivedWal{segment.end(kHeldSize), true}
                                   : ReceivedWal{segment.begin(kHeldSize), false};
  }

 private:
  static constexpr std::uint64_t kBegin = 5;

  /// One of those that the receiver takes for each segment. Archiving may lag behind by two.
  void step() const {
    if (to_remove_ && chance_.coin()) {
      partials_.erase(*to_remove_);
      to_remove_.reset();
    } else if (to_archive_ < whole_ && !to_remove_ && (whole_ - to_archive_ > 2 || chance_.coin())) {
      to_remove_ = WalSegment{kOne, to_archive_++};
      archived_.insert(*to_remove_);
    } else if (whole_ - to_archive_ <= 2 && partials_.contains({kOne, whole_})) {
      partials_.insert({kOne, ++whole_});
    }
  }
  void pass_time() const {
    for (int steps = chance_.number(0, 4); steps > 0; --steps) step();
  }
  /// As POSIX allows it: what comes or goes meanwhile may be listed or not.
  std::vector<WalSegment> list(const std::set<WalSegment>& folder) const {
    pass_time();
    const auto before = folder;
    for (int more = chance_.number(1, 4); more > 0; --more) pass_time();
    std::vector<WalSegment> listed;
    std::set<WalSegment> either = before;
    either.insert(folder.begin(), folder.end());
    for (const auto& segment : either)
      if ((before.contains(segment) && folder.contains(segment)) || chance_.coin()) listed.push_back(segment);
    return listed;
  }

  mutable test::Chance chance_;
  mutable std::set<WalSegment> partials_;
  mutable std::set<WalSegment> archived_;
  mutable std::optional<WalSegment> to_remove_;
  mutable std::uint64_t whole_ = kBegin;  // all before it is
  mutable std::uint64_t to_archive_ = kBegin;
};

TEST(WalLookTest, SeesNoGapAndMissesNothingWhateverHappensBetweenTwoLooks) {
  for (unsigned seed = 0; seed < 20'000; ++seed) {
    const BusyArchive archive(seed);
    const auto least = archive.whole();
    WalLook look(archive);
    look.at_all();
    const HeldWal held(look.names, look.partials, kHeldSize);
    const auto line = held.along(TimelineHistory(kOne));
    ASSERT_LE(line.stretches().size(), 1u) << seed;
    ASSERT_GE(line.most_reported(), least) << seed;
    ASSERT_LE(line.most_reported(), archive.whole()) << seed;

    const auto begin = at(5);
    WalLook again(archive);
    const auto now = archive.whole();
    for (auto segment = WalSegment::holding({kOne, begin}, kHeldSize); segment.begin(kHeldSize) < now;
         segment = segment.next())
      ASSERT_TRUE(again.at(segment)) << seed;
  }
}

/// A directory in which a receiver may be at work. Only names and the ends of partials are looked at.
class ReadHeldWalTest : public testing::Test {
 protected:
  ReadHeldWalTest() { layout_.make(); }

  void archived(const WalSegment& segment) {
    const auto path = layout_.archived(segment, kHeldSize);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path).put('x');
  }
  /// One with that many bytes, which are not zero at the end.
  void received(const WalSegment& segment, std::uint64_t bytes) {
    const auto path = layout_.partial(segment, kHeldSize);
    std::ofstream file(path, std::ios::in | std::ios::out);
    if (!file) {
      std::ofstream(path).put('\0');
      std::filesystem::resize_file(path, kHeldSize.bytes());
      file.open(path, std::ios::in | std::ios::out);
    }
    if (bytes > 0) file.seekp(static_cast<std::streamoff>(bytes - 1)).put('x');
  }
  void partial_gone(const WalSegment& segment) {
    std::filesystem::remove(layout_.partial(segment, kHeldSize));
  }

  test::TempDirectory directory_{test::folder_in_memory()};
  store::ServerLayout layout_{directory_ / "main"};
  WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, kHeldSize, 8192}};
};

TEST_F(ReadHeldWalTest, AWholePartialCountsToItsEndAfterAWalSwitchToo) {
  const WalSegment five{kOne, 5};
  io::write_file_durably(layout_.partial(five, kHeldSize), test::sample_wal_with_switch(five, 1000));
  received(five.next(), 4096);
  EXPECT_THAT(HeldWal::read(archive_).ranges(), ElementsAre(range(kOne, 5, 6.00390625)));
}

TEST_F(ReadHeldWalTest, ReadsBetweenTwoPositionsOfALineWhatIsThere) {
  const auto line = TimelineHistory::parse(kTwo, left(kOne, 6.5));
  for (const auto number : {4, 5, 6, 7}) archived({kOne, static_cast<std::uint64_t>(number)});
  received({kTwo, 6}, kHeldSize.bytes() / 4 * 3);
  archived({kThree, 6});
  const auto held = HeldWal::read_between(archive_, line, at(5.5), at(6.75));
  EXPECT_TRUE(held.along(line).covers(at(5.5), at(6.75)));
  EXPECT_FALSE(held.along(line).covers(at(5.5), at(6.875)));
  const auto archived_ones = HeldWal::read_archived_between(archive_, line, at(5.5), at(6.75));
  EXPECT_TRUE(archived_ones.along(line).covers(at(5.5), at(6.5)));
  EXPECT_FALSE(archived_ones.along(line).covers(at(5.5), at(6.75)));
  EXPECT_THAT(held.names().segments, ElementsAre(WalSegment{kOne, 5}, WalSegment{kOne, 6}));
}

// The same of real files.
TEST_F(ReadHeldWalTest, ASegmentIsHeldAtEveryMoment) {
  constexpr std::uint64_t kLast = 1000;
  received({kOne, 1}, kHeldSize.bytes());
  std::atomic<std::uint64_t> there = 1;
  const std::jthread receiver([&](const std::stop_token& stop) {
    for (std::uint64_t number = 1; number < kLast && !stop.stop_requested(); ++number) {
      received({kOne, number + 1}, kHeldSize.bytes());
      there = number + 1;
      archived({kOne, number});
      partial_gone({kOne, number});
      archived({kOne, number + 1});
      partial_gone({kOne, number + 1});
    }
  });
  const TimelineHistory line(kOne);
  for (auto number = there.load(); number < kLast; number = there.load()) {
    const auto begin = at(static_cast<double>(number));
    const auto part = HeldWal::read_between(archive_, line, begin, begin + 1);
    ASSERT_TRUE(part.along(line).covers(begin, begin + 1)) << number;
    const auto names = archive_.inventory();
    ASSERT_TRUE(std::ranges::binary_search(names.segments, WalSegment{kOne, number}) ||
                std::ranges::binary_search(names.partials, WalSegment{kOne, number}));
  }
}

// Each segment is written, then the partial of the next is begun, then it is archived, and then its own
// partial goes: as a receiver does it, but faster. The folder is large, so that much happens while it is
// listed.
TEST_F(ReadHeldWalTest, SeesNoGapAndMissesNothingWhileSegmentsAreArchived) {
  constexpr std::uint64_t kBefore = 2000;
  constexpr std::uint64_t kLast = 3000;
  for (std::uint64_t number = 1; number < kBefore; ++number) archived({kOne, number});
  received({kOne, kBefore}, 0);
  std::atomic<std::uint64_t> whole = kBefore - 1;
  const std::jthread receiver([&](const std::stop_token& stop) {
    for (auto number = kBefore; number < kLast && !stop.stop_requested(); ++number) {
      received({kOne, number}, kHeldSize.bytes());
      whole = number;
      received({kOne, number + 1}, 0);
      archived({kOne, number});
      partial_gone({kOne, number});
    }
  });
  int looks = 0;
  for (bool all = false; !all; ++looks) {
    const auto least = whole.load();
    all = least == kLast - 1;
    const auto line = HeldWal::read(archive_).along(TimelineHistory(kOne));
    ASSERT_EQ(line.stretches().size(), 1u) << "after " << line.stretches().front().end.to_string();
    ASSERT_GE(line.end()->lsn, at(static_cast<double>(least + 1)));
    const auto part =
        HeldWal::read_between(archive_, line.line(), at(static_cast<double>(least)), line.end()->lsn);
    ASSERT_TRUE(part.along(line.line()).covers(at(static_cast<double>(least)), line.end()->lsn));
  }
  RecordProperty("looks", looks);
}

}  // namespace
}  // namespace pgkeep::catalog
