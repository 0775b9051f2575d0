#include "catalog/store/compaction.h"

#include <random>

#include <gmock/gmock.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/small_disk.h"
#include "tests/unit/catalog/store/store_fixture.h"

namespace pgkeep::store {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CompactionTest : public StoreTest {
 protected:
  class Quiet final : public io::ProgressObserver {
   public:
    void progress(const io::Progress&) override {}
    void note(std::string_view) override {}
    void warning(std::string_view) override {}
  };
  static constexpr std::uint64_t kEndless = std::uint64_t{1} << 40;

  CompactionPlan plan(unsigned dead_percent = 30) {
    return plan_compaction(repository_, layout_, dead_percent);
  }
  CompactionResult run(const CompactionPlan& wanted, std::uint64_t budget = kEndless,
                       const std::stop_token& stop = {}) {
    Quiet quiet;
    return compact(repository_, layout_, wanted, budget, quiet, stop);
  }
  void remove(const BackupId& id) { delete_backup(layout_, BackupClaim(layout_, id), "old"); }
  /// Two backups, of which the second shares a quarter of the pages of the first; the first goes.
  std::pair<BackupId, Content> mostly_dead() {
    Content content;
    for (int i = 0; i < 8; ++i)
      content["base/5/" + std::to_string(i)] = noise(kPieceBytes, static_cast<std::uint32_t>(i));
    const auto first = backup(content).id;
    for (int i = 2; i < 8; ++i)
      content["base/5/" + std::to_string(i)] = noise(kPieceBytes, static_cast<std::uint32_t>(100 + i));
    const auto second = backup(content).id;
    remove(first);
    return {second, content};
  }
};

TEST_F(CompactionTest, KeepsWhatIsNeededUnderItsNumbersAndFreesTheRest) {
  const auto [id, content] = mostly_dead();
  const auto before = pack_bytes();
  const auto wanted = plan();
  ASSERT_THAT(wanted.packs, SizeIs(1));
  EXPECT_EQ(wanted.packs[0].pack, (PackName{1, PackKind::full}));
  EXPECT_NEAR(static_cast<double>(wanted.packs[0].dead_bytes), 6.0 * kPieceBytes, 1000);
  const auto result = run(wanted);
  EXPECT_EQ(result.packs, 1u);
  EXPECT_THAT(result.warnings, IsEmpty());
  EXPECT_EQ(before - pack_bytes(), result.freed_bytes);
  EXPECT_GE(result.freed_bytes, 6u * kPieceBytes);
  EXPECT_TRUE(std::filesystem::exists(layout_.pack({1, PackKind::full, 2})));
  EXPECT_FALSE(std::filesystem::exists(layout_.pack({1, PackKind::full})));
  EXPECT_EQ(read_back(id), content);
  EXPECT_THAT(plan().packs, IsEmpty());
  const auto third = backup(content);
  EXPECT_EQ(third.cost.pack_bytes, 0u);
}

TEST_F(CompactionTest, LeavesPacksAloneOfWhichLittleIsDead) {
  mostly_dead();
  EXPECT_THAT(plan(80).packs, IsEmpty());
  EXPECT_GT(plan(80).dead_bytes, 6u * kPieceBytes);
  EXPECT_GT(plan(80).live_bytes, 8u * kPieceBytes);
}

TEST_F(CompactionTest, EndsWithItsBudget) {
  mostly_dead();
  EXPECT_EQ(run(plan(), 0).packs, 0u);
}

/// Below the reserve for WAL too, since it is a way out.
TEST_F(CompactionTest, LeavesOffWhereADiskHasNoRoomForAPack) {
  if (!test::SmallDisk::available()) GTEST_SKIP() << "this process may not mount: run the tests as root";
  mostly_dead();
  test::SmallDisk disk(12);
  const auto root = disk.path() / "repository";
  std::filesystem::copy(repository_.root(), root, std::filesystem::copy_options::recursive);
  const auto repository = Repository::open(root);
  const auto layout = repository.server("main");
  const auto wanted = plan_compaction(repository, layout, 30);
  Quiet quiet;
  const auto left = compact(repository, layout, wanted, kEndless, quiet, {});
  EXPECT_EQ(left.packs, 0u);
  ASSERT_THAT(left.warnings, SizeIs(1));
  EXPECT_THAT(left.warnings[0], HasSubstr("a pack is written again only where there is room for it"));
  disk.resize(40);
  EXPECT_EQ(compact(repository, layout, wanted, kEndless, quiet, {}).packs, 1u);
}

TEST_F(CompactionTest, AReaderGoesOnWithWhatItHasOpen) {
  const auto [id, content] = mostly_dead();
  const auto reader = open(id);
  const auto entry = reader->files().find("base/5/0");
  reader->packs().open(entry->pieces[0].pack);
  run(plan());
  ObjectReader objects(reader->packs());
  io::ByteVector buffer;
  io::MemorySink sink;
  read_file(*entry, objects, buffer, sink);
  EXPECT_EQ(sink.bytes(), content.at("base/5/0"));
}

TEST_F(CompactionTest, APackWithADamagedFrameThatIsNeededIsLeftAsItIs) {
  const auto [id, content] = mostly_dead();
  const auto pack = layout_.pack({1, PackKind::full});
  flip(pack, 64 + 100);
  const auto result = run(plan());
  EXPECT_EQ(result.packs, 0u);
  ASSERT_THAT(result.warnings, SizeIs(1));
  EXPECT_THAT(result.warnings[0], HasSubstr("00000001.full: object 0"));
  EXPECT_TRUE(std::filesystem::exists(pack));
  EXPECT_FALSE(std::filesystem::exists(layout_.pack({1, PackKind::full, 2})));
  EXPECT_FALSE(std::filesystem::exists(layout_.pack({1, PackKind::full, 2}).native() + ".tmp"));
}

TEST_F(CompactionTest, DamageOfWhatNobodyNeedsKeepsNothing) {
  const auto [id, content] = mostly_dead();
  flip(layout_.pack({1, PackKind::full}), 64 + 3 * kPieceBytes);
  EXPECT_EQ(run(plan()).packs, 1u);
  EXPECT_EQ(read_back(id), content);
}

TEST_F(CompactionTest, CompactsNothingWhileItIsNotKnownWhatABackupNeeds) {
  const auto [id, content] = mostly_dead();
  const auto wanted = plan();
  io::write_file_durably(layout_.record(id), io::as_bytes("{"));
  EXPECT_THAT(plan().packs, IsEmpty());
  EXPECT_THAT(plan().unknown, SizeIs(1));
  const auto result = run(wanted);
  EXPECT_EQ(result.packs, 0u);
  EXPECT_THAT(result.warnings, SizeIs(1));
}

TEST_F(CompactionTest, StopsBetweenTwoPacks) {
  mostly_dead();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(run(plan(), kEndless, stop.get_token()), Interrupted);
  EXPECT_TRUE(std::filesystem::exists(layout_.pack({1, PackKind::full})));
}

TEST_F(CompactionTest, AGenerationThatWasLeftBehindIsSwept) {
  const auto [id, content] = mostly_dead();
  const auto old = layout_.pack({1, PackKind::full});
  std::filesystem::copy_file(old, folder_ / "old");
  run(plan());
  std::filesystem::copy_file(folder_ / "old", old);  // a kill before it was removed
  EXPECT_EQ(read_back(id), content);
  sweep_unfinished(layout_);
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_EQ(read_back(id), content);
}

/// As of a copy of the repository that was cut in the middle of a pack.
TEST_F(CompactionTest, AGenerationThatIsNotWholeNeitherCountsNorRemovesTheOneBefore) {
  const auto [id, content] = mostly_dead();
  const auto old = layout_.pack({1, PackKind::full});
  std::filesystem::copy_file(old, folder_ / "old");
  run(plan());
  std::filesystem::copy_file(folder_ / "old", old);
  std::filesystem::resize_file(layout_.pack({1, PackKind::full, 2}), 1000);
  EXPECT_EQ(read_back(id), content);
  sweep_unfinished(layout_);
  EXPECT_EQ(read_back(id), content);
}

/// Backups come and go in any order, and packs are compacted in between.
TEST_F(CompactionTest, WhateverComesAndGoesAllThatIsThereReadsBack) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    std::mt19937 random(seed);
    const auto chance = [&random] { return static_cast<std::uint32_t>(random()); };
    std::map<BackupId, Content> there;
    Content content;
    std::uint32_t noises = seed * 1000;
    for (int step = 0; step < 25; ++step) {
      for (int changes = 0; changes < 3; ++changes) {
        auto& file = content["base/5/" + std::to_string(chance() % 6)];
        if (chance() % 2 == 0 || file.empty()) {
          file = noise(1 + chance() % (3 * kPieceBytes), ++noises);
        } else {
          file[chance() % file.size()] ^= std::byte{1};
        }
      }
      const auto id = backup(content).id;
      there[id] = content;
      if (chance() % 2 == 0) {
        const auto gone = std::next(there.begin(), static_cast<std::ptrdiff_t>(chance() % there.size()));
        if (gone->first != id) {
          remove(gone->first);
          there.erase(gone);
        }
      }
      if (chance() % 3 == 0) run(plan(1 + chance() % 50));
    }
    run(plan(1));
    for (const auto& [id, expected] : there) EXPECT_EQ(read_back(id), expected) << seed;
    EXPECT_LT(plan(1).dead_bytes * 50, plan(1).live_bytes) << seed;
    for (const auto& [id, expected] : there) remove(id);
    newest_.reset();
    EXPECT_EQ(all_packs(), 0u) << seed;
  }
}

}  // namespace
}  // namespace pgkeep::store
