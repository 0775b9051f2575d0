#include "catalog/retention/expiry_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/catalog/retention/retention_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using postgres::WalSegment;
using test::at;
using test::backup_at;
using test::Held;
using test::hour;
using test::left;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

constexpr TimelineId kOne{1};
constexpr RetentionPolicy kTwoNewest{.redundancy = 2, .grace = 24h};

/// Backups of the hours 2, 12, 22 and 32 of a server whose WAL is held from hour 1 to 40.
class ExpiryPlanTest : public testing::Test {
 protected:
  ExpiryPlan plan(double now = 40, const RetentionPolicy& policy = kTwoNewest) const {
    return plan_expiry({backups_, lines_, unclear_}, policy, hour(now));
  }
  std::vector<Fate> fates(double now = 40, const RetentionPolicy& policy = kTwoNewest) const {
    std::vector<Fate> fates;
    for (const auto& decision : plan(now, policy).backups) fates.push_back(decision.fate);
    return fates;
  }
  void expired(std::size_t i, double when, ExpiryMark::By by = ExpiryMark::By::policy) {
    backups_[i].expired = {by, hour(when), "no rule keeps it"};
  }

  std::vector<LineOfWal> lines_{test::line_of(Held().segments(kOne, 1, 40))};
  std::vector<ExpiryCandidate> backups_{backup_at(2), backup_at(12), backup_at(22), backup_at(32)};
  std::vector<std::string> unclear_;
};

TEST_F(ExpiryPlanTest, MarksFirstAndLetsGoAfterTheGraceTime) {
  EXPECT_THAT(fates(), ElementsAre(Fate::expires, Fate::expires, Fate::stays, Fate::stays));
  EXPECT_EQ(plan().backups[0].goes_at, hour(64));
  expired(0, 40);
  expired(1, 50);
  EXPECT_THAT(fates(63.9), ElementsAre(Fate::waits, Fate::waits, Fate::stays, Fate::stays));
  EXPECT_THAT(fates(64), ElementsAre(Fate::goes, Fate::waits, Fate::stays, Fate::stays));
}

TEST_F(ExpiryPlanTest, LetsNoWalGoWhileABackupCannotBeRead) {
  unclear_ = {"backup.json is damaged"};
  EXPECT_THAT(fates(), ElementsAre(Fate::expires, Fate::expires, Fate::stays, Fate::stays));
  EXPECT_THAT(plan().wal.at(0).goes.segments, IsEmpty());
  EXPECT_THAT(plan().wal.at(0).waits, IsEmpty());
}

TEST_F(ExpiryPlanTest, KeepsTheWalOfABackupUntilItGoes) {
  auto wal = plan().wal.at(0);
  EXPECT_THAT(wal.goes.segments, ElementsAre(WalSegment{kOne, 1}));
  EXPECT_THAT(wal.waits, SizeIs(20));
  expired(0, 10);
  expired(1, 30);
  wal = plan(40).wal.at(0);
  EXPECT_THAT(wal.goes.segments, SizeIs(11)) << "up to 11";
  EXPECT_THAT(wal.waits, SizeIs(10));
}

TEST_F(ExpiryPlanTest, WithoutARuleNothingExpires) {
  for (const auto& decision : plan(40, {}).backups) {
    EXPECT_EQ(decision.fate, Fate::stays);
    EXPECT_THAT(decision.reasons, testing::Contains("no retention policy"));
  }
  EXPECT_THAT(plan(40, {}).wal.at(0).waits, IsEmpty());
}

TEST_F(ExpiryPlanTest, WithoutARuleWhatWasDeletedGoesWithTheWalThatNothingElseNeeds) {
  expired(0, 10, ExpiryMark::By::operator_);
  expired(1, 35, ExpiryMark::By::operator_);
  const auto decided = plan(40, {.grace = 24h});
  EXPECT_EQ(decided.backups[0].fate, Fate::goes);
  EXPECT_EQ(decided.backups[1].fate, Fate::waits);
  EXPECT_EQ(decided.backups[2].fate, Fate::stays);
  EXPECT_THAT(decided.wal.at(0).goes.segments, SizeIs(11)) << "1 to 11";
  EXPECT_THAT(decided.wal.at(0).waits, SizeIs(10)) << "12 to 21";
}

TEST_F(ExpiryPlanTest, FinishesADeletionThatWasKilledBeforeItsWalWentWithoutAPolicy) {
  EXPECT_THAT(plan_expiry({backups_, lines_, unclear_, true}, {}, hour(40)).wal.at(0).goes.segments,
              SizeIs(1));
  EXPECT_THAT(plan(40, {}).wal.at(0).goes.segments, IsEmpty()) << "nothing was ever deleted";
}

TEST_F(ExpiryPlanTest, ReturnsWhatTheRulesKeepAgain) {
  expired(1, 35);
  EXPECT_THAT(fates(40, {.redundancy = 3, .grace = 24h}),
              ElementsAre(Fate::expires, Fate::returns, Fate::stays, Fate::stays));
  expired(1, 35, ExpiryMark::By::operator_);
  EXPECT_THAT(fates(40, {.redundancy = 3, .grace = 24h}),
              ElementsAre(Fate::stays, Fate::waits, Fate::stays, Fate::stays))
      << "what an operator deleted does not count";
}

TEST_F(ExpiryPlanTest, KeepsWhatAnOperatorWantsKept) {
  backups_[0].keep = {hour(3), {}, "the books of 2025"};
  backups_[1].keep = {hour(13), hour(60), ""};
  EXPECT_THAT(fates(), ElementsAre(Fate::stays, Fate::stays, Fate::stays, Fate::stays));
  EXPECT_THAT(plan().backups[0].reasons, ElementsAre("keep: the books of 2025"));
  EXPECT_THAT(fates(60), ElementsAre(Fate::stays, Fate::expires, Fate::stays, Fate::stays));
}

TEST_F(ExpiryPlanTest, LeavesAnAnnotatedBackupAloneWithTheWalThatMakesItConsistent) {
  backups_[0].note = "before the upgrade";
  expired(1, 10);
  EXPECT_THAT(fates(), ElementsAre(Fate::stays, Fate::goes, Fate::stays, Fate::stays))
      << "beside the two newest";
  EXPECT_THAT(plan().backups[0].reasons, ElementsAre("annotated: before the upgrade"));
  const auto goes = plan().wal.at(0).goes.segments;
  EXPECT_THAT(goes, SizeIs(20)) << "1, and 3 to 21";
  EXPECT_THAT(goes, testing::Not(testing::Contains(WalSegment{kOne, 2})));
  expired(0, 10);
  EXPECT_EQ(plan().backups[0].fate, Fate::returns);
  expired(0, 10, ExpiryMark::By::operator_);
  EXPECT_EQ(plan().backups[0].fate, Fate::goes) << "an operator decided otherwise";
}

TEST_F(ExpiryPlanTest, AnnotatedBackupsThatAreKeptForAnotherReasonGoOn) {
  for (auto& backup : backups_) backup.note = "nightly";
  backups_[1].keep = {hour(13), {}, ""};
  expired(0, 1);
  EXPECT_THAT(plan().backups[1].reasons, ElementsAre("annotated: nightly", "keep"));
  EXPECT_THAT(plan().backups[2].reasons, ElementsAre("redundancy: 2 of 2", "annotated: nightly"));
  EXPECT_THAT(plan().wal.at(0).goes.segments, SizeIs(10)) << "1, and 3 to 11";
}

TEST_F(ExpiryPlanTest, AnAnnotatedBackupThatIsNotGoodStaysWhileNothingElseReachesItsTime) {
  backups_[1].fault = "3 damaged pages";
  backups_[1].note = "before the upgrade";
  EXPECT_THAT(fates(), ElementsAre(Fate::expires, Fate::stays, Fate::stays, Fate::stays));
  EXPECT_THAT(plan().backups[1].reasons, ElementsAre(HasSubstr("nothing else reaches its time")));
  backups_[0].keep = {hour(3), {}, ""};
  backups_[0].note = "the first";
  EXPECT_THAT(fates(), ElementsAre(Fate::stays, Fate::expires, Fate::stays, Fate::stays));
}

TEST_F(ExpiryPlanTest, LeavesAloneWhatIsBeingRead) {
  backups_[0].reader = "recover (process 4711)";
  EXPECT_THAT(fates(), ElementsAre(Fate::stays, Fate::expires, Fate::stays, Fate::stays));
  EXPECT_THAT(plan().backups[0].reasons, testing::Contains(HasSubstr("4711")));
  expired(0, 1);
  EXPECT_EQ(plan().backups[0].fate, Fate::waits);
}

// ------------------------------------------------------------------------------------- not good

TEST_F(ExpiryPlanTest, CountsOnlyGoodBackups) {
  backups_[2].fault = "3 damaged pages";
  EXPECT_THAT(fates(), ElementsAre(Fate::expires, Fate::stays, Fate::expires, Fate::stays))
      << "a recovery from the one before comes to its time";
  EXPECT_THAT(plan().backups[2].reasons, ElementsAre(HasSubstr("3 damaged pages")));
}

TEST_F(ExpiryPlanTest, KeepsOneThatIsNotGoodWhileNothingElseReachesItsTime) {
  lines_ = {
      test::line_of(Held().segments(kOne, 1, 25).recorded(test::gap(kOne, 26, 30)).segments(kOne, 30, 40))};
  backups_[3].fault = "3 damaged pages";
  EXPECT_THAT(fates(), ElementsAre(Fate::expires, Fate::stays, Fate::stays, Fate::stays));
  EXPECT_THAT(plan().backups[3].reasons, ElementsAre(HasSubstr("nothing else reaches its time")));
  backups_.push_back(backup_at(38));
  backups_.push_back(backup_at(39));
  EXPECT_THAT(fates(), ElementsAre(Fate::expires, Fate::expires, Fate::expires, Fate::expires, Fate::stays,
                                   Fate::stays))
      << "the rules would not keep it if it were good";
}

TEST_F(ExpiryPlanTest, LacksWalWhenItCannotBecomeConsistent) {
  lines_ = {test::line_of(Held().segments(kOne, 1, 31).segments(kOne, 33, 40))};
  EXPECT_THAT(fates(), ElementsAre(Fate::expires, Fate::stays, Fate::stays, Fate::stays));
  EXPECT_THAT(plan().backups[3].reasons, ElementsAre(HasSubstr("WAL is missing")));
}

TEST_F(ExpiryPlanTest, ExpiresNothingWhileNoneIsGood) {
  for (auto& backup : backups_) backup.fault = "damaged";
  EXPECT_THAT(fates(), ElementsAre(Fate::stays, Fate::stays, Fate::stays, Fate::stays));
}

TEST_F(ExpiryPlanTest, LeavesTheNewestThoughItIsNotGood) {
  backups_[3].fault = "damaged pages";
  EXPECT_THAT(fates(40, {.redundancy = 1}),
              ElementsAre(Fate::expires, Fate::expires, Fate::stays, Fate::stays));
}

TEST_F(ExpiryPlanTest, AKeepWinsOverWhatWasDeleted) {
  expired(0, 1, ExpiryMark::By::operator_);
  backups_[0].keep = {hour(1), {}, "wanted"};
  EXPECT_EQ(fates(90)[0], Fate::returns);
}

// -------------------------------------------------------------------------------------- lines

TEST_F(ExpiryPlanTest, LeavesTheWalOfALineWhoseBackupsAreGone) {
  lines_ = {test::line_of(Held().segments(kOne, 1, 20)), test::line_of(Held().segments(kOne, 15, 40))};
  backups_ = {backup_at(2), backup_at(12), backup_at(22, kOne, 1), backup_at(32, kOne, 1)};
  expired(0, 1);
  expired(1, 1);
  const auto wal = plan(40).wal;
  EXPECT_THAT(wal.at(0).goes.segments, IsEmpty());
  EXPECT_THAT(wal.at(1).goes.segments, SizeIs(7)) << "15 to 21";
}

TEST_F(ExpiryPlanTest, KeepsTheWalOfALineThatHasNoBackupYet) {
  lines_.push_back(test::line_of(Held().segments(kOne, 30, 40)));
  EXPECT_THAT(plan().wal.at(1).goes.segments, IsEmpty());
  EXPECT_THAT(plan().wal.at(1).waits, IsEmpty());
  EXPECT_THAT(fates(), ElementsAre(Fate::expires, Fate::expires, Fate::stays, Fate::stays));
}

TEST_F(ExpiryPlanTest, LetsTheWalOfALineThatWasSetAsideGoWithItsLastBackup) {
  lines_ = {test::line_of(Held().segments(kOne, 1, 20).partial(kOne, 21.5)),
            test::line_of(Held().segments(kOne, 15, 40))};
  lines_[0].goes_with_its_backups = true;
  backups_ = {backup_at(2), backup_at(12), backup_at(22, kOne, 1), backup_at(32, kOne, 1)};
  expired(0, 1);
  expired(1, 30);
  EXPECT_THAT(plan(40, {.redundancy = 2, .grace = 24h}).wal.at(0).goes.segments, SizeIs(11)) << "1 to 11";
  EXPECT_THAT(plan(40, {.redundancy = 2, .grace = 24h}).wal.at(0).waits, SizeIs(9)) << "12 to 20";
  const auto goes = plan(60, {.redundancy = 2, .grace = 24h}).wal.at(0).goes;
  EXPECT_THAT(goes.segments, SizeIs(20));
  EXPECT_THAT(goes.partials, SizeIs(1));
  EXPECT_THAT(goes.between, IsEmpty());
}

TEST_F(ExpiryPlanTest, LeavesNoWalOfALineThatWasSetAsideWhenItsBackupsHaveGone) {
  lines_.insert(lines_.begin(), test::line_of(Held().segments(kOne, 1, 20)));
  for (auto& backup : backups_) backup.line = 1;
  EXPECT_THAT(plan().wal.at(0).goes.segments, IsEmpty()) << "it had none, so nobody has decided of it";
  lines_[0].goes_with_its_backups = true;
  EXPECT_THAT(plan().wal.at(0).goes.segments, SizeIs(20));
  EXPECT_THAT(plan_expiry({backups_, lines_, {"a record that cannot be read"}}, {.redundancy = 2}, hour(40))
                  .wal.at(0)
                  .goes.segments,
              IsEmpty());
}

TEST_F(ExpiryPlanTest, SaysWhichBackupAloneLeadsIntoTheWalWindow) {
  lines_ = {test::line_of(Held().segments(kOne, 2, 2).segments(kOne, 22, 40))};
  backups_.erase(backups_.begin() + 1);
  backups_[0].keep = {hour(3), {}, "wanted"};
  const auto decided = plan(40, {.redundancy = 1, .wal_window = 10h}).backups;
  EXPECT_THAT(decided[1].reasons, ElementsAre("wal_window: the last before 2026-01-02 06:00:00 UTC"));
}

TEST_F(ExpiryPlanTest, LeavesADamagedBackupThatAloneLeadsIntoTheWalWindow) {
  lines_ = {test::line_of(Held().segments(kOne, 2, 2).segments(kOne, 22, 40))};
  backups_.erase(backups_.begin() + 1);
  backups_[0].keep = {hour(3), {}, "wanted"};
  backups_[1].fault = "a verification found damage";
  const auto decided = plan(40, {.redundancy = 1, .wal_window = 10h}).backups;
  EXPECT_EQ(decided[1].fate, Fate::stays);
  EXPECT_THAT(decided[1].reasons,
              ElementsAre(HasSubstr("nothing else reaches its time, though it is not good")));
}

TEST_F(ExpiryPlanTest, SaysThatABackupIsKeptStandalone) {
  backups_[0].keep = {hour(3), {}, "the books of 2025", true};
  EXPECT_THAT(plan().backups[0].reasons, ElementsAre("keep, standalone: the books of 2025"));
}

}  // namespace
}  // namespace pgkeep::catalog
