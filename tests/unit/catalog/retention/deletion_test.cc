#include "catalog/retention/deletion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/catalog/retention/retention_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using test::backup_at;
using test::Held;
using test::hour;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr TimelineId kOne{1};

/// Backups of the hours 2, 12, 22 and 32 of a server whose WAL is held from hour 1 to 40.
class DeletionTest : public testing::Test {
 protected:
  std::string why_not(std::initializer_list<std::size_t> places) const {
    std::vector<store::BackupId> ids;
    for (const auto place : places) ids.push_back(backups_[place].id);
    return why_they_are_needed({backups_, lines_, unclear_}, ids);
  }
  SegmentSet goes_with(std::size_t place) const {
    const auto wal = wal_that_goes_with({backups_, lines_, unclear_}, policy_, hour(40), backups_[place].id);
    return wal.at(backups_[place].line).segments;
  }
  SegmentSet needless_without(std::size_t place) const {
    const auto wal =
        wal_needless_without({backups_, lines_, unclear_}, policy_, hour(40), backups_[place].id);
    return wal.at(backups_[place].line).segments;
  }
  void expired(std::size_t place) {
    backups_[place].expired = {ExpiryMark::By::policy, hour(40), "no rule keeps it"};
  }
  /// The first two on a line that was set aside.
  void split() {
    lines_ = {test::line_of(Held().segments(kOne, 1, 20)), test::line_of(Held().segments(kOne, 15, 40))};
    for (std::size_t i = 2; i < 4; ++i) backups_[i].line = 1;
  }

  std::vector<LineOfWal> lines_{test::line_of(Held().segments(kOne, 1, 40))};
  std::vector<ExpiryCandidate> backups_{backup_at(2), backup_at(12), backup_at(22), backup_at(32)};
  std::vector<std::string> unclear_;
  RetentionPolicy policy_;
};

TEST_F(DeletionTest, MayTakeAllButOneThatIsGood) {
  EXPECT_THAT(why_not({0, 1, 2}), IsEmpty());
  EXPECT_THAT(why_not({0, 1, 2, 3}), HasSubstr("no good backup would be left"));
}

TEST_F(DeletionTest, DoesNotCountWhatHasExpiredOrIsNotGood) {
  expired(0);
  backups_[1].fault = "3 damaged pages";
  EXPECT_THAT(why_not({2}), IsEmpty());
  EXPECT_THAT(why_not({2, 3}), HasSubstr("no good backup"));
  lines_ = {test::line_of(Held().segments(kOne, 1, 31).segments(kOne, 33, 40))};
  EXPECT_THAT(why_not({2}), HasSubstr("no good backup")) << "WAL of the last one is missing";
}

TEST_F(DeletionTest, MayTakeWhatIsOfNoUseThoughNothingElseIsLeft) {
  for (auto& backup : backups_) backup.fault = "3 damaged pages";
  EXPECT_THAT(why_not({0, 1, 2, 3}), IsEmpty());
}

TEST_F(DeletionTest, LeavesAGoodOneOfTheCurrentLine) {
  split();
  EXPECT_THAT(why_not({2, 3}), HasSubstr("of the line that the server is on"));
  EXPECT_THAT(why_not({0, 1}), IsEmpty());
  EXPECT_THAT(why_not({0, 1, 2, 3}), HasSubstr("no good backup would be left"));
}

TEST_F(DeletionTest, LeavesAGoodOneThatLeadsToTheEndOfTheWal) {
  // What lies between the third and the fourth was let go.
  auto held = Held().segments(kOne, 1, 23).segments(kOne, 32, 40);
  held.recorded({hour(40), EventKind::removed, "let go", test::range(kOne, 24, 32)});
  lines_ = {test::line_of(held)};
  EXPECT_THAT(why_not({3}), HasSubstr("from which a recovery comes to the end of the WAL"));
  EXPECT_THAT(why_not({0, 1, 2}), IsEmpty());
}

TEST_F(DeletionTest, TakesTheWalThatNothingElseNeeds) {
  EXPECT_THAT(goes_with(0), SizeIs(10)) << "2 to 11; what was needless before is not its";
  EXPECT_THAT(needless_without(0), SizeIs(11)) << "1 to 11";
  EXPECT_THAT(goes_with(1), IsEmpty()) << "the one before it comes that way";
  expired(0);
  EXPECT_THAT(needless_without(1), SizeIs(1)) << "the one before it is there still";
  EXPECT_THAT(goes_with(1), SizeIs(10)) << "12 to 21";
}

TEST_F(DeletionTest, TakesNoWalFromALineThatHasNoOtherBackup) {
  split();
  EXPECT_THAT(goes_with(0), SizeIs(10));
  expired(1);
  EXPECT_THAT(goes_with(0), IsEmpty());
}

TEST_F(DeletionTest, TakesNoWalWhileABackupCannotBeRead) {
  unclear_ = {"backup.json is damaged"};
  EXPECT_THAT(goes_with(0), IsEmpty());
  EXPECT_THAT(needless_without(0), IsEmpty());
}

TEST_F(DeletionTest, TakesAllOfALineThatWasSetAsideWithItsLastBackup) {
  split();
  lines_[0].goes_with_its_backups = true;
  expired(1);
  EXPECT_THAT(goes_with(0), SizeIs(19)) << "2 to 20";
  EXPECT_THAT(needless_without(0), SizeIs(11)) << "that which expired is there still";
  backups_.erase(backups_.begin() + 1);
  EXPECT_THAT(needless_without(0), SizeIs(20)) << "1 to 20";
}

TEST_F(DeletionTest, TakesNoMoreThanTheWalWindowLeftABackup) {
  policy_.wal_window = std::chrono::hours(10);
  EXPECT_THAT(goes_with(0), SizeIs(1)) << "2, which makes it consistent";
  EXPECT_THAT(goes_with(2), IsEmpty()) << "the one before it leads into the window then";
  EXPECT_THAT(needless_without(2), SizeIs(10)) << "1, 3 to 11";
}

TEST_F(DeletionTest, ReliesForTheWalWindowOnNoneThatIsNotGoodOrHasExpired) {
  policy_.wal_window = std::chrono::hours(10);
  backups_[2].fault = "3 damaged pages";
  EXPECT_THAT(needless_without(0), SizeIs(11)) << "1 to 11";
  backups_[2].fault.clear();
  expired(2);
  EXPECT_THAT(needless_without(0), SizeIs(11)) << "1 to 11";
}

TEST_F(DeletionTest, LeavesABackupThatStandsAloneItsWal) {
  backups_[0].keep = {hour(5), {}, "wanted", true};
  EXPECT_THAT(goes_with(1), SizeIs(10)) << "12 to 21";
  EXPECT_THAT(needless_without(1), SizeIs(20)) << "1, 3 to 21";
}

}  // namespace
}  // namespace pgkeep::catalog
