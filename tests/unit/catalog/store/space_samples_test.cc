#include "catalog/store/space_samples.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::store {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;

constexpr io::TimePoint kNow{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)};

class SpaceSamplesTest : public ::testing::Test {
 protected:
  std::vector<SpaceSample> samples() const { return read_space_samples(root_.path()); }
  bool sample(io::TimePoint now) const { return sample_space(root_.path(), now); }
  std::filesystem::path file() const { return root_.path() / ".space.json"; }

  test::TempDirectory root_;
};

TEST_F(SpaceSamplesTest, AreOfTheFileSystemAndReadBackInOrder) {
  EXPECT_THAT(samples(), IsEmpty());
  EXPECT_TRUE(sample(kNow));
  EXPECT_TRUE(sample(kNow + 6h));
  const auto read = samples();
  ASSERT_THAT(read, SizeIs(2));
  EXPECT_EQ(read[0].at, kNow);
  EXPECT_EQ(read[1].at, kNow + 6h);
  EXPECT_EQ(read[1].disk.total, io::disk_space(root_.path()).total);
  EXPECT_GT(read[1].disk.free, 0u);
}

TEST_F(SpaceSamplesTest, AreTakenOnlyHoursApart) {
  EXPECT_TRUE(sample(kNow));
  EXPECT_FALSE(sample(kNow + 5h));
  EXPECT_THAT(samples(), SizeIs(1));
}

TEST_F(SpaceSamplesTest, OfLongAgoGo) {
  for (int day = 0; day < 100; ++day) sample(kNow + std::chrono::days(day));
  EXPECT_THAT(samples(), SizeIs(36));
  EXPECT_EQ(samples().back().at, kNow + std::chrono::days(99));
}

TEST_F(SpaceSamplesTest, OfAClockThatWasAheadGo) {
  sample(kNow + std::chrono::days(400));
  EXPECT_TRUE(sample(kNow));
  ASSERT_THAT(samples(), SizeIs(1));
  EXPECT_EQ(samples()[0].at, kNow);
}

TEST_F(SpaceSamplesTest, BeginAgainAfterDamage) {
  sample(kNow);
  auto content = *io::read_file_if_exists(file(), 1 << 20);
  for (std::size_t at = 0; at + 1 < content.size(); ++at) {
    auto damaged = content;
    damaged[at] ^= std::byte{1};
    io::write_file_durably(file(), damaged);
    EXPECT_THAT(samples(), IsEmpty()) << at;
  }
  EXPECT_TRUE(sample(kNow + 1h));
  EXPECT_THAT(samples(), SizeIs(1));
}

TEST_F(SpaceSamplesTest, LeaveNothingElseInTheFolder) {
  sample(kNow);
  sample(kNow + 7h);
  std::vector<std::filesystem::path> names;
  for (const auto& entry : std::filesystem::directory_iterator(root_.path())) names.push_back(entry.path());
  EXPECT_EQ(names, std::vector{file()});
}

TEST_F(SpaceSamplesTest, AreRefusedByAFolderThatIsNotThere) {
  EXPECT_THROW(sample_space(root_.path() / "none", kNow), StorageError);
  EXPECT_THAT(read_space_samples(root_.path() / "none"), IsEmpty());
}

}  // namespace
}  // namespace pgkeep::store
