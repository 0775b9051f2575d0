#include "catalog/wal/wal_conflicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/pushed_wal_fixture.h"

namespace pgkeep::catalog {
namespace {

using test::kBackupName;
using test::kBackupText;
using test::kHistoryTwo;
using test::kOne;
using test::kTwo;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

class WalConflictsTest : public test::PushedWalFixture {
 protected:
  /// Segment 5 is stored, and another one was pushed.
  WalConflict contested() {
    archived(five_);
    EXPECT_THROW(push(five_, 1), Refused);
    return conflicts_.list(name(five_)).at(0);
  }
  WalConflicts conflicts_{archive_};
};

TEST_F(WalConflictsTest, SaysHowThePushedOneDiffers) {
  const auto conflict = contested();
  EXPECT_EQ(conflict.name, name(five_));
  EXPECT_EQ(conflict.sha256, sha256_of(test::sample_wal(five_, 1)));
  EXPECT_EQ(conflict.bytes, test::kSampleSegmentBytes);
  EXPECT_TRUE(conflict.has_stored);
  EXPECT_EQ(conflict.differs_at, 60u);
  EXPECT_EQ(conflict.pushed_origin->timeline, kOne);
  EXPECT_EQ(conflict.stored_origin->system, test::kSampleSystem);
  EXPECT_FALSE(conflict.settled);
}

TEST_F(WalConflictsTest, FindsOneByItsNameOrId) {
  const auto conflict = contested();
  EXPECT_THROW(push(five_, 2), Refused);
  EXPECT_THAT(conflicts_.list(name(five_)), SizeIs(2));
  EXPECT_THAT(conflicts_.list(conflict.id()), SizeIs(1));
  EXPECT_THAT(conflicts_.list(name(five_.next())), IsEmpty());
  EXPECT_EQ(conflicts_.count_open(), 2u);
}

TEST_F(WalConflictsTest, SettledForTheStoredOneTakesNoRoom) {
  const auto conflict = contested();
  conflicts_.keep_stored(conflict);
  EXPECT_FALSE(std::filesystem::exists(layout_.wal_conflict(conflict.name, conflict.sha256)));
  EXPECT_TRUE(conflicts_.is_settled(conflict.name, conflict.sha256));
  EXPECT_FALSE(conflicts_.is_settled(conflict.name, sha256_of({})));
  EXPECT_EQ(conflicts_.count_open(), 0u);
  const auto listed = conflicts_.list();
  ASSERT_THAT(listed, SizeIs(1));
  EXPECT_TRUE(listed[0].settled);
  EXPECT_EQ(listed[0].sha256, conflict.sha256);
}

TEST_F(WalConflictsTest, SettledForThePushedOneSwapsTheTwo) {
  const auto header = conflicts_.keep_pushed(contested(), 1);
  ASSERT_TRUE(header);
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_, 1));
  const auto listed = conflicts_.list();
  ASSERT_THAT(listed, SizeIs(1));
  EXPECT_EQ(listed[0].sha256, sha256_of(test::sample_wal(five_)));
  EXPECT_EQ(push(five_, 1), PushOutcome::had_it);

  conflicts_.keep_pushed(listed[0], 1);  // and back again
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_));
}

TEST_F(WalConflictsTest, IsNotSettledAgainstWhatIsBeingReceived) {
  received(five_, test::sample_wal(five_));
  EXPECT_THROW(push(five_, 1), Refused);
  const auto conflict = conflicts_.list().at(0);
  EXPECT_FALSE(conflict.has_stored);
  EXPECT_EQ(conflict.differs_at, 60u);
  EXPECT_THAT([&] { conflicts_.keep_pushed(conflict, 1); }, ThrowsMessage<Refused>(HasSubstr("0/50003C")));
  EXPECT_FALSE(archive_.has(five_));
  std::filesystem::remove(layout_.partial(five_, size_));
  conflicts_.keep_pushed(conflict, 1);
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_, 1));
  EXPECT_THAT(conflicts_.list(), IsEmpty());
}

TEST_F(WalConflictsTest, ReplacesNoHistoryThatWalFollows) {
  push_text("00000002.history", kHistoryTwo);
  archived({kTwo, 6});
  EXPECT_THROW(push_text("00000002.history", "1\t0/590000\tother\n"), Refused);
  EXPECT_THAT([&] { conflicts_.keep_pushed(conflicts_.list().at(0), 1); },
              ThrowsMessage<Refused>(HasSubstr("another branch")));
  EXPECT_EQ(archive_.read_history(kTwo), kHistoryTwo);
  EXPECT_THAT(conflicts_.list(), SizeIs(1));

  std::filesystem::remove(layout_.archived({kTwo, 6}, size_));
  conflicts_.keep_pushed(conflicts_.list().at(0), 1);
  EXPECT_EQ(archive_.read_history(kTwo), "1\t0/590000\tother\n");
}

/// Of the pattern of WAL files, and still none: no timeline 0, no such segment with segments of 1 MiB.
TEST_F(WalConflictsTest, PutsNothingInPlaceThatHasNoPlace) {
  for (const auto* name :
       {"00000000.history", "0000000100000000FFFFFFFF", "0000000100000000FFFFFFFF.partial"}) {
    io::MemorySource source(io::as_bytes("anything"));
    ASSERT_TRUE(conflicts_.keep_aside(name, StagedFile::receive(layout_, source, 100)));
    const auto conflict = conflicts_.list(name).at(0);
    EXPECT_THAT([&] { conflicts_.keep_pushed(conflict, 1); },
                ThrowsMessage<Refused>(HasSubstr("nothing was changed")));
    conflicts_.keep_stored(conflict);
    EXPECT_TRUE(conflicts_.is_settled(name, conflict.sha256));
  }
}

TEST_F(WalConflictsTest, ReplacesABackupHistoryFile) {
  const auto other = std::string(kBackupText) + "LABEL: other\n";
  push_text(kBackupName, kBackupText);
  EXPECT_THROW(push_text(kBackupName, other), Refused);
  EXPECT_EQ(conflicts_.keep_pushed(conflicts_.list().at(0), 1), std::nullopt);
  EXPECT_EQ(io::as_text(stored(kBackupName)), other);
}

TEST_F(WalConflictsTest, KeepsNoMoreThanSoMany) {
  push_text(kBackupName, kBackupText);
  std::string refusal;
  for (std::size_t i = 0; i < WalConflicts::kMostKept + 3; ++i) {
    try {
      push_text(kBackupName, std::string(kBackupText) + "LABEL: " + std::to_string(i) + "\n");
    } catch (const Refused& error) {
      refusal = error.what();
    }
  }
  EXPECT_THAT(refusal, HasSubstr("could not be kept aside"));
  EXPECT_EQ(conflicts_.count_open(), WalConflicts::kMostKept);
  EXPECT_THAT(EventJournal(layout_).read(), SizeIs(WalConflicts::kMostKept + 1));  // one for all the others
}

TEST_F(WalConflictsTest, TellsADamagedCopy) {
  const auto conflict = contested();
  io::write_file_durably(layout_.wal_conflict(conflict.name, conflict.sha256), io::as_bytes("no frame"));
  EXPECT_THROW(conflicts_.list(), Corruption);
  EXPECT_THROW(conflicts_.keep_pushed(conflict, 1), Corruption);
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_));
}

}  // namespace
}  // namespace pgkeep::catalog
