#include "streaming/receive/wal_writer.h"

#include "catalog/io/error.h"
#include "tests/unit/streaming/receive/wal_stream_fixture.h"

// What is on the disk, and when: the stream's side of it is in wal_stream_test.cc.

namespace pgkeep::streaming {
namespace {

using test::Hold;
using test::Status;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using testing::ThrowsMessage;

using WalWriterTest = test::WalStreamFixture;

TEST_F(WalWriterTest, MakesNoFileBeforeTheFirstByte) {
  wire_.sends(test::keepalive(true));
  run();
  EXPECT_FALSE(partial_is_there(kFive));
  EXPECT_EQ(written_, kStart);
}

TEST_F(WalWriterTest, ArchivesASegmentThatAMessageCrosses) {
  server_sends(kStart, kStart + kMiB + 1000);
  run();
  EXPECT_THAT(archived_, ElementsAre(kFive));
  EXPECT_TRUE(archive_.has(kFive));
  EXPECT_FALSE(partial_is_there(kFive));
  EXPECT_EQ(written_, kStart + kMiB + 1000);
}

TEST_F(WalWriterTest, ArchivesMoreSegmentsThanMayBeUnderWay) {
  server_sends(kStart, kStart + 6 * kMiB);
  run();
  EXPECT_THAT(archived_, SizeIs(6));
}

TEST_F(WalWriterTest, HasTheNextSegmentsFileBeforeItReportsTheEndOfOne) {
  wire_.on_status([&](const Status& status) {
    if (status.flushed < kFive.end(size_)) return;
    EXPECT_TRUE(partial_is_there(kFive.next()));
  });
  server_sends(kStart, kStart + kMiB);
  wire_.waits_until_flushed(kFive.end(size_));
  run();
}

TEST_F(WalWriterTest, FindsAfterAKillWhatItReported) {
  server_sends(kStart, kStart + 1000);
  wire_.waits_until_flushed(kStart + 1000);
  run();
  EXPECT_EQ(archive_.partial_end(kFive), kStart + 1000);
  EXPECT_THAT(archive_.inventory().partials, ElementsAre(kFive));
  server_sends(kStart, kStart + 2000);
  run();
  EXPECT_EQ(archive_.partial_end(kFive), kStart + 2000);
}

TEST_F(WalWriterTest, KeepsWhenASegmentsFirstAndLastBytesWereSent) {
  const auto wal = test::sample_wal(kFive);
  const auto send = [&](std::size_t from, std::size_t to, std::int64_t time) {
    auto message = test::wal_message(kStart + from, io::ByteView(wal).subspan(from, to - from));
    io::store_be(&message[17], static_cast<std::uint64_t>(time));
    wire_.sends(std::move(message));
  };
  send(0, 1000, 1'000'000);
  send(1000, kMiB / 2, 2'000'000);
  send(kMiB / 2, kMiB, 3'000'000);
  run();
  const auto header = archive_.open_segment(kFive)->header();
  EXPECT_EQ(header.first_time, io::from_postgres_time(1'000'000));
  EXPECT_EQ(header.last_time, io::from_postgres_time(3'000'000));
}

TEST_F(WalWriterTest, FailsWithWhatArchivingFailsWith) {
  bad_ = kFive;
  server_sends(kStart, kStart + kMiB);
  wire_.waits_until([] { return false; });
  EXPECT_THAT([&] { run(); }, ThrowsMessage<Corruption>(HasSubstr("0/500000")));
  EXPECT_FALSE(archive_.has(kFive));
  EXPECT_TRUE(partial_is_there(kFive));
}

TEST_F(WalWriterTest, ALackOfMemoryEndsTheStreamAndMayPass) {
  out_of_memory_ = true;
  server_sends(kStart, kStart + kMiB);
  wire_.waits_until([] { return false; });
  try {
    run();
    FAIL() << "the stream went on";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("not enough memory"));
    EXPECT_TRUE(error.retryable());
  }
}

TEST_F(WalWriterTest, MakesTheNextSegmentsFileAheadWhileWalFlows) {
  server_sends(kStart, kStart + kMiB / 2);
  wire_.waits_until([&] { return std::filesystem::exists(layout_.spare_segment()); });
  server_sends(kStart + kMiB / 2, kStart + kMiB + 1000);
  run();
  EXPECT_FALSE(std::filesystem::exists(layout_.spare_segment()));
  EXPECT_EQ(archive_.partial_end(kFive.next()), kStart + kMiB + 1000);
}

TEST_F(WalWriterTest, LeavesNoSpareBehindAndRemovesThatOfACrash) {
  io::write_file_durably(layout_.spare_segment(), io::as_bytes("left"));
  server_sends(kStart, kStart + 1000);
  wire_.waits_until([&] { return !std::filesystem::exists(layout_.spare_segment()); });
  server_sends(kStart + 1000, kStart + kMiB / 2);
  wire_.waits_until([&] { return std::filesystem::exists(layout_.spare_segment()); });
  run();
  EXPECT_FALSE(std::filesystem::exists(layout_.spare_segment()));
}

TEST_F(WalWriterTest, WorksWithItsOwnMemoryWhenOthersHaveTheRest) {
  while (workers_.memory.take(1)) continue;
  server_sends(kStart, kStart + 2 * kMiB + 1000);
  run();
  EXPECT_EQ(written_, kStart + 2 * kMiB + 1000);
  EXPECT_FALSE(workers_.memory.take(1)) << "gave back what it had not taken";
}

TEST_F(WalWriterTest, GivesTheSharedMemoryBack) {
  constexpr auto kMore = WalBuffer::kMostBytes - WalBuffer::kOwnBytes;
  while (workers_.memory.take(1)) continue;
  workers_.memory.give_back(kMore);
  server_sends(kStart, kStart + 2 * kMiB);
  run();
  EXPECT_TRUE(workers_.memory.take(kMore));
  EXPECT_FALSE(workers_.memory.take(1));
}

}  // namespace
}  // namespace pgkeep::streaming
