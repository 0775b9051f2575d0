// What the policy lets go: a backup is never without its WAL, what is kept is never touched, and a plan that
// is made after a power cut or a kill comes to the same end.
#include "catalog/retention/expiry.h"

#include <filesystem>
#include <set>
#include <stop_token>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/lock.h"
#include "catalog/records/identity.h"
#include "catalog/retention/expiry_facts.h"
#include "catalog/store/commit_chain.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/power_cuts.h"
#include "tests/support/sample_wal.h"
#include "tests/support/unobserved.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;
using test::Aftermath;
using test::PowerCuts;

constexpr postgres::TimelineId kOne(1);
constexpr auto kMiB = test::kSampleSegmentBytes;
constexpr RetentionPolicy kNewestAlone{.redundancy = 1};
const ServerIdentity kIdentity{test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(), 8192};
const std::set<std::string> kEnd{"20261122T020000Z"};

/// Backups in the segments 2, 3 and 5 of those from 1 to 6.
class ExpiryPowerCut : public testing::Test {
 protected:
  ExpiryPowerCut() {
    const auto layout = layout_in(root());
    layout.make();
    confirm_identity(layout, kIdentity);
    const WalArchive archive(layout, kIdentity);
    for (std::uint64_t number = 1; number <= 6; ++number) {
      const postgres::WalSegment segment{kOne, number};
      auto partial = PartialSegment::open(layout, segment, kIdentity.wal_segment_size);
      partial.write(test::sample_wal(segment), io::now());
      partial.flush();
      WalArchiveWriter(archive).store_segment(partial, postgres::TimelineHistory(kOne), 1);
    }
    commit("20261120T020000Z", 2);
    commit("20261121T020000Z", 3);
    commit("20261122T020000Z", 5);
  }

  static void commit(const store::ServerLayout& layout, const char* name, std::uint64_t segment) {
    store::BackupRecord record(store::BackupId::parse(name).value());
    record.server = "main";
    record.system = test::kSampleSystem;
    record.server_version = "18.6";
    record.major_version = test::kSampleMajor;
    record.wal_segment_size = kIdentity.wal_segment_size;
    record.start = {kOne, postgres::Lsn(segment * kMiB + 0x28)};
    record.end = {kOne, postgres::Lsn(segment * kMiB + kMiB / 2)};
    const auto link = store::next_link(store::list_backup_records(layout), {}, {});
    record.sequence = link.sequence;
    record.previous_record_sha256 = link.previous_record_sha256;
    io::make_directories(layout.backup(record.id));
    io::write_file_durably(layout.record(record.id), io::as_bytes(record.to_json()));
  }
  void commit(const char* name, std::uint64_t segment) const { commit(layout_in(root()), name, segment); }

  static store::ServerLayout layout_in(const fs::path& root) { return store::ServerLayout(root / "main"); }
  /// As `expire` does.
  static void expire(const fs::path& root, const std::stop_token& stop = {},
                     const RetentionPolicy& policy = kNewestAlone) {
    const auto layout = layout_in(root);
    const auto lock = io::FileLock::acquire(layout.writer_lock(), "expire");
    auto facts = gather_expiry_facts(layout, {});
    facts.deleted_by_hand = !policy.has_rules();
    test::Unobserved observer;
    carry_out(layout, claim_expiry(layout, facts, policy, io::now()), facts, io::now(), observer, stop);
  }
  static std::set<std::string> backups(const fs::path& root) {
    const auto listing = store::list_backup_records(layout_in(root));
    EXPECT_TRUE(listing.unread.empty());
    std::set<std::string> ids;
    for (const auto& record : listing.backups) ids.insert(record.id.to_string());
    return ids;
  }
  /// What has gone was noted before it went.
  static void require_no_missing_backup(const fs::path& root) {
    EXPECT_TRUE(store::examine_chain(layout_in(root)).is_sound());
  }
  /// From the start of each backup to the end of all.
  static void require_wal_of_all(const fs::path& root) {
    const auto layout = layout_in(root);
    const auto held = HeldWal::read(WalArchive(layout, kIdentity));
    for (const auto& record : store::list_backup_records(layout).backups) {
      const auto along = held.along(postgres::TimelineHistory(kOne));
      EXPECT_TRUE(along.covers(record.start.lsn, postgres::Lsn(7 * kMiB))) << record.id.to_string();
    }
  }
  /// After a plan that was carried out, or a receiver would ask the server for what has gone.
  static void require_no_gap(const fs::path& root) {
    const auto held = HeldWal::read(WalArchive(layout_in(root), kIdentity));
    EXPECT_EQ(held.along(postgres::TimelineHistory(kOne)).stretches().size(), 1u);
  }
  static void require_promises(const Aftermath& left, const RetentionPolicy& policy = kNewestAlone) {
    EXPECT_TRUE(backups(left.root()).contains(*kEnd.begin()));
    require_wal_of_all(left.root());
    require_no_missing_backup(left.root());
    for (int i = 0; i < 2; ++i) expire(left.root(), {}, policy);
    EXPECT_EQ(backups(left.root()), kEnd);
    require_no_missing_backup(left.root());
    require_wal_of_all(left.root());
    require_no_gap(left.root());
    EXPECT_EQ(WalArchive(layout_in(left.root()), kIdentity).inventory().segments.front().number, 5u);
  }

  fs::path root() const { return directory_.path(); }

  test::TempDirectory directory_;
};

TEST_F(ExpiryPowerCut, LeavesNoBackupWithoutItsWal) {
  PowerCuts cuts(root());
  cuts.record([&] {
    for (int i = 0; i < 2; ++i) expire(root());
  });
  EXPECT_EQ(backups(root()), kEnd);
  std::set<std::string> why;
  for (const auto& deletion : store::read_deletions(layout_in(root()))) why.insert(deletion.why);
  EXPECT_EQ(why, std::set<std::string>{"no rule keeps it"});
  cuts.check([](const Aftermath& left) { require_promises(left); });
}

TEST_F(ExpiryPowerCut, OfWhatWasDeletedWithoutAPolicyLeavesNoBackupWithoutItsWal) {
  const auto layout = layout_in(root());
  for (const auto* name : {"20261120T020000Z", "20261121T020000Z"}) {
    change_retention_marks(layout, store::BackupId::parse(name).value(), [](RetentionMarks& marks) {
      marks.expired = {ExpiryMark::By::operator_, io::now(), "deleted"};
    });
  }
  PowerCuts cuts(root());
  cuts.record([&] { expire(root(), {}, {}); });
  EXPECT_EQ(backups(root()), kEnd);
  cuts.check([](const Aftermath& left) { require_promises(left, {}); });
}

TEST_F(ExpiryPowerCut, IsFinishedByTheNextPlanAfterAKill) {
  expire(root());  // marks
  PowerCuts cuts(root());
  cuts.record([&] { expire(root()); });
  cuts.check_after_kills([](const Aftermath& killed) { expire(killed.root()); },
                         [](const Aftermath& left) { require_promises(left); });
}

TEST_F(ExpiryPowerCut, IsFinishedByTheNextPlanAfterAStop) {
  expire(root());  // marks
  const auto before = backups(root());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(expire(root(), stop.get_token()), Interrupted);
  EXPECT_EQ(backups(root()), before);
  expire(root());
  EXPECT_EQ(backups(root()), kEnd);
  require_no_gap(root());
}

/// Whatever is cut: what each backup needs to be consistent is there, and no receiver asks for what was let
/// go.
TEST_F(ExpiryPowerCut, BetweenOlderBackupsTellsOfTheWalBeforeItGoes) {
  const RetentionPolicy policy{.redundancy = 9, .wal_window = std::chrono::hours(1)};
  const auto require = [](const fs::path& root) {
    const auto layout = layout_in(root);
    const auto along = HeldWal::read(WalArchive(layout, kIdentity)).along(postgres::TimelineHistory(kOne));
    const auto events = EventJournal(layout).read();
    for (const auto& record : store::list_backup_records(layout).backups)
      EXPECT_TRUE(along.covers(record.start.lsn, record.end.lsn)) << record.id.to_string();
    EXPECT_EQ(along.resume_point(events)->position.lsn, postgres::Lsn(7 * kMiB));
    for (const auto& gap : along.gaps(events)) EXPECT_TRUE(gap.event) << gap.range.begin.to_string();
  };
  PowerCuts cuts(root());
  cuts.record([&] { expire(root(), {}, policy); });
  EXPECT_EQ(WalArchive(layout_in(root()), kIdentity).inventory().segments.size(), 4u) << "2, 3, 5, 6";
  require(root());
  cuts.check([&](const Aftermath& left) {
    require(left.root());
    expire(left.root(), {}, policy);
    require(left.root());
    EXPECT_EQ(WalArchive(layout_in(left.root()), kIdentity).inventory().segments.size(), 4u);
  });
}

}  // namespace
}  // namespace pgkeep::catalog
