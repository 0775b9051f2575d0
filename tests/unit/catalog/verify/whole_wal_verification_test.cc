#include "catalog/verify/whole_wal_verification.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/wal/partial_segment.h"
#include "catalog/wal/wal_archive.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/denied.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr TimelineId kOne(1);

class NoObserver final : public io::ProgressObserver {
 public:
  void progress(const io::Progress&) override {}
  void note(std::string_view) override {}
  void warning(std::string_view) override {}
};

/// Segments 5 and 6 are archived, and half of 7 was received.
class WholeWalVerificationTest : public testing::Test {
 protected:
  WholeWalVerificationTest() {
    layout_.make();
    confirm_identity(layout_, identity_);
    for (const std::uint64_t number : {5, 6}) {
      auto partial = open({kOne, number});
      partial.write(test::sample_wal({kOne, number}), io::now());
      WalArchiveWriter(WalArchive(layout_, identity_)).store_segment(partial, TimelineHistory(kOne), 1);
    }
    auto seven = open({kOne, 7});
    seven.write(io::ByteView(test::sample_wal({kOne, 7})).first(size_.bytes() / 2), io::now());
    seven.flush();
  }
  PartialSegment open(const WalSegment& segment) { return PartialSegment::open(layout_, segment, size_); }
  WalVerificationReport verify() { return verify_whole_wal(layout_, 2, observer_, {}); }
  void flip_a_bit(const std::filesystem::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 4);
    file.seekp(at);
    file.put(byte);
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  ServerIdentity identity_{test::kSampleSystem, test::kSampleMajor, size_, 8192};
  NoObserver observer_;
};

TEST_F(WholeWalVerificationTest, ReadsWhatNoBackupNeedsAndWhatIsStillBeingReceived) {
  const auto report = verify();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.segments, 3);
  EXPECT_EQ(report.bytes, size_.bytes() * 5 / 2);
}

TEST_F(WholeWalVerificationTest, NamesEachDamagedSegment) {
  flip_a_bit(layout_.archived({kOne, 5}, size_), 3000);
  flip_a_bit(layout_.partial({kOne, 7}, size_), 70'000);
  EXPECT_THAT(verify().findings,
              ElementsAre(HasSubstr("WAL segment 000000010000000000000005"),
                          AllOf(HasSubstr("WAL segment 000000010000000000000007"), HasSubstr(".partial"))));
}

TEST_F(WholeWalVerificationTest, FindsASegmentThatDoesNotContinueTheOneBeforeIt) {
  std::filesystem::remove(layout_.archived({kOne, 6}, size_));
  std::filesystem::remove(layout_.partial({kOne, 7}, size_));
  {
    store::ServerLayout other(directory_ / "other");
    other.make();
    auto partial = PartialSegment::open(other, {kOne, 6}, size_);
    partial.write(test::sample_wal({kOne, 6}, 0, postgres::Lsn(0x5F0018)), io::now());
    WalArchiveWriter(WalArchive(other, identity_)).store_segment(partial, TimelineHistory(kOne), 1);
    std::filesystem::rename(other.archived({kOne, 6}, size_), layout_.archived({kOne, 6}, size_));
  }
  EXPECT_THAT(verify().findings, ElementsAre(HasSubstr("WAL segment 000000010000000000000006")));
}

TEST_F(WholeWalVerificationTest, IsRefusedWhereNoWalWasEverReceived) {
  store::ServerLayout fresh(directory_ / "fresh");
  EXPECT_THROW(verify_whole_wal(fresh, 2, observer_, {}), NotFound);
}

TEST_F(WholeWalVerificationTest, CanBeStopped) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(verify_whole_wal(layout_, 2, observer_, stop.get_token()), Interrupted);
}

TEST_F(WholeWalVerificationTest, DoesNotCallDamagedWhatItMayNotOpen) {
  const test::Denied segment(directory_.path(), layout_.archived({kOne, 5}, size_));
  EXPECT_THAT([&] { verify(); }, testing::ThrowsMessage<StorageError>(HasSubstr("Permission denied")));
}

}  // namespace
}  // namespace pgkeep::catalog
