// Backups: one whose backup.json is there is whole, and one that was deleted is gone.
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/store/backup_lease.h"
#include "catalog/store/commit_chain.h"
#include "catalog/store/compaction.h"
#include "catalog/store/living_objects.h"
#include "catalog/store/pack_series.h"
#include "catalog/store/sweep.h"
#include "tests/support/power_cuts.h"
#include "tests/support/verification_fixture.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;
using test::Aftermath;
using test::DiskRecorder;
using test::PowerCuts;

// What is promised, with the number of the backup.
constexpr const char* kTaken = "backup taken";
constexpr const char* kDeleted = "backup deleted";

/// The repository of the fixture, or one that was left by a power cut.
class Store {
 public:
  explicit Store(const fs::path& root)
      : repository_(store::Repository::open_or_create(root / "repository")),
        layout_(repository_.server("main")) {
    layout_.make();
  }

  static store::BackupId id(unsigned number) {
    auto id = store::BackupId::parse("20261120T020000Z").value();
    for (unsigned i = 1; i < number; ++i) id = id.next();
    return id;
  }
  /// Compared with the newest that is there.
  void take(unsigned number, const Content& content) {
    write(number, content, [](auto& writer, auto& record) { writer.commit(record); });
    DiskRecorder::note(kTaken, number);
  }
  /// Goes as far as that there is only WAL to wait for.
  void break_off(unsigned number, const Content& content) {
    write(number, content, [](auto& writer, auto& record) { writer.prepare(record); });
  }
  void remove(unsigned number) {
    store::delete_backup(layout_, store::BackupClaim(layout_, id(number)), "old");
    DiskRecorder::note(kDeleted, number);
  }
  void sweep() { store::sweep_unfinished(layout_); }
  /// Of every pack of which anything is dead.
  std::uint64_t compact() {
    KeptProgress progress;
    const auto plan = store::plan_compaction(repository_, layout_, 1);
    return store::compact(repository_, layout_, plan, std::uint64_t{1} << 40, progress, {}).packs;
  }

  /// Those that are there; each has to be whole.
  std::set<std::string> sound_backups() {
    const auto listing = store::list_backup_records(layout_);
    for (const auto& unread : listing.unread) ADD_FAILURE() << unread.why;
    EXPECT_TRUE(store::examine_chain(layout_).is_sound()) << "a backup is missing, and nobody noted why";
    std::set<std::string> ids;
    for (const auto& record : listing.backups) {
      KeptProgress progress;
      const auto report = verify_backup(repository_, layout_, record.id, 1, progress, {});
      EXPECT_TRUE(report.good()) << text(report);
      ids.insert(record.id.to_string());
    }
    return ids;
  }
  /// What no backup has any use for.
  std::vector<std::string> leftovers() {
    const auto living = store::living_objects(layout_).packs;
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(layout_.backups())) {
      if (!fs::exists(entry.path() / "backup.json")) found.push_back(entry.path());
    }
    for (const auto& entry : fs::directory_iterator(layout_.packs())) {
      const auto pack = store::parse_pack_name(entry.path().filename().native());
      if (!pack || !living.contains(pack->number)) found.push_back(entry.path());
    }
    return found;
  }

 private:
  template <typename End>
  void write(unsigned number, const Content& content, End&& end) {
    const auto listing = store::list_backup_records(layout_);
    std::unique_ptr<store::BackupReader> previous;
    if (!listing.backups.empty())
      previous = std::make_unique<store::BackupReader>(repository_, layout_, listing.backups.back().id);
    store::BackupWriter writer(repository_, layout_, id(number), previous.get(),
                               {.compression_level = 1, .workers = 1});
    writer.directory("base", 0700, 1);
    for (const auto& [path, bytes] : content) {
      writer.begin_file(path, bytes.size(), 0600, 1);
      writer.file_data(bytes);
      writer.end_file();
    }
    writer.finish_files();
    const std::vector<postgres::ManifestWalRange> ranges{{kOne, kStart.lsn, kEnd.lsn}};
    writer.manifest_data(manifest_of(content, ranges));
    writer.finish_manifest();
    store::BackupRecord record(id(number));
    record.system = test::kSampleSystem;
    record.major_version = test::kSampleMajor;
    record.wal_segment_size = test::sample_segment_size();
    record.start = kStart;
    record.end = kEnd;
    record.wal_ranges = ranges;
    end(writer, record);
  }

  store::Repository repository_;
  store::ServerLayout layout_;
};

class BackupPowerCut : public VerificationTest {
 protected:
  /// The data directory at the time of that backup: some pieces change a little, some wholly, most not.
  static Content content(unsigned number) {
    auto content = sound_content();
    content["base/5/1"][number] ^= std::byte{1};
    content["base/5/2"] = noise(store::kPieceBytes, 100 + number);
    content["base/5/" + std::to_string(10 + number)] = noise(1000, number);
    return content;
  }
  /// What was promised and what was there before is there, all that is there is whole, the next sweep cleans
  /// up, and the next backup can be taken.
  static void require_promises(const Aftermath& left, const std::vector<unsigned>& before) {
    Store store(left.root());
    const auto require = [&] {
      const auto backups = store.sound_backups();
      for (const auto number : before) EXPECT_TRUE(backups.contains(Store::id(number).to_string()));
      for (const auto number : left.all(kTaken))
        EXPECT_TRUE(backups.contains(Store::id(static_cast<unsigned>(number)).to_string()));
      for (const auto number : left.all(kDeleted))
        EXPECT_FALSE(backups.contains(Store::id(static_cast<unsigned>(number)).to_string()));
    };
    require();
    store.sweep();
    require();
    EXPECT_THAT(store.leftovers(), testing::IsEmpty());
    store.take(9, content(9));
    EXPECT_TRUE(store.sound_backups().contains(Store::id(9).to_string()));
  }
  fs::path root() const { return directory_.path(); }
};

TEST_F(BackupPowerCut, HasEveryBackupThatWasTakenAndNoneThatIsHalfMade) {
  PowerCuts cuts(root());
  cuts.record([&] {
    for (const unsigned number : {1, 2}) Store(root()).take(number, content(number));
    Store(root()).break_off(3, content(3));
  });
  cuts.check([](const Aftermath& left) { require_promises(left, {}); });
}

TEST_F(BackupPowerCut, TakesWhatAKillLeftOfABackupForNone) {
  Store(root()).take(1, content(1));
  PowerCuts cuts(root());
  cuts.record([&] { Store(root()).take(2, content(2)); });
  cuts.check_after_kills(
      [](const Aftermath& killed) {
        Store store(killed.root());
        store.sweep();
        store.take(3, content(3));
      },
      [](const Aftermath& left) { require_promises(left, {1}); });
}

TEST_F(BackupPowerCut, HasABackupThatIsDeletedWhollyOrNotAtAll) {
  for (const unsigned number : {1, 2, 3}) Store(root()).take(number, content(number));
  PowerCuts cuts(root());
  cuts.record([&] {
    for (const unsigned number : {1, 3}) Store(root()).remove(number);
  });
  cuts.check([](const Aftermath& left) { require_promises(left, {2}); });
}

TEST_F(BackupPowerCut, FinishesADeletionThatWasKilled) {
  for (const unsigned number : {1, 2}) Store(root()).take(number, content(number));
  PowerCuts cuts(root());
  cuts.record([&] { Store(root()).remove(2); });
  cuts.check_after_kills([](const Aftermath& killed) { Store(killed.root()).sweep(); },
                         [](const Aftermath& left) { require_promises(left, {1}); }, 2);
}

TEST_F(BackupPowerCut, LosesNothingThatIsNeededWhilePacksAreCompacted) {
  for (const unsigned number : {1, 2, 3}) Store(root()).take(number, content(number));
  Store(root()).remove(1);
  PowerCuts cuts(root());
  cuts.record([&] { EXPECT_GE(Store(root()).compact(), 1u); });
  cuts.check([](const Aftermath& left) { require_promises(left, {2, 3}); });
}

TEST_F(BackupPowerCut, FinishesACompactionThatWasKilled) {
  for (const unsigned number : {1, 2}) Store(root()).take(number, content(number));
  Store(root()).remove(1);
  PowerCuts cuts(root());
  cuts.record([&] { Store(root()).compact(); });
  cuts.check_after_kills(
      [](const Aftermath& killed) {
        Store store(killed.root());
        store.sweep();
        store.compact();
      },
      [](const Aftermath& left) { require_promises(left, {2}); }, 2);
}

}  // namespace
}  // namespace pgkeep::catalog
