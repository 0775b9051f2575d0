#include "streaming/receive/wal_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/wal/wal_archive_writer.h"
#include "streaming/receive/wal_start.h"
#include "tests/support/fake_server.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wal_builder.h"
#include "tests/unit/streaming/receive/scripted_wire.h"

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using test::FakeServer;
using test::FakeSession;
using testing::ElementsAre;

constexpr TimelineId kOne(1);
constexpr postgres::WalSegment kFive{kOne, 5};
constexpr postgres::WalSegment kSix{kOne, 6};
constexpr Lsn kCommit(0x5F8018);  // at the begin of the fourth page from the end of segment 5
constexpr std::uint64_t kNoon = 817'000'000'000'000;

/// Segment 5, with a commit, and 6 without one are archived, and a server is asked whether it has the same.
class WalProofTest : public testing::Test {
 protected:
  WalProofTest() {
    layout_.make();
    for (const auto& segment : {kFive, kSix}) {
      auto partial = catalog::PartialSegment::open(layout_, segment, size_);
      partial.write(wal_of(segment), io::now());
      catalog::WalArchiveWriter(archive_).store_segment(partial, TimelineHistory(kOne), 1);
    }
  }
  static io::ByteVector wal_of(const postgres::WalSegment& segment, std::uint64_t time = kNoon) {
    auto wal = test::sample_wal(segment);
    if (segment == kFive) test::put_sample_commit(wal, kFive, kCommit, time);
    return wal;
  }
  /// Archives what was built, from that segment on.
  void archive(postgres::WalSegment segment, const test::WalBuilder& built) {
    for (std::size_t i = 0; i * size_.bytes() < built.bytes().size(); ++i, segment = segment.next()) {
      auto partial = catalog::PartialSegment::open(layout_, segment, size_);
      partial.write(built.segment(i), io::now());
      catalog::WalArchiveWriter(archive_).store_segment(partial, TimelineHistory(kOne), 1);
    }
  }
  /// Whether a server that has these two can go on behind segment `last`. `answer` is what comes after each
  /// command.
  HistoryProof prove(const std::function<void(FakeSession&, const std::string&)>& answer,
                     const postgres::WalSegment& last = kFive,
                     std::chrono::milliseconds patience = std::chrono::seconds(60)) {
    FakeServer server([&](FakeSession& session) {
      session.read_startup();
      session.welcome();
      for (auto query = session.read_query(); !query.empty(); query = session.read_query()) {
        asked_.push_back(query);
        answer(session, query);
      }
    });
    auto connection = Connection::open({server.conninfo()}, ConnectionKind::physical, {});
    return prove_same_history(connection, TimelineHistory(kOne), {kOne, last.end(size_)}, archive_, patience);
  }
  /// A server with that WAL from `begin` on sends what it was asked for.
  static auto server_with_wal(Lsn begin, const io::ByteVector& wal) {
    return [begin, wal](FakeSession& session, const std::string& query) {
      const auto from = Lsn::parse(query.substr(query.find("0/"), 8)).value();
      session.copy_both();
      for (auto rest = io::ByteView(wal).subspan(from - begin); !rest.empty();) {
        const auto piece = rest.first(std::min<std::size_t>(rest.size(), 100'000));
        session.copy_data(io::as_text(
            test::wal_message(begin + static_cast<std::uint64_t>(rest.data() - wal.data()), piece)));
        rest = rest.subspan(piece.size());
      }
      session.read_message();  // the end of the COPY
      session.copy_done();
      session.complete("COPY 0");
      session.ready();
    };
  }
  /// One that has this segment 5, and this segment 6.
  auto server_with(const io::ByteVector& five, const io::ByteVector& six = {}) {
    auto wal = five;
    wal.insert(wal.end(), six.begin(), six.end());
    return server_with_wal(kFive.begin(size_), wal);
  }
  static void refuse_removed(FakeSession& session) {
    session.copy_both();  // it looks for the file only then
    session.error("58P01", "requested WAL segment has already been removed");
    session.ready();
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  catalog::WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
  std::vector<std::string> asked_;
};

TEST_F(WalProofTest, IsThatTheServerHasAllFromTheLastCommitOn) {
  EXPECT_EQ(prove(server_with(wal_of(kFive))), HistoryProof::same);
  EXPECT_THAT(asked_, ElementsAre("START_REPLICATION PHYSICAL 0/5F8000 TIMELINE 1"));
}

TEST_F(WalProofTest, GoesBackOverSegmentsToTheLastCommit) {
  EXPECT_EQ(prove(server_with(wal_of(kFive), wal_of(kSix)), kSix), HistoryProof::same);
  EXPECT_THAT(asked_, ElementsAre("START_REPLICATION PHYSICAL 0/5F8000 TIMELINE 1"));
}

// As that of a transaction with hundreds of thousands of subtransactions is.
TEST_F(WalProofTest, GoesBackOverAllSegmentsThatTheRecordOfTheLastCommitGoesOver) {
  const postgres::WalSegment ten{kOne, 10};
  test::WalBuilder wal(ten.begin(size_));
  wal.fill_to(Lsn(0xAF8018));
  wal.long_commit(io::from_postgres_time(kNoon), 3 << 19);  // ends in segment 12
  wal.fill_to(Lsn(0xD00000));
  archive(ten, wal);
  const auto last = ten.next().next();
  EXPECT_EQ(prove(server_with_wal(wal.begin(), wal.segments()), last), HistoryProof::same);
  EXPECT_EQ(asked_.back(), "START_REPLICATION PHYSICAL 0/AF8000 TIMELINE 1");
  // Where one of them is gone, what is held after it is compared.
  std::filesystem::remove(layout_.archived(ten, size_));
  EXPECT_EQ(prove(server_with_wal(wal.begin(), wal.segments()), last), HistoryProof::same);
  EXPECT_EQ(asked_.back(), "START_REPLICATION PHYSICAL 0/C00000 TIMELINE 1");
}

// An expiry may let go of it while it is compared: that is no fault of the disk, over which the stream would
// stand.
TEST_F(WalProofTest, IsThatOfWhatIsHeldStillWhenSomeIsLetGoOfMeanwhile) {
  const auto server = server_with(wal_of(kFive), wal_of(kSix));
  const auto lets_go = [&](FakeSession& session, const std::string& query) {
    std::filesystem::remove(layout_.archived(kSix, size_));
    server(session, query);
  };
  EXPECT_EQ(prove(lets_go, kSix), HistoryProof::nothing_held);
  EXPECT_EQ(prove(server, kFive), HistoryProof::same);
}

// A server that was put back and does the same work again writes the same bytes, but for the times.
TEST_F(WalProofTest, FailsWhenOnlyTheTimeOfTheLastCommitDiffers) {
  EXPECT_THROW(prove(server_with(wal_of(kFive, kNoon + 1), wal_of(kSix)), kSix), RolledBack);
}

TEST_F(WalProofTest, FailsWhenTheServerHasOtherRecordsBehindTheLastCommit) {
  EXPECT_THROW(prove(server_with(wal_of(kFive), test::sample_wal(kSix, 1)), kSix), RolledBack);
}

TEST_F(WalProofTest, IsNotToBeHadFromAServerThatHasRemovedThatWal) {
  EXPECT_EQ(prove([](FakeSession& session, const std::string&) { refuse_removed(session); }),
            HistoryProof::not_available);
  EXPECT_THAT(asked_, ElementsAre("START_REPLICATION PHYSICAL 0/5F8000 TIMELINE 1",
                                  "START_REPLICATION PHYSICAL 0/5FE000 TIMELINE 1"));
}

TEST_F(WalProofTest, FailsByTheLastRecordsAloneWhenTheServerHasOnlyThese) {
  const auto has_only_six = [&](const io::ByteVector& six) {
    return [this, answer = server_with(wal_of(kFive), six)](FakeSession& session, const std::string& query) {
      query.find("0/5") != std::string::npos ? refuse_removed(session) : answer(session, query);
    };
  };
  EXPECT_EQ(prove(has_only_six(wal_of(kSix)), kSix), HistoryProof::not_available);
  EXPECT_THROW(prove(has_only_six(test::sample_wal(kSix, 1)), kSix), RolledBack);
}

TEST_F(WalProofTest, ComparesTheLastRecordsWhereWhatIsHeldBeforeThemIsDamaged) {
  const auto path = layout_.archived(kFive, size_);
  auto bytes = io::read_whole_file(path, size_.bytes());
  bytes[bytes.size() / 2] ^= std::byte{1};
  io::write_file_durably(path, bytes);
  EXPECT_EQ(prove(server_with(wal_of(kFive), wal_of(kSix)), kSix), HistoryProof::damaged);
  EXPECT_THROW(prove(server_with(wal_of(kFive), test::sample_wal(kSix, 1)), kSix), RolledBack);
}

TEST_F(WalProofTest, IsNotWaitedForWithoutEndFromAServerThatSendsKeepalivesAlone) {
  const auto only_keepalives = [](FakeSession& session, const std::string&) {
    session.copy_both();
    for (;;) session.copy_data(io::as_text(test::keepalive(false)));  // until the client has hung up
  };
  EXPECT_THROW(prove(only_keepalives, kFive, std::chrono::milliseconds(200)), ConnectionLost);
}

TEST_F(WalProofTest, IsAskedForAgainWhenTheServerEndsBeforeItHasAnswered) {
  EXPECT_THROW(prove([](FakeSession& session, const std::string&) {
                 session.copy_both();
                 session.copy_done();  // as one does that shuts down
                 session.complete("COPY 0");
                 session.wait_for_hangup();
               }),
               ConnectionLost);
}

}  // namespace
}  // namespace pgkeep::streaming
