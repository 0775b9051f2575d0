#include "catalog/wal/waiting_wal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/wal/wal_conflicts.h"
#include "tests/support/pushed_wal_fixture.h"

namespace pgkeep::catalog {
namespace {

using test::kOne;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class WaitingWalTest : public test::PushedWalFixture {
 protected:
  /// Of segment 5, when the stream has brought it.
  void settle() {
    waiting_.settle(five_, [this](const Event& event) { events_.push_back(event); });
  }
  void settle_all() {
    waiting_.settle_all([this](const Event& event) { events_.push_back(event); });
  }
  /// Leaves no room for another.
  void fill_conflicts() {
    io::make_directories(layout_.wal_conflicts());
    for (std::size_t i = 0; i < WalConflicts::kMostKept; ++i)
      io::write_file_durably(layout_.wal_conflict("00000002.history", fmt::format("{:016}", i)), {});
  }
  std::vector<Event> events_;
};

TEST_F(WaitingWalTest, GoesOnceTheStreamHasBroughtTheSame) {
  push(five_);
  settle();
  EXPECT_THAT(waiting(), SizeIs(1));  // nothing yet that it could be compared with
  archived(five_);
  settle();
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_THAT(events_, IsEmpty());
}

TEST_F(WaitingWalTest, IsAConflictWhenTheStreamBroughtAnother) {
  push(five_, 1);
  archived(five_);
  settle();
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_));
  const auto conflicts = WalConflicts(archive_).list();
  ASSERT_THAT(conflicts, SizeIs(1));
  EXPECT_EQ(conflicts[0].sha256, sha256_of(test::sample_wal(five_, 1)));
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_EQ(events_[0].kind, EventKind::conflict);
  EXPECT_THAT(events_[0].cause, HasSubstr("differs at 0/50003C"));
}

TEST_F(WaitingWalTest, OneThatCannotBeReadIsNamedAndKeepsNoOtherWaiting) {
  const postgres::WalSegment six{kOne, 6};
  push(five_);
  const auto unread = waiting_.list().at(0).copy.path;
  std::filesystem::remove(unread);
  std::filesystem::create_directory(unread);  // as on a bad disk
  push(six);
  archived(five_);
  archived(six);
  EXPECT_THAT(waiting_.settle_all([](const Event& /*event*/) {}), ElementsAre(HasSubstr(unread.native())));
  EXPECT_THAT(waiting(), ElementsAre(name(five_)));
}

TEST_F(WaitingWalTest, EachOfSeveralCopiesIsCompared) {
  push(five_, 1);
  push(five_);
  push(five_, 2);
  archived(five_);
  settle();
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_THAT(WalConflicts(archive_).list(), SizeIs(2));
}

TEST_F(WaitingWalTest, ADifferenceThatWasDecidedAboutIsNoConflictAgain) {
  archived(five_);
  EXPECT_THROW(push(five_, 1), Refused);
  WalConflicts conflicts(archive_);
  conflicts.keep_stored(conflicts.list().at(0));
  std::filesystem::rename(layout_.archived(five_, size_), directory_ / "archived");
  push(five_, 1);
  std::filesystem::rename(directory_ / "archived", layout_.archived(five_, size_));
  settle();
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_EQ(conflicts.count_open(), 0u);
  EXPECT_THAT(events_, IsEmpty());
}

TEST_F(WaitingWalTest, StaysWhereThereIsNoRoomForAnotherConflict) {
  for (const auto& segment : {five_, five_.next()}) {
    push(segment, 1);
    push(segment, 2);
  }
  archived(five_.next());
  archived(five_);
  fill_conflicts();
  settle_all();
  EXPECT_THAT(waiting(), SizeIs(4));
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_THAT(events_[0].cause, HasSubstr("it stays where it waited"));
  settle_all();
  ASSERT_THAT(events_, SizeIs(2));
  EXPECT_EQ(events_[1].cause, events_[0].cause);
  EXPECT_EQ(events_[1].range, std::nullopt);
}

TEST_F(WaitingWalTest, NeedsNoRoomForWhatWasDecidedAbout) {
  push(five_, 1);
  archived(five_);
  io::make_directories(layout_.wal_conflicts());
  const auto sha256 = sha256_of(test::sample_wal(five_, 1));
  io::write_file_durably(layout_.settled_conflict(name(five_), sha256), io::as_bytes(sha256 + "\n"));
  fill_conflicts();
  settle();
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_THAT(events_, IsEmpty());
}

TEST_F(WaitingWalTest, OneThatCannotBeComparedStopsNoOther) {
  push(five_);
  push(five_.next());
  archived(five_);
  archived(five_.next());
  auto damaged = io::read_whole_file(layout_.archived(five_, size_), 2 * test::kSampleSegmentBytes);
  damaged[20] ^= std::byte{1};  // of the header
  io::write_file_durably(layout_.archived(five_, size_), damaged);
  settle_all();
  EXPECT_THAT(waiting(), ElementsAre(name(five_)));
}

TEST_F(WaitingWalTest, IsStillThereWhenItsConflictCouldNotBeRecorded) {
  push(five_, 1);
  archived(five_);
  EXPECT_THAT(waiting_.settle(five_, [](const Event&) { throw StorageError(ENOSPC, "events", "write"); }),
              ElementsAre(HasSubstr("events: cannot write")));
  EXPECT_THAT(waiting(), SizeIs(1));
  settle();
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_THAT(WalConflicts(archive_).list(), SizeIs(1));
}

TEST_F(WaitingWalTest, ADamagedCopyIsNotTakenForTheOneThatIsPushedAgain) {
  for (std::uint8_t salt = 0; salt < WaitingWal::kMostCopies; ++salt) push(five_, salt);
  const auto path = layout_.waiting_wal(name(five_), sha256_of(test::sample_wal(five_)));
  const auto sound = io::read_whole_file(path, 2 * test::kSampleSegmentBytes);
  auto damaged = sound;
  damaged[damaged.size() / 2] ^= std::byte{1};
  io::write_file_durably(path, damaged);
  EXPECT_EQ(push(five_), PushOutcome::waiting);
  EXPECT_EQ(io::read_whole_file(path, 2 * test::kSampleSegmentBytes), sound);
  EXPECT_EQ(push(five_), PushOutcome::had_it);
}

TEST_F(WaitingWalTest, ADamagedCopyGoesAndADamagedArchiveKeepsIt) {
  push(five_);
  const auto copy = waiting_.list().at(0).copy;
  archived(five_);
  const auto sound = io::read_whole_file(layout_.archived(five_, size_), 2 * test::kSampleSegmentBytes);
  auto damaged = sound;
  damaged[damaged.size() / 2] ^= std::byte{1};
  io::write_file_durably(layout_.archived(five_, size_), damaged);
  settle();
  EXPECT_THAT(waiting(), SizeIs(1));
  io::write_file_durably(layout_.archived(five_, size_), sound);
  io::write_file_durably(copy.path, damaged);
  settle();
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_THAT(events_, IsEmpty());
}

}  // namespace
}  // namespace pgkeep::catalog
