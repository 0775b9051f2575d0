#include "catalog/wal/spare_segment.h"

#include <future>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/wal/partial_segment.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace pgkeep::catalog {
namespace {

class SpareSegmentTest : public testing::Test {
 protected:
  SpareSegmentTest() { layout_.make(); }
  bool is_there() const { return std::filesystem::exists(layout_.spare_segment()); }
  static bool is_full_of_zeroes(const std::filesystem::path& path) {
    const auto content = io::read_whole_file(path, test::kSampleSegmentBytes);
    return content.size() == test::kSampleSegmentBytes && io::all_zero(content);
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  postgres::WalSegment segment_{postgres::TimelineId(1), 5};
  std::filesystem::path partial_ = layout_.partial(segment_, size_);
  io::WorkerPool pool_{1};
  SpareSegment spare_{layout_, size_};
};

TEST_F(SpareSegmentTest, BecomesThePartialFullOfZeroes) {
  spare_.prepare(pool_, Filling::zeroes);
  test::wait_until([&] { return is_there(); }, "the spare is being made");
  ASSERT_TRUE(spare_.become(partial_));
  EXPECT_FALSE(is_there());
  EXPECT_TRUE(is_full_of_zeroes(partial_));
}

TEST_F(SpareSegmentTest, ReadsAsZeroesAndHasItsRoomWhenThatIsOnlyReserved) {
  spare_.prepare(pool_, Filling::room);
  test::wait_until([&] { return is_there(); }, "the spare is being made");
  ASSERT_TRUE(spare_.become(partial_));
  EXPECT_TRUE(is_full_of_zeroes(partial_));
  struct stat status {};
  ASSERT_EQ(::stat(partial_.c_str(), &status), 0);
  EXPECT_GE(std::uint64_t(status.st_blocks) * 512, size_.bytes());
}

TEST_F(SpareSegmentTest, IsNoneUnlessItWasPrepared) {
  EXPECT_FALSE(spare_.become(partial_));
}

TEST_F(SpareSegmentTest, IsOneOnly) {
  spare_.prepare(pool_, Filling::zeroes);
  spare_.prepare(pool_, Filling::zeroes);
  test::wait_until([&] { return is_there(); }, "the spare is being made");
  EXPECT_TRUE(spare_.become(partial_));
  EXPECT_FALSE(spare_.become(partial_));
}

TEST_F(SpareSegmentTest, IsNotWaitedForWhenNobodyHasBegunIt) {
  std::promise<void> released;
  pool_.submit([until = released.get_future().share()] { until.wait(); });
  spare_.prepare(pool_, Filling::zeroes);
  EXPECT_FALSE(spare_.become(partial_));
  released.set_value();
}

TEST_F(SpareSegmentTest, ReplacesWhatACrashLeft) {
  io::write_file_durably(layout_.spare_segment(), io::as_bytes("left"));
  spare_.prepare(pool_, Filling::zeroes);
  const auto is_being_made = [&] {
    std::error_code gone;  // as it is between the old one and the new one
    const auto size = std::filesystem::file_size(layout_.spare_segment(), gone);
    return !gone && size > 4;
  };
  test::wait_until(is_being_made, "it is being made");
  ASSERT_TRUE(spare_.become(partial_));
  EXPECT_TRUE(is_full_of_zeroes(partial_));
}

TEST_F(SpareSegmentTest, DiscardsWhatACrashLeft) {
  io::write_file_durably(layout_.spare_segment(), io::as_bytes("left"));
  spare_.discard();
  EXPECT_FALSE(is_there());
}

TEST_F(SpareSegmentTest, CannotBeMadeWithoutHarm) {
  std::filesystem::create_directories(layout_.spare_segment() / "in the way");
  spare_.prepare(pool_, Filling::zeroes);
  std::promise<void> done;  // the pool has one thread, so the attempt is over by then
  pool_.submit([&] { done.set_value(); });
  done.get_future().wait();
  EXPECT_FALSE(spare_.become(partial_));
}

TEST_F(SpareSegmentTest, GoesWithItsOwner) {
  {
    SpareSegment spare(layout_, size_);
    spare.prepare(pool_, Filling::zeroes);
    test::wait_until([&] { return is_there(); }, "the spare is being made");
  }
  EXPECT_FALSE(is_there());
}

TEST_F(SpareSegmentTest, MakesAPartialOnlyWhereThereIsNone) {
  PartialSegment::open(layout_, segment_, size_).write(io::as_bytes("received"), std::nullopt);
  spare_.prepare(pool_, Filling::zeroes);
  test::wait_until([&] { return is_there(); }, "the spare is being made");
  PartialSegment::open(layout_, segment_, size_, &spare_);
  EXPECT_FALSE(is_full_of_zeroes(partial_));
  PartialSegment::open(layout_, segment_.next(), size_, &spare_);
  EXPECT_TRUE(is_full_of_zeroes(layout_.partial(segment_.next(), size_)));
}

}  // namespace
}  // namespace pgkeep::catalog
