#include "streaming/wal_stream.h"

#include <deque>
#include <filesystem>
#include <functional>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "streaming/segment_archiver.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::streaming {
namespace {

using namespace std::chrono_literals;
using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalPosition;
using postgres::WalSegment;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

constexpr TimelineId kOne(1);
constexpr auto kMiB = test::kSampleSegmentBytes;
constexpr WalSegment kFive{kOne, 5};
constexpr Lsn kStart(5 * kMiB);

/// What a status message says.
struct Status {
  Lsn written;
  Lsn flushed;
  bool asks = false;
};

/// Plays what a server sends, and remembers what it is sent. When the script is over, stop is asked.
class ScriptedWire final : public WalWire {
 public:
  void sends(io::ByteVector message) { script_.emplace_back(std::move(message)); }
  void pauses() { script_.emplace_back(CopyState::nothing_yet); }
  void ends() { script_.emplace_back(CopyState::ended); }
  /// Then nothing but this, without ever a pause; a stream that does not look up from it fails.
  void repeats(io::ByteVector message) { repeated_ = std::move(message); }
  void on_status(std::function<void(const Status&)> look) { look_ = std::move(look); }
  const std::vector<Status>& statuses() const { return statuses_; }

  CopyState poll(io::ByteView& into) override {
    if (script_.empty() && repeated_) {
      if (++repetitions_ > kMostRepetitions) throw std::runtime_error("the stream never looks up");
      into = *repeated_;
      return CopyState::data;
    }
    if (script_.empty()) return CopyState::nothing_yet;
    last_ = std::move(script_.front());
    script_.pop_front();
    if (const auto* state = std::get_if<CopyState>(&last_)) return *state;
    into = std::get<io::ByteVector>(last_);
    return CopyState::data;
  }
  bool wait_readable(std::chrono::milliseconds /*at_most*/) override {
    if (script_.empty()) throw Interrupted("the script is over");
    return true;
  }
  void send(io::ByteView message) override {
    ASSERT_EQ(message.size(), 34u);
    const auto lsn_at = [&](std::size_t at) { return Lsn(io::load_be<std::uint64_t>(&message[at])); };
    statuses_.push_back({lsn_at(1), lsn_at(9), message[33] != std::byte{0}});
    if (look_) look_(statuses_.back());
  }

 private:
  static constexpr int kMostRepetitions = 1'000'000;

  std::deque<std::variant<io::ByteVector, CopyState>> script_;
  std::optional<io::ByteVector> repeated_;
  int repetitions_ = 0;
  std::variant<io::ByteVector, CopyState> last_;
  std::vector<Status> statuses_;
  std::function<void(const Status&)> look_;
};

io::ByteVector wal_message(Lsn start, io::ByteView data) {
  io::ByteVector message(25);
  message[0] = std::byte{'w'};
  io::store_be(&message[1], start.value());
  io::store_be(&message[9], start.value() + data.size());
  message.insert(message.end(), data.begin(), data.end());
  return message;
}

io::ByteVector keepalive(bool reply_now) {
  io::ByteVector message(18);
  message[0] = std::byte{'k'};
  message[17] = std::byte{reply_now};
  return message;
}

class WalStreamTest : public testing::Test {
 protected:
  WalStreamTest() { layout_.make(); }

  /// WAL of the sample segments from..to, which may lie in several.
  void server_sends(Lsn from, Lsn to) {
    io::ByteVector data;
    for (auto at = from; at < to;) {
      const auto segment = WalSegment::holding({kOne, at}, size_);
      const auto wal = test::sample_wal(segment, segment == bad_ ? 1 : 0);
      const auto end = std::min(to, segment.end(size_));
      const auto piece = io::ByteView(wal).subspan(at - segment.begin(size_), end - at);
      data.insert(data.end(), piece.begin(), piece.end());
      at = end;
    }
    if (bad_ && from == bad_->begin(size_)) data[0] = std::byte{0};
    wire_.sends(wal_message(from, data));
  }
  WalStream::End run(Lsn start = kStart, const std::stop_token& stop = {}) {
    SegmentArchiver archiver(archive_, [this](const auto& header) { archived_.push_back(header.segment); });
    WalStream stream(wire_, layout_, size_, {kOne, start}, TimelineHistory(kOne), archiver, settings_,
                     [this](Lsn flushed) { progress_.push_back(flushed); });
    const auto end = stream.run(stop);
    archiver.wait_until_idle();
    written_ = stream.writer().written();
    return end;
  }
  bool partial_is_there(const WalSegment& segment) const {
    return std::filesystem::exists(layout_.partial(segment, size_));
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  catalog::WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}, 1};
  ScriptedWire wire_;
  WalStreamSettings settings_{.status_interval = 1h, .report_from = {}};
  std::optional<WalSegment> bad_;
  std::vector<WalSegment> archived_;
  std::vector<Lsn> progress_;
  Lsn written_;
};

// -------------------------------------------------------------------------------- flush and report

TEST_F(WalStreamTest, AsksAServerThatSaysNothingWhetherTheStreamStands) {
  run();
  ASSERT_THAT(wire_.statuses(), SizeIs(1));
  EXPECT_TRUE(wire_.statuses()[0].asks);
  EXPECT_THAT(progress_, IsEmpty());
}

TEST_F(WalStreamTest, ReportsAllThatCouldBeReadTogether) {
  server_sends(kStart, kStart + 1000);
  server_sends(kStart + 1000, kStart + 2000);
  server_sends(kStart + 2000, kStart + 3000);
  run();
  ASSERT_THAT(wire_.statuses(), SizeIs(1));
  EXPECT_EQ(wire_.statuses()[0].written, kStart + 3000);
  EXPECT_EQ(wire_.statuses()[0].flushed, kStart + 3000);
  EXPECT_FALSE(wire_.statuses()[0].asks);
}

TEST_F(WalStreamTest, ReportsEachTimeTheSocketIsEmpty) {
  server_sends(kStart, kStart + 1000);
  wire_.pauses();
  server_sends(kStart + 1000, kStart + 2000);
  run();
  ASSERT_THAT(wire_.statuses(), SizeIs(2));
  EXPECT_EQ(wire_.statuses()[0].flushed, kStart + 1000);
  EXPECT_EQ(wire_.statuses()[1].flushed, kStart + 2000);
}

TEST_F(WalStreamTest, ReportsWhileMoreKeepsComing) {
  constexpr std::uint64_t kMessage = 128u << 10;
  for (auto at = kStart; at < kStart + 3 * WalStream::kFlushBytes; at = at + kMessage)
    server_sends(at, at + kMessage);
  run();
  EXPECT_GE(wire_.statuses().size(), 3u);
}

TEST_F(WalStreamTest, ReportsAndStopsWhileMessagesWithoutWalKeepComing) {
  const auto no_wal = wal_message(kStart + 1000, {});
  for (const auto& message : {keepalive(false), no_wal}) {
    wire_ = {};
    std::stop_source stop;
    wire_.on_status([&](const Status& status) {
      EXPECT_EQ(status.flushed, kStart + 1000);
      stop.request_stop();
    });
    server_sends(kStart, kStart + 1000);
    wire_.repeats(message);
    EXPECT_EQ(run(kStart, stop.get_token()), WalStream::End::by_stop);
    EXPECT_THAT(wire_.statuses(), SizeIs(1));
  }
}

TEST_F(WalStreamTest, AnswersARequestOnlyAfterAFlush) {
  server_sends(kStart, kStart + 1000);
  wire_.sends(keepalive(true));
  server_sends(kStart + 1000, kStart + 2000);
  run();
  ASSERT_THAT(wire_.statuses(), SizeIs(2));
  EXPECT_EQ(wire_.statuses()[0].flushed, kStart + 1000);
}

TEST_F(WalStreamTest, AnswersARequestThatBringsNoNews) {
  wire_.sends(keepalive(true));
  wire_.pauses();
  wire_.sends(keepalive(true));
  run();
  EXPECT_THAT(wire_.statuses(), SizeIs(2));
}

TEST_F(WalStreamTest, DoesNotAnswerKeepalivesThatAskNothing) {
  wire_.sends(keepalive(false));
  wire_.pauses();
  wire_.sends(keepalive(false));
  run();
  EXPECT_THAT(wire_.statuses(), SizeIs(1));  // where it starts
}

TEST_F(WalStreamTest, ReportsWithoutNewsWhenTheTimeHasCome) {
  settings_.status_interval = 0ms;
  wire_.sends(keepalive(false));
  wire_.pauses();
  wire_.pauses();
  run();
  EXPECT_GE(wire_.statuses().size(), 3u);
}

TEST_F(WalStreamTest, ReportsNoFlushBelowWhatWasReportedBefore) {
  settings_.report_from = kStart + 1500;
  server_sends(kStart, kStart + 1000);
  wire_.pauses();
  server_sends(kStart + 1000, kStart + 2000);
  run();
  ASSERT_THAT(wire_.statuses(), SizeIs(2));
  EXPECT_EQ(wire_.statuses()[0].flushed, Lsn());
  EXPECT_EQ(wire_.statuses()[1].flushed, kStart + 2000);
}

TEST_F(WalStreamTest, TellsItsProgressFromTheFirstMessageOn) {
  server_sends(kStart, kStart + 1000);
  run();
  EXPECT_THAT(progress_, ElementsAre(kStart, kStart + 1000));
}

// ----------------------------------------------------------------------------------------- segments

TEST_F(WalStreamTest, ArchivesASegmentThatAMessageCrosses) {
  server_sends(kStart, kStart + kMiB + 1000);
  run();
  EXPECT_THAT(archived_, ElementsAre(kFive));
  EXPECT_TRUE(archive_.has(kFive));
  EXPECT_FALSE(partial_is_there(kFive));
  EXPECT_EQ(written_, kStart + kMiB + 1000);
}

TEST_F(WalStreamTest, ArchivesMoreSegmentsThanMayBeUnderWay) {
  server_sends(kStart, kStart + 6 * kMiB);
  run();
  EXPECT_THAT(archived_, SizeIs(6));
}

TEST_F(WalStreamTest, HasTheNextSegmentsFileBeforeItReportsTheEndOfOne) {
  wire_.on_status([&](const Status& status) {
    if (status.flushed < kFive.end(size_)) return;
    EXPECT_TRUE(partial_is_there(kFive.next()));
  });
  server_sends(kStart, kStart + kMiB);
  run();
  EXPECT_EQ(wire_.statuses().back().flushed, kFive.end(size_));
}

TEST_F(WalStreamTest, FindsAfterAKillWhatItReported) {
  Lsn reported;
  wire_.on_status([&](const Status& status) { reported = std::max(reported, status.flushed); });
  server_sends(kStart, kStart + 1000);
  run();
  EXPECT_EQ(archive_.partial_end(kFive), reported);
  EXPECT_EQ(archive_.resume_position(), (WalPosition{kOne, kStart}));
  server_sends(kStart, kStart + 2000);
  run();
  EXPECT_EQ(archive_.partial_end(kFive), kStart + 2000);
}

TEST_F(WalStreamTest, FailsWithWhatArchivingFailsWith) {
  bad_ = kFive;
  server_sends(kStart, kStart + kMiB);
  EXPECT_THAT([&] { run(); }, ThrowsMessage<Corruption>(HasSubstr("0/500000")));
  EXPECT_FALSE(archive_.has(kFive));
  EXPECT_TRUE(partial_is_there(kFive));
}

// ---------------------------------------------------------------------------------------------- ends

TEST_F(WalStreamTest, FlushesWhenTheServerEndsTheStream) {
  server_sends(kStart, kStart + 1000);
  wire_.ends();
  EXPECT_EQ(run(), WalStream::End::by_server);
  EXPECT_EQ(archive_.partial_end(kFive), kStart + 1000);
}

TEST_F(WalStreamTest, EndsWhenStopIsAskedAndLeavesTheStreamOpen) {
  server_sends(kStart, kStart + 1000);
  EXPECT_EQ(run(), WalStream::End::by_stop);
}

TEST_F(WalStreamTest, TakesNothingThatDoesNotContinue) {
  server_sends(kStart + 8, kStart + 1000);
  EXPECT_THAT([&] { run(); }, ThrowsMessage<ProtocolError>(HasSubstr("0/500000")));
  EXPECT_EQ(archive_.partial_end(kFive), kStart);
}

TEST_F(WalStreamTest, TakesNothingTwice) {
  server_sends(kStart, kStart + 1000);
  server_sends(kStart + 500, kStart + 1500);
  EXPECT_THROW(run(), ProtocolError);
}

TEST_F(WalStreamTest, RefusesAnotherHistoryOfWhatItHas) {
  server_sends(kStart, kStart + 1000);
  run();
  auto other = test::sample_wal(kFive, 1);
  wire_.sends(wal_message(kStart, io::ByteView(other).first(1000)));
  EXPECT_THROW(run(), Corruption);
}

}  // namespace
}  // namespace pgkeep::streaming
