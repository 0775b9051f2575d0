#include "catalog/verify/backup_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wal_builder.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;
using testing::HasSubstr;
using testing::Optional;

constexpr TimelineId kOne(1);
const Lsn kBegin(5 * test::kSampleSegmentBytes);

/// A checkpoint whose content is told apart by `salt`.
io::ByteVector content_of(Lsn redo, std::uint8_t salt) {
  io::ByteVector content(postgres::kCheckpointBytes, std::byte{salt});
  io::store_le(content.data(), redo.value());
  io::store_le(content.data() + 8, kOne.value());
  return content;
}

/// WAL with two checkpoints, and a backup that was begun at the first and has the second in its pg_control.
class BackupCheckpointTest : public testing::Test {
 protected:
  BackupCheckpointTest() { layout_.make(); }

  static Lsn add_checkpoint(test::WalBuilder& wal, Lsn redo, std::uint8_t salt) {
    io::ByteVector rest{std::byte{255}, static_cast<std::byte>(postgres::kCheckpointBytes)};
    const auto content = content_of(redo, salt);
    rest.insert(rest.end(), content.begin(), content.end());
    return wal.add(0, 0x10, rest);
  }
  void hold(std::uint8_t first_salt, std::uint8_t second_salt) {
    test::WalBuilder wal(kBegin);
    label_.start = {kOne, wal.other(64)};
    label_.checkpoint = add_checkpoint(wal, label_.start.lsn, first_salt);
    // The second goes on in the next segment.
    wal.fill_to(Lsn(kBegin.value() + test::kSampleSegmentBytes - 48));
    control_.checkpoint = add_checkpoint(wal, label_.start.lsn, second_salt);
    control_.checkpoint_content = content_of(label_.start.lsn, 2);
    io::write_file_durably(layout_.partial(five_, size_), wal.segment(0));
    auto partial = PartialSegment::open(layout_, five_, size_);
    WalArchiveWriter(archive_).store_segment(partial, TimelineHistory(kOne), 1);
    io::write_file_durably(layout_.partial(five_.next(), size_), wal.segment(1));
  }
  std::optional<std::string> problem() {
    return checkpoint_problem(archive_, TimelineHistory(kOne), label_, control_);
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
  WalSegment five_{kOne, 5};
  postgres::BackupLabel label_;
  postgres::ControlFile control_;
};

TEST_F(BackupCheckpointTest, IsNoProblemWhenTheWalHasBothCheckpoints) {
  hold(1, 2);
  EXPECT_EQ(problem(), std::nullopt);
}

TEST_F(BackupCheckpointTest, IsAProblemWhenTheWalHasNoneWhereTheLabelSays) {
  hold(1, 2);
  label_.checkpoint = label_.checkpoint + 8;
  EXPECT_THAT(problem(), Optional(HasSubstr("none there")));
}

TEST_F(BackupCheckpointTest, IsAProblemWhenReplayWouldBeginElsewhere) {
  hold(1, 2);
  label_.start.lsn = Lsn(kBegin.value() + 8);
  EXPECT_THAT(problem(), Optional(HasSubstr("another history")));
}

TEST_F(BackupCheckpointTest, IsAProblemWhenTheLastCheckpointIsAnotherServersAtTheSamePlace) {
  hold(1, 3);
  EXPECT_THAT(problem(), Optional(HasSubstr("has another one there")));
}

TEST_F(BackupCheckpointTest, IsNoProblemOfWalThatIsNotHeld) {
  label_.checkpoint = label_.start.lsn = kBegin;
  EXPECT_EQ(problem(), std::nullopt);
}

}  // namespace
}  // namespace pgkeep::catalog
