#include "streaming/receive/wal_intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/index/server_catalog.h"
#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/wal/pushed_wal.h"
#include "tests/support/fake_server.h"
#include "tests/support/sample_wal.h"
#include "tests/support/segment_rows.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/streaming/receive/scripted_wire.h"

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;
using postgres::TimelineId;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr postgres::WalSegment kFive{TimelineId(1), 5};

class SilentObserver final : public WalReceiverObserver {
 public:
  std::vector<std::string> warnings;

 private:
  void connected(const Connection& /*connection*/, const SystemInfo& /*system*/) override {}
  void streaming_from(const postgres::WalPosition& /*position*/) override {}
  void segment_archived(const catalog::SegmentFileHeader& /*segment*/) override {}
  void timeline_switched(TimelineId /*from*/, TimelineId /*to*/, Lsn /*at*/) override {}
  void disconnected(const std::string& /*why*/, std::chrono::milliseconds /*retry_in*/,
                    bool /*needs_attention*/) override {}
  void event(const catalog::Event& /*event*/) override {}
  void warning(const std::string& what) override { warnings.push_back(what); }
};

class WalIntakeTest : public testing::Test {
 protected:
  WalIntakeTest() { layout_.make(); }

  /// Of segment 5, from its first byte.
  void receive(const io::ByteVector& wal) {
    test::FakeServer server([&](test::FakeSession& session) {
      session.read_startup();
      session.welcome();
      session.read_query();
      session.copy_both();
      const auto message = test::wal_message(kFive.begin(size_), wal);
      session.copy_data(io::as_text(message));
      session.wait_for_hangup();
    });
    auto connection = Connection::open({server.conninfo()}, ConnectionKind::physical, {});
    WalIntake intake(archive_, {.connection = {}, .slot = "pgkeep"}, observer_, workers_,
                     [this](const WalProgress& now) { progress_ = now; });
    intake.receive(connection, nullptr, {{kFive.timeline, kFive.begin(size_)}, {}, {}}, {});
  }

  void push(const postgres::WalSegment& segment, std::uint8_t salt = 0) {
    const auto wal = test::sample_wal(segment, salt);
    io::MemorySource source(wal);
    catalog::PushedWal(archive_).take(segment.name(size_), source, std::nullopt);
  }
  /// All that a receiver leaves that is killed before it archives the segment.
  void received(const postgres::WalSegment& segment) {
    io::write_file_durably(layout_.partial(segment, size_), test::sample_wal(segment));
    io::write_file_durably(layout_.partial(segment.next(), size_), {});
  }
  void finish_interrupted() {
    WalIntake(archive_, {.connection = {}, .slot = "pgkeep"}, observer_, workers_, [](const WalProgress&) {
    }).finish_interrupted();
  }
  std::vector<catalog::EventKind> events() const {
    std::vector<catalog::EventKind> kinds;
    for (const auto& event : catalog::EventJournal(layout_).read()) kinds.push_back(event.kind);
    return kinds;
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  catalog::WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
  SilentObserver observer_;
  WalWorkers workers_{1, 1};
  WalProgress progress_;
};

TEST_F(WalIntakeTest, DoesNotCallAFailedWriteADiskThatDoesNotAnswer) {
  io::write_file_durably(layout_.partial(kFive, size_), test::sample_wal(kFive, 1));
  EXPECT_THROW(receive(test::sample_wal(kFive)), Error);
  ASSERT_NE(progress_.received, std::nullopt);
  EXPECT_EQ(progress_.disk_busy_since, std::nullopt);
}

TEST_F(WalIntakeTest, WhatWasPushedAheadOfTheStreamIsComparedWithWhatItBrings) {
  push(kFive);
  push(kFive.next(), 1);
  received(kFive);
  finish_interrupted();
  EXPECT_THAT(events(), IsEmpty());
  received(kFive.next());
  finish_interrupted();
  EXPECT_THAT(events(), ElementsAre(catalog::EventKind::conflict));
  EXPECT_THAT(catalog::WaitingWal(archive_).list(), IsEmpty());
  EXPECT_THAT(catalog::WalConflicts(archive_).list(), SizeIs(1));
  EXPECT_THAT(observer_.warnings, IsEmpty());
}

TEST_F(WalIntakeTest, AGapIsFilledWithWhatWasPushedOnceTheSegmentAfterItIsThere) {
  catalog::confirm_identity(layout_, archive_.identity());
  received(kFive);
  finish_interrupted();
  push(kFive.next());
  received({kFive.timeline, 7});
  finish_interrupted();
  EXPECT_TRUE(archive_.has(kFive.next()));
  // That it is going to be taken, and that it was.
  EXPECT_THAT(events(), ElementsAre(catalog::EventKind::adopted, catalog::EventKind::adopted));
  EXPECT_THAT(test::rows_of(catalog::ServerCatalog::open(layout_)), SizeIs(3));
}

TEST_F(WalIntakeTest, ArchivesWhoeverHoldsTheJournalOfEvents) {
  push(kFive, 1);  // differs from what comes, which has to be recorded
  received(kFive);
  {
    const auto holder = io::File::open_or_create(layout_.event_journal());
    io::lock_alone(holder);
    finish_interrupted();
  }
  EXPECT_TRUE(archive_.has(kFive));
  EXPECT_THAT(observer_.warnings, Contains(HasSubstr(layout_.event_journal().native())));
  EXPECT_THAT(catalog::WaitingWal(archive_).list(), SizeIs(1));
  finish_interrupted();
  EXPECT_THAT(events(), ElementsAre(catalog::EventKind::conflict));
  EXPECT_THAT(catalog::WaitingWal(archive_).list(), IsEmpty());
}

/// Killed between the archiving of the segment and the noting of what it tells, with the next one received.
TEST_F(WalIntakeTest, NotesOnceWhatASegmentTellsThatWasArchivedBeforeAKill) {
  io::write_file_durably(directory_ / "plain", test::sample_wal(kFive));
  catalog::SegmentFileHeader header{.segment = kFive, .size = size_, .system = test::kSampleSystem};
  header.notes.parameters = {{kFive.begin(size_), 1, 2, 3, 4, 5, postgres::WalLevel::minimal}};
  const auto path = layout_.archived(kFive, size_);
  io::make_directories(path.parent_path());
  catalog::write_segment_file(path, header, io::File::open_to_read(directory_ / "plain"), 1);
  received(kFive.next());
  finish_interrupted();
  EXPECT_THAT(events(), ElementsAre(catalog::EventKind::minimal_wal));
  finish_interrupted();
  EXPECT_THAT(events(), SizeIs(1));
}

TEST_F(WalIntakeTest, NothingThatWaitsStopsTheStream) {
  io::make_directories(layout_.waiting_wal(kFive.name(size_), std::string(16, 'a')));  // and no file
  received(kFive);
  finish_interrupted();
  EXPECT_TRUE(archive_.has(kFive));
  EXPECT_THAT(observer_.warnings, Contains(HasSubstr("WAL that was pushed")));
}

TEST_F(WalIntakeTest, AGapIsFilledThoughSomethingElseThatWaitsCannotBeCompared) {
  received(kFive);
  finish_interrupted();
  push(kFive.next());
  const postgres::WalSegment seven{kFive.timeline, 7};
  io::make_directories(layout_.waiting_wal(seven.name(size_), std::string(16, 'a')));  // and no file
  received(seven);
  finish_interrupted();
  EXPECT_TRUE(archive_.has(kFive.next()));
  EXPECT_THAT(observer_.warnings, Contains(HasSubstr("could not be compared")));
}

}  // namespace
}  // namespace pgkeep::streaming
