#include "catalog/wal/set_aside_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/wal/wal_archive.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineId;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

constexpr TimelineId kOne{1};
constexpr auto kMiB = test::kSampleSegmentBytes;

/// A server with a backup and WAL of segment 5, that was put back.
class SetAsideLineTest : public testing::Test {
 protected:
  SetAsideLineTest() {
    layout_.make();
    confirm_identity(layout_, identity_);
    receive(5);
    backup("20261118T020000Z");
    EventJournal(layout_).append({io::now(), EventKind::rolled_back, "put back", {}});
  }

  void receive(std::uint64_t number) {
    const postgres::WalSegment segment{kOne, number};
    auto partial = PartialSegment::open(layout_, segment, identity_.wal_segment_size);
    partial.write(test::sample_wal(segment), io::now());
  }
  void backup(const std::string& id) {
    store::BackupRecord record(store::BackupId::parse(id).value());
    record.server = "main";
    record.system = test::kSampleSystem;
    record.server_version = "18.0";
    record.major_version = test::kSampleMajor;
    record.wal_segment_size = identity_.wal_segment_size;
    record.block_bytes = 8192;
    record.start = record.end = {kOne, Lsn(5 * kMiB)};
    io::make_directories(layout_.backup(record.id));
    io::write_file_durably(layout_.record(record.id), io::as_bytes(record.to_json()));
  }
  std::vector<std::string> own_backups(const store::ServerLayout& layout) const {
    auto backups = store::list_backup_records(layout).backups;
    keep_only_own(layout, backups);
    std::vector<std::string> ids;
    for (const auto& record : backups) ids.push_back(record.id.to_string());
    return ids;
  }
  std::vector<std::uint64_t> partials(const store::ServerLayout& layout) const {
    std::vector<std::uint64_t> numbers;
    for (const auto& segment : WalArchive(layout, identity_).inventory().partials)
      numbers.push_back(segment.number);
    return numbers;
  }
  static std::vector<EventKind> kinds(const store::ServerLayout& layout) {
    std::vector<EventKind> kinds;
    for (const auto& event : EventJournal(layout).read()) kinds.push_back(event.kind);
    return kinds;
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  ServerIdentity identity_{test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(), 8192};
};

TEST_F(SetAsideLineTest, KeepsWalEventsAndBackupsTogether) {
  const auto line = set_line_aside(layout_, "put back");
  EXPECT_EQ(line.number, 1u);
  EXPECT_EQ(line.end, (postgres::WalPosition{kOne, Lsn(6 * kMiB)}));
  const auto aside = layout_.of_line(1);
  EXPECT_THAT(partials(aside), ElementsAre(5));
  EXPECT_THAT(kinds(aside), ElementsAre(EventKind::rolled_back));
  EXPECT_THAT(own_backups(aside), ElementsAre("20261118T020000Z"));
}

TEST_F(SetAsideLineTest, LeavesNothingToTheNewLine) {
  set_line_aside(layout_, "put back");
  EXPECT_THAT(partials(layout_), IsEmpty());
  EXPECT_THAT(own_backups(layout_), IsEmpty());
  const auto events = EventJournal(layout_).read();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].kind, EventKind::line_begun);
  EXPECT_THAT(events[0].cause, HasSubstr("up to 0/600000 of timeline 1, was set aside as line 1: put back"));
  EXPECT_EQ(undecided_rollback(events), nullptr);
}

TEST_F(SetAsideLineTest, NumbersLinesAndKeepsEachsOwnBackups) {
  set_line_aside(layout_, "put back");
  receive(4);
  backup("20261119T020000Z");
  EXPECT_EQ(set_line_aside(layout_, "again").number, 2u);
  backup("20261120T020000Z");
  EXPECT_THAT(own_backups(layout_.of_line(1)), ElementsAre("20261118T020000Z"));
  EXPECT_THAT(own_backups(layout_.of_line(2)), ElementsAre("20261119T020000Z"));
  EXPECT_THAT(own_backups(layout_), ElementsAre("20261120T020000Z"));
  EXPECT_THAT(partials(layout_.of_line(2)), ElementsAre(4));
}

ServerIdentity upgraded() {
  return {postgres::SystemIdentifier(99), test::kSampleMajor + 1, test::sample_segment_size(), 8192};
}

TEST_F(SetAsideLineTest, KeepsWhoseItWasWhenAnotherClusterTakesItsPlace) {
  const auto line = set_line_aside(layout_, "upgraded", upgraded());
  EXPECT_EQ(read_identity(layout_), upgraded());
  EXPECT_EQ(read_identity(layout_.of_line(line.number)), identity_);
}

TEST_F(SetAsideLineTest, IsCompletedWithTheIdentityOfTheNewCluster) {
  const auto line = set_line_aside(layout_, "upgraded", upgraded());
  // As if it had been killed after the WAL was moved.
  const auto aside = layout_.of_line(line.number);
  io::rename_durably(layout_.identity(), aside.next_identity());
  write_identity(layout_.identity(), identity_);
  io::remove_file(layout_.event_journal());
  finish_setting_aside(layout_);
  EXPECT_EQ(read_identity(layout_), upgraded());
  EXPECT_THAT(kinds(layout_), ElementsAre(EventKind::line_begun));
}

TEST_F(SetAsideLineTest, DoesNotTakeWhatAKilledAttemptWithAnotherClusterLeft) {
  const auto aside = layout_.of_line(1);
  io::make_directories(layout_.line_record(1).parent_path());
  write_identity(aside.line_identity(), upgraded());
  write_identity(aside.next_identity(), upgraded());
  set_line_aside(layout_, "put back");
  EXPECT_EQ(read_identity(layout_), identity_);
  EXPECT_EQ(read_identity(aside), identity_);
}

TEST_F(SetAsideLineTest, IsCompletedWhenItIsAskedForAgain) {
  const auto line = set_line_aside(layout_, "upgraded", upgraded());
  const auto aside = layout_.of_line(line.number);
  io::rename_durably(layout_.identity(), aside.next_identity());
  write_identity(layout_.identity(), identity_);
  io::remove_file(layout_.event_journal());
  EXPECT_TRUE(is_half_set_aside(layout_));
  EXPECT_EQ(set_line_aside(layout_, "upgraded", upgraded()).number, line.number);
  EXPECT_FALSE(is_half_set_aside(layout_));
  EXPECT_EQ(read_identity(layout_), upgraded());
  EXPECT_THAT(read_set_aside_lines(layout_), SizeIs(1));
}

TEST_F(SetAsideLineTest, WithoutWalGivesWayToAnotherCluster) {
  set_line_aside(layout_, "put back");
  set_line_aside(layout_, "upgraded before anything was received", upgraded());
  EXPECT_EQ(read_identity(layout_), upgraded());
  EXPECT_THAT(read_set_aside_lines(layout_), SizeIs(2));
}

TEST_F(SetAsideLineTest, RefusesWithoutWal) {
  set_line_aside(layout_, "put back");
  EXPECT_THAT([&] { set_line_aside(layout_, "again"); }, ThrowsMessage<Refused>(HasSubstr("no WAL")));
  EXPECT_THAT(read_set_aside_lines(layout_), SizeIs(1));
}

TEST_F(SetAsideLineTest, LeadsOutOfAPartialOfAnotherSize) {
  io::write_file_durably(layout_.partial({kOne, 6}, identity_.wal_segment_size), io::ByteVector(4096));
  set_line_aside(layout_, "a partial was cut");
  EXPECT_THAT(partials(layout_), IsEmpty());
  EXPECT_THAT(partials(layout_.of_line(1)), ElementsAre(5, 6));
}

TEST_F(SetAsideLineTest, ADamagedRecordConcernsOnlyTheBackupsOfItsLine) {
  set_line_aside(layout_, "put back");
  receive(4);
  backup("20991119T020000Z");  // after the line was set aside
  const auto path = layout_.line_record(1);
  for (const auto* damage : {"{\"format\":1}", "", "{\"format\":7,"}) {
    io::write_file_durably(path, io::as_bytes(damage));
    const auto lines = read_set_aside_lines(layout_);
    ASSERT_THAT(lines, SizeIs(1));
    EXPECT_THAT(lines[0].damage, HasSubstr(path.native()));
    EXPECT_THAT(own_backups(layout_), ElementsAre("20991119T020000Z"));
    const auto old = store::BackupId::parse("20261118T020000Z").value();
    EXPECT_TRUE(is_unclear(lines, old));
    EXPECT_THAT([&] { layout_of_backup(layout_, lines, old); },
                ThrowsMessage<Corruption>(HasSubstr(path.native())));
  }
}

TEST_F(SetAsideLineTest, ADamagedRecordHidesNoOtherLine) {
  set_line_aside(layout_, "put back");
  receive(4);
  backup("20261119T020000Z");
  set_line_aside(layout_, "again");
  backup("20991120T020000Z");
  const auto damaged = layout_.line_record(1);
  std::filesystem::remove(damaged);
  std::filesystem::create_directory(damaged);  // cannot be read, as on a bad disk
  const auto lines = read_set_aside_lines(layout_);
  EXPECT_THAT(lines, SizeIs(2));
  EXPECT_THAT(own_backups(layout_.of_line(2)), ElementsAre("20261119T020000Z"));
  EXPECT_THAT(own_backups(layout_), ElementsAre("20991120T020000Z"));
  EXPECT_TRUE(is_unclear(lines, store::BackupId::parse("20261118T020000Z").value()));
}

TEST_F(SetAsideLineTest, ADamagedRecordDoesNotKeepALineFromBeingSetAside) {
  set_line_aside(layout_, "put back");
  io::write_file_durably(layout_.line_record(1), {});
  receive(4);
  backup("20991119T020000Z");
  const auto line = set_line_aside(layout_, "again");
  EXPECT_EQ(line.number, 2u);
  EXPECT_THAT(line.backups, SizeIs(1));
}

TEST_F(SetAsideLineTest, DoesNotTakeABackupOfAnotherLineAlongWhenBothRecordsAreDamaged) {
  set_line_aside(layout_, "put back");
  io::write_file_durably(layout_.line_record(1), {});
  io::write_file_durably(layout_.record(store::BackupId::parse("20261118T020000Z").value()), {});
  receive(4);
  EXPECT_THAT(set_line_aside(layout_, "again").backups, IsEmpty());
}

// ------------------------------------------------------------------------------------------- kills

/// What a kill leaves after the record is written: `moved` of the two things that are renamed after it.
class KilledSetAsideTest : public SetAsideLineTest, public testing::WithParamInterface<int> {
 protected:
  void undo_from(int moved) {
    const auto aside = layout_.of_line(1);
    std::filesystem::remove(layout_.event_journal());
    if (moved < 2) {
      std::filesystem::remove_all(layout_.wal());
      std::filesystem::rename(aside.wal(), layout_.wal());
    }
    if (moved < 1) std::filesystem::rename(aside.event_journal(), layout_.event_journal());
  }
};

TEST_P(KilledSetAsideTest, IsCompletedByTheNextStart) {
  set_line_aside(layout_, "put back");
  undo_from(GetParam());
  const bool counts = GetParam() == 2;
  EXPECT_THAT(read_set_aside_lines(layout_), SizeIs(counts ? 1 : 0));
  EXPECT_THAT(own_backups(layout_), SizeIs(counts ? 0 : 1));

  finish_setting_aside(layout_);
  EXPECT_THAT(partials(layout_.of_line(1)), ElementsAre(5));
  EXPECT_THAT(kinds(layout_.of_line(1)), ElementsAre(EventKind::rolled_back));
  EXPECT_THAT(partials(layout_), IsEmpty());
  EXPECT_THAT(kinds(layout_), ElementsAre(EventKind::line_begun));
  finish_setting_aside(layout_);
  EXPECT_THAT(kinds(layout_), ElementsAre(EventKind::line_begun));
}
INSTANTIATE_TEST_SUITE_P(AtEachStep, KilledSetAsideTest, testing::Values(0, 1, 2));

TEST_F(SetAsideLineTest, TakesBackupsAlongWhoseRecordsCannotBeReadNow) {
  backup("20261119T020000Z");
  const auto record = layout_.record(store::BackupId::parse("20261119T020000Z").value());
  const auto content = io::read_whole_file(record, 1 << 20);
  io::write_file_durably(record, io::as_bytes("{"));
  set_line_aside(layout_, "put back");
  io::write_file_durably(record, content);  // restored from a copy
  EXPECT_THAT(own_backups(layout_.of_line(1)), ElementsAre("20261118T020000Z", "20261119T020000Z"));
  EXPECT_THAT(own_backups(layout_), IsEmpty());
}

}  // namespace
}  // namespace pgkeep::catalog
