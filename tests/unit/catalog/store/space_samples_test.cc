#include "catalog/store/space_samples.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/json.h"
#include "catalog/io/sealed_json.h"
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
  void write_samples(const std::vector<io::TimePoint>& times, const std::string& filling = "") const {
    auto list = nlohmann::ordered_json::array();
    for (const auto at : times) list.push_back({{"at", io::format_rfc3339(at)}, {"total", 2}, {"free", 1}});
    io::write_sealed_json(file(), {{"format", 1}, {"filling", filling}, {"samples", std::move(list)}});
  }

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

/// A sound file with other samples than this program takes.
TEST_F(SpaceSamplesTest, AreRefusedWhenTheyAreTooClose) {
  for (const auto& [apart, taken] : {std::pair{6h, 2u}, std::pair{5h, 0u}, std::pair{0h, 0u}}) {
    write_samples({kNow - 12h, kNow - 12h + apart});
    EXPECT_THAT(samples(), SizeIs(taken)) << apart.count();
  }
}

TEST_F(SpaceSamplesTest, AreRefusedWhenThereAreMoreThanThereCanBe) {
  const auto so_many = [&](int count) {
    std::vector<io::TimePoint> times;
    for (int i = 0; i < count; ++i) times.push_back(kNow + i * 6h);
    write_samples(times);
    return samples().size();
  };
  EXPECT_EQ(so_many(280), 280u);
  EXPECT_EQ(so_many(281), 0u);
}

TEST_F(SpaceSamplesTest, AreNotReadFromALargeFile) {
  write_samples({kNow});
  EXPECT_THAT(samples(), SizeIs(1));
  write_samples({kNow}, std::string(32 << 10, ' '));
  EXPECT_THAT(samples(), IsEmpty());
}

TEST_F(SpaceSamplesTest, StayWhereTheyAreWhileTheyCannotBeRead) {
  sample(kNow);
  const auto elsewhere = root_.path() / "elsewhere";
  std::filesystem::rename(file(), elsewhere);
  std::filesystem::create_symlink(elsewhere, file());  // is not followed
  EXPECT_THROW(sample(kNow + 7h), StorageError);
  EXPECT_TRUE(std::filesystem::is_symlink(file()));
  std::filesystem::rename(elsewhere, file());
  EXPECT_TRUE(sample(kNow + 7h));
  EXPECT_THAT(samples(), SizeIs(2));
}

TEST_F(SpaceSamplesTest, RemoveWhatAProcessLeftThatWasKilled) {
  const auto left = root_.path() / ".space.json.4711.tmp";
  const auto written_now = root_.path() / ".space.json.4712.tmp";
  for (const auto& path : {left, written_now}) std::ofstream(path) << "{";
  std::filesystem::last_write_time(left, std::filesystem::file_time_type::clock::now() - 2h);
  sample(kNow);
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(std::filesystem::exists(written_now)) << "another process may be at it";
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
