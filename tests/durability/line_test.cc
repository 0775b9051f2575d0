// Setting a line of WAL aside: WAL, events and backups of one history stay together, and none of them is
// lost.
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/wal/set_aside_line.h"
#include "catalog/wal/wal_archive.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/power_cuts.h"
#include "tests/support/sample_wal.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;
using test::Aftermath;
using test::DiskRecorder;
using test::PowerCuts;

constexpr const char* kSetAside = "line set aside";
constexpr auto kMiB = test::kSampleSegmentBytes;
constexpr postgres::WalSegment kArchived{postgres::TimelineId(1), 4};
constexpr postgres::WalSegment kReceived{postgres::TimelineId(1), 5};
const ServerIdentity kIdentity{test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(), 8192};
const ServerIdentity kNextIdentity{postgres::SystemIdentifier(test::kSampleSystem.value() + 1),
                                   test::kSampleMajor, test::sample_segment_size(), 8192};

class LinePowerCut : public testing::Test {
 protected:
  /// A server with a backup and WAL of two segments, that was put back.
  LinePowerCut() {
    const auto own = layout(root());
    own.make();
    confirm_identity(own, kIdentity);
    WalArchive archive(own, kIdentity);
    for (const auto& segment : {kArchived, kReceived}) {
      auto partial = PartialSegment::open(own, segment, kIdentity.wal_segment_size);
      partial.write(test::sample_wal(segment), io::now());
      partial.flush();
      if (segment == kArchived)
        WalArchiveWriter(archive).store_segment(partial, postgres::TimelineHistory(segment.timeline), 1);
    }
    store::BackupRecord record(backup());
    record.server = "main";
    record.system = test::kSampleSystem;
    record.server_version = "18.0";
    record.major_version = test::kSampleMajor;
    record.wal_segment_size = kIdentity.wal_segment_size;
    record.block_bytes = kIdentity.block_bytes;
    record.start = record.end = {postgres::TimelineId(1), postgres::Lsn(5 * kMiB)};
    io::make_directories(own.backup(record.id));
    io::write_file_durably(own.record(record.id), io::as_bytes(record.to_json()));
    EventJournal(own).append({io::now(), EventKind::rolled_back, "put back", {}});
  }

  static store::BackupId backup() { return store::BackupId::parse("20261118T020000Z").value(); }
  static store::ServerLayout layout(const fs::path& root) { return store::ServerLayout(root / "main"); }
  fs::path root() const { return directory_.path(); }
  static bool has_event(const store::ServerLayout& line, EventKind kind) {
    const auto events = EventJournal(line).read();
    return std::ranges::find(events, kind, &Event::kind) != events.end();
  }
  /// The WAL of the line, and the events that tell of it.
  static void require_line(const store::ServerLayout& line) {
    EXPECT_EQ(read_identity(line), kIdentity);
    const WalArchive archive(line, kIdentity);
    const auto wal = archive.inventory();
    EXPECT_THAT(wal.segments, testing::ElementsAre(kArchived));
    EXPECT_THAT(wal.partials, testing::ElementsAre(kReceived));
    io::ByteVector held(kMiB);
    io::File::open_to_read(line.partial(kReceived, kIdentity.wal_segment_size)).read_exactly_at(held, 0);
    EXPECT_EQ(held, test::sample_wal(kReceived));
    EXPECT_TRUE(has_event(line, EventKind::rolled_back));
  }
  /// The backup has its WAL, wherever that is. `next`: what the cluster is then.
  static void require_promises(const Aftermath& left, const ServerIdentity& next) {
    const auto own = layout(left.root());
    finish_setting_aside(own);
    const auto lines = read_set_aside_lines(own);
    EXPECT_TRUE(lines.size() == 1 || (lines.empty() && !left.promised(kSetAside)));
    require_line(layout_of_backup(own, lines, backup()));
    EXPECT_FALSE(is_half_set_aside(own));
    EXPECT_EQ(read_identity(own), lines.empty() ? kIdentity : next);
    if (lines.empty()) return;
    EXPECT_TRUE(has_event(own, EventKind::line_begun));
    EXPECT_FALSE(has_event(own, EventKind::rolled_back));
    EXPECT_EQ(undecided_rollback(EventJournal(own).read()), nullptr);
  }
  static void set_aside(const fs::path& root) {
    if (read_set_aside_lines(layout(root)).empty())
      set_line_aside(layout(root), "put back");
    else
      finish_setting_aside(layout(root));
    DiskRecorder::note(kSetAside);
  }
  static void change_cluster(const fs::path& root) {
    if (read_set_aside_lines(layout(root)).empty())
      set_line_aside(layout(root), "created again", kNextIdentity);
    else
      finish_setting_aside(layout(root));
    DiskRecorder::note(kSetAside);
  }

  test::TempDirectory directory_;
};

TEST_F(LinePowerCut, KeepsTheWalOfABackupTogether) {
  const auto require = [](const Aftermath& left) { require_promises(left, kIdentity); };
  PowerCuts cuts(root());
  cuts.record([&] { set_aside(root()); });
  cuts.check(require);
  cuts.check_after_kills([](const Aftermath& killed) { set_aside(killed.root()); }, require);
}

TEST_F(LinePowerCut, NeverHasTheWalOfOneClusterBesideTheIdentityOfAnother) {
  const auto require = [](const Aftermath& left) { require_promises(left, kNextIdentity); };
  PowerCuts cuts(root());
  cuts.record([&] { change_cluster(root()); });
  cuts.check(require);
  cuts.check_after_kills([](const Aftermath& killed) { change_cluster(killed.root()); }, require);
}

}  // namespace
}  // namespace pgkeep::catalog
