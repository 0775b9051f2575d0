#include "streaming/backup/room_for_backup.h"

#include <limits>
#include <ostream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::streaming {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
constexpr io::Reserve kFivePercent{5, true};

store::BackupId id(int day) {
  return store::BackupId(io::TimePoint(std::chrono::sys_days(std::chrono::year(2026) / 11 / 1)) +
                         std::chrono::days(day));
}

/// Backups of which each was compared with the one before, oldest first; what each added.
std::vector<store::BackupRecord> backups(const std::vector<std::uint64_t>& added) {
  std::vector<store::BackupRecord> list;
  for (const auto bytes : added) {
    auto& backup = list.emplace_back(id(static_cast<int>(list.size())));
    backup.cost.pack_bytes = bytes;
    if (list.size() > 1) backup.compared_with = list[list.size() - 2].id;
  }
  return list;
}

RoomFacts disk_of_40_gib(std::uint64_t free, io::Reserve reserve) {
  return {
      .server = "main", .root = "/backups", .disk = {.total = 40 * kGiB, .free = free}, .reserve = reserve};
}

struct Room {
  const char* what;
  std::uint64_t free;
  io::Reserve reserve;
  std::uint64_t growth;
  bool begins;
  bool goes_on;
};

void PrintTo(const Room& room, std::ostream* out) {
  *out << room.what;
}

class RoomForBackupTest : public ::testing::TestWithParam<Room> {};

TEST_P(RoomForBackupTest, IsDecidedByReserveAndGrowth) {
  const auto& room = GetParam();
  const auto facts = disk_of_40_gib(room.free, room.reserve);
  EXPECT_EQ(!why_not_begun(facts, {.bytes = room.growth, .why = {}}), room.begins);
  EXPECT_EQ(!why_ended(facts), room.goes_on);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RoomForBackupTest,
    ::testing::Values(
        Room{"more than both", 10 * kGiB, kFivePercent, 3 * kGiB, true, true},
        Room{"exactly both", 5 * kGiB, kFivePercent, 3 * kGiB, true, true},
        Room{"a byte less than both", 5 * kGiB - 1, kFivePercent, 3 * kGiB, false, true},
        Room{"exactly the reserve, nothing expected", 2 * kGiB, kFivePercent, 0, true, true},
        Room{"exactly the reserve, a byte expected", 2 * kGiB, kFivePercent, 1, false, true},
        Room{"a byte less than the reserve", 2 * kGiB - 1, kFivePercent, 0, false, false},
        Room{"nothing free", 0, kFivePercent, 0, false, false},
        Room{"a reserve of bytes, kept", 8 * kGiB, io::Reserve{5 * kGiB, false}, 3 * kGiB, true, true},
        Room{"a reserve of bytes, touched", 7 * kGiB, io::Reserve{5 * kGiB, false}, 3 * kGiB, false, true},
        Room{"a reserve larger than the disk", 40 * kGiB, io::Reserve{50 * kGiB, false}, 0, false, false},
        Room{"more than can be", 40 * kGiB, kFivePercent, kMost, false, true},
        Room{"a reserve that leaves nothing, and more", 40 * kGiB, io::Reserve{kMost, false}, 3 * kGiB, false,
             false},
        Room{"no reserve, nothing free", 0, io::Reserve{}, 3 * kGiB, true, true}));

TEST(RoomForBackupMessageTest, SaysWhereHowMuchAndWhatToDo) {
  EXPECT_THAT(
      *why_not_begun(disk_of_40_gib(4 * kGiB, kFivePercent), {.bytes = 3 * kGiB, .why = "as before"}),
      AllOf(HasSubstr("/backups: no backup of main is taken, since 4 GiB are free and 5 GiB are wanted"),
            HasSubstr("the reserve of 2 GiB (5% of 40 GiB) that is kept for WAL"),
            HasSubstr("3 GiB that the backup is expected to add (as before)"),
            HasSubstr("`pgkeep expire main`"), HasSubstr("`pgkeep compact main`"),
            HasSubstr("`pgkeep delete main BACKUP --now`"), HasSubstr("a larger disk")));
  EXPECT_THAT(*why_not_begun(disk_of_40_gib(kGiB, kFivePercent), {}), Not(HasSubstr("expected")));
  EXPECT_THAT(*why_ended(disk_of_40_gib(kGiB, kFivePercent)),
              AllOf(HasSubstr("the backup of main is ended and nothing of it is kept, since 1 GiB are free"),
                    HasSubstr("2 GiB (5% of 40 GiB)"), HasSubstr("`pgkeep expire main`")));
}

struct Added {
  const char* what;
  std::vector<std::uint64_t> bytes;  // of the first backup, and of each after it
  std::optional<std::uint64_t> expected;
};

TEST(ExpectedGrowthTest, IsTheMedianOfWhatTheLastSevenAdded) {
  for (const auto& [what, bytes, expected] :
       {Added{"no backup", {}, {}}, Added{"a first one, which is whole", {900}, {}},
        Added{"one after it", {900, 10}, 10}, Added{"the lesser of two", {900, 10, 300}, 10},
        Added{"one that rewrote a table", {900, 10, 300, 12}, 12},
        Added{"only the last seven", {900, 500, 500, 500, 1, 2, 3, 4, 5, 6, 7}, 4}}) {
    const auto growth = expected_growth(backups(bytes));
    EXPECT_EQ(growth ? std::optional(growth->bytes) : std::nullopt, expected) << what;
  }
}

TEST(ExpectedGrowthTest, CountsNoBackupWithDamagedPages) {
  auto list = backups({900, 10, 700});
  list.back().checksum_failures = 1;
  EXPECT_EQ(expected_growth(list)->bytes, 10U);
}

TEST(ExpectedGrowthTest, CountsTheListsThatABackupAddsToo) {
  auto list = backups({900, 10});
  list.back().cost.metadata_bytes = 5;
  EXPECT_EQ(expected_growth(list)->bytes, 15U);
}

TEST(ExpectedGrowthTest, OfRecordsThatTellMoreThanCanBeIsTheMost) {
  auto list = backups({900, kMost});
  list.back().cost.metadata_bytes = 5;
  EXPECT_EQ(expected_growth(list)->bytes, kMost);
}

TEST(ExpectedGrowthTest, NamesTheBackupsThatItIsTakenFrom) {
  EXPECT_EQ(expected_growth(backups({900, 10}))->why, "as backup 20261102T000000Z added");
  EXPECT_EQ(expected_growth(backups({900, 10, 20, 30}))->why,
            "the median of the last 3 backups, 20261102T000000Z to 20261104T000000Z");
}

TEST(ExpectedGrowthTest, OfAFirstBackupIsHalfOfWhatTheServerHas) {
  EXPECT_EQ(growth_of_first(10 * kGiB).bytes, 5 * kGiB);
  EXPECT_THAT(growth_of_first(10 * kGiB).why, HasSubstr("half of the 10 GiB that the server has"));
}

}  // namespace
}  // namespace pgkeep::streaming
