#include "streaming/wal_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_server.h"
#include "scripted_wire.h"
#include "streaming/wal_start.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using test::FakeServer;
using test::FakeSession;

constexpr TimelineId kOne(1);
constexpr postgres::WalSegment kFive{kOne, 5};

/// Segment 5 is archived, and a server is asked whether it has the same.
class WalProofTest : public testing::Test {
 protected:
  WalProofTest() {
    layout_.make();
    auto partial = catalog::PartialSegment::open(layout_, kFive, size_);
    partial.write(test::sample_wal(kFive), io::now());
    archive_.store_segment(partial, TimelineHistory(kOne));
  }
  /// `answer` is what comes after the command.
  HistoryProof prove(const std::function<void(FakeSession&)>& answer) {
    FakeServer server([&](FakeSession& session) {
      session.read_startup();
      session.welcome();
      EXPECT_EQ(session.read_query(), "START_REPLICATION PHYSICAL 0/5FE000 TIMELINE 1");
      answer(session);
    });
    auto connection = Connection::open({server.conninfo()}, ConnectionKind::physical, {});
    return prove_same_history(connection, TimelineHistory(kOne), {kOne, kFive.end(size_)}, archive_);
  }
  /// Sends the last page, and what follows it.
  static void send_last_page(FakeSession& session, io::ByteView segment) {
    session.copy_both();
    const auto page = segment.last(postgres::kWalBlockBytes);
    session.copy_data(io::as_text(test::wal_message(Lsn(0x5FE000), page)));
    session.read_message();  // the end of the COPY
    session.copy_done();
    session.complete("COPY 0");
    session.ready();
    session.wait_for_hangup();
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  catalog::WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}, 1};
};

TEST_F(WalProofTest, IsThatTheServerHasTheLastRecordsThatAreHeld) {
  EXPECT_EQ(prove([](auto& session) { send_last_page(session, test::sample_wal(kFive)); }),
            HistoryProof::same);
}

TEST_F(WalProofTest, FailsWhenTheServerHasOtherRecordsThere) {
  EXPECT_THROW(prove([](auto& session) { send_last_page(session, test::sample_wal(kFive, 1)); }), RolledBack);
}

TEST_F(WalProofTest, IsNotToBeHadFromAServerThatHasRemovedThatWal) {
  EXPECT_EQ(prove([](auto& session) {
              session.copy_both();  // it looks for the file only then
              session.error("58P01", "requested WAL segment has already been removed");
              session.ready();
              session.wait_for_hangup();
            }),
            HistoryProof::not_available);
}

TEST_F(WalProofTest, IsAskedForAgainWhenTheServerEndsBeforeItHasAnswered) {
  EXPECT_THROW(prove([](auto& session) {
                 session.copy_both();
                 session.copy_done();  // as one does that shuts down
                 session.complete("COPY 0");
                 session.wait_for_hangup();
               }),
               ConnectionLost);
}

}  // namespace
}  // namespace pgkeep::streaming
