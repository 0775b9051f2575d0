#include "streaming/wal_intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/streaming/fake_server.h"
#include "tests/unit/streaming/scripted_wire.h"

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;
using postgres::TimelineId;

constexpr postgres::WalSegment kFive{TimelineId(1), 5};

class SilentObserver final : public WalReceiverObserver {
  void connected(const Connection& /*connection*/, const SystemInfo& /*system*/) override {}
  void streaming_from(const postgres::WalPosition& /*position*/) override {}
  void segment_archived(const catalog::SegmentFileHeader& /*segment*/) override {}
  void timeline_switched(TimelineId /*from*/, TimelineId /*to*/, Lsn /*at*/) override {}
  void disconnected(const std::string& /*why*/, std::chrono::milliseconds /*retry_in*/,
                    bool /*needs_attention*/) override {}
  void event(const catalog::Event& /*event*/) override {}
  void warning(const std::string& /*what*/) override {}
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

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  catalog::WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}, 1};
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

}  // namespace
}  // namespace pgkeep::streaming
