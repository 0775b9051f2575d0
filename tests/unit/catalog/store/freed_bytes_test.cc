#include "catalog/store/freed_bytes.h"

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include <gmock/gmock.h>

#include "catalog/io/file.h"
#include "catalog/store/pack_files.h"
#include "catalog/store/space_use.h"
#include "tests/unit/catalog/store/store_fixture.h"

namespace pgkeep::store {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class FreedBytesTest : public StoreTest {
 protected:
  FreedBytes freed() const { return freed_bytes(layout_, {}); }
  SpaceUse use(const std::vector<BackupId>& going = {}) { return space_use(repository_, layout_, going); }
  void remove(const BackupId& id) { delete_backup(layout_, BackupClaim(layout_, id), "old"); }
  static std::uint64_t bytes_below(const std::filesystem::path& folder) {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) bytes += entry.file_size();
    return bytes;
  }
  std::uint64_t all_bytes() const { return bytes_below(layout_.packs()) + bytes_below(layout_.backups()); }
  std::uint64_t pack_file_bytes() const { return bytes_below(layout_.packs()); }

  Content content_ = {{"base/5/1", rows(40 * kPieceBytes, 1)}, {"base/5/2", noise(3 * kPieceBytes, 2)}};
};

TEST_F(FreedBytesTest, OfTheOnlyBackupAreAllThatThereIs) {
  const auto id = backup(content_).id;
  EXPECT_EQ(freed().of(id), all_bytes());
  EXPECT_EQ(freed().of(id.next()), std::nullopt);
}

TEST_F(FreedBytesTest, CountNothingThatAnotherBackupNames) {
  const auto first = backup(content_).id;
  const auto second = backup(content_).id;
  EXPECT_EQ(freed().of(first), bytes_below(layout_.backup(first)));
  EXPECT_EQ(freed().of(second), bytes_below(layout_.backup(second)));
}

TEST_F(FreedBytesTest, ChangeWithEveryBackupThatComesAndGoes) {
  const auto first = backup(content_).id;
  const auto alone = freed().of(first);
  const auto second = backup(content_).id;
  EXPECT_LT(freed().of(first), alone);
  remove(second);
  EXPECT_EQ(freed().of(first), alone);
}

TEST_F(FreedBytesTest, AreTheSameWithRecordsThatTheCallerHasRead) {
  std::vector<BackupRecord> records{backup(content_), backup(content_)};
  EXPECT_EQ(freed_bytes(layout_, records).of_each, freed().of_each);
  EXPECT_EQ(freed_bytes(layout_, std::span(records).first(1)).of_each, freed().of_each);
}

TEST_F(FreedBytesTest, AreNotKnownWhileOneBackupCannotBeRead) {
  const auto first = backup(content_).id;
  const auto second = backup(content_).id;
  flip(layout_.contents(second), 30);
  EXPECT_EQ(freed().of(first), std::nullopt);
  ASSERT_THAT(freed().unknown, SizeIs(1));
  EXPECT_THAT(freed().unknown[0], HasSubstr("pgkeep delete main " + second.to_string()));
}

/// Backups come and go in any order: what is promised is what is freed, to the byte.
TEST_F(FreedBytesTest, AreWhatADeletionFrees) {
  std::mt19937 random(7);
  const auto chance = [&random] { return static_cast<std::uint32_t>(random()); };
  std::vector<BackupId> there;
  for (int step = 0; step < 40; ++step) {
    auto& file = content_["base/5/" + std::to_string(chance() % 6)];
    if (chance() % 3 == 0 || file.empty()) {
      file = noise(1 + chance() % (4 * kPieceBytes), chance());
    } else {
      file[chance() % file.size()] ^= std::byte{1};
    }
    there.push_back(backup(content_).id);
    if (there.size() < 3 || chance() % 2 == 0) continue;
    const auto gone = there.begin() + static_cast<std::ptrdiff_t>(chance() % there.size());
    const auto promised = freed().of(*gone);
    const auto before = all_bytes();
    remove(*gone);
    EXPECT_EQ(promised, before - all_bytes()) << step;
    there.erase(gone);
    newest_ = there.back();
  }
}

TEST_F(FreedBytesTest, SpaceUseIsOfAllPacksToTheByte) {
  const auto first = backup(content_).id;
  content_["base/5/2"] = noise(3 * kPieceBytes, 3);
  const auto second = backup(content_).id;
  const auto all = use();
  EXPECT_THAT(all.unknown, IsEmpty());
  EXPECT_EQ(all.alive, pack_file_bytes());
  EXPECT_EQ(all.in_grace + all.dead, 0u);
  const auto marked = use({first});
  EXPECT_EQ(marked.alive + marked.in_grace, pack_file_bytes());
  EXPECT_GE(marked.in_grace, 3u * kPieceBytes);
  EXPECT_LT(marked.in_grace, 4u * kPieceBytes);
  EXPECT_EQ(use({first, second}).in_grace, pack_file_bytes());
}

/// What is in grace is dead once the backup is gone, but for the packs that went with it.
TEST_F(FreedBytesTest, WhatIsInGraceIsDeadOrGoneAfterwards) {
  const auto first = backup(content_).id;
  content_["base/5/2"] = noise(3 * kPieceBytes, 3);
  backup(content_);
  const auto before = use({first});
  const auto bytes = pack_file_bytes();
  remove(first);
  const auto after = use();
  EXPECT_EQ(after.alive, before.alive);
  EXPECT_EQ(after.in_grace, 0u);
  EXPECT_EQ(after.dead + (bytes - pack_file_bytes()), before.in_grace);
}

/// As a deletion leaves it between its first step and its last.
TEST_F(FreedBytesTest, AreKnownWhileABackupIsBeingDeleted) {
  std::vector<BackupRecord> records{backup(content_)};
  const auto alone = freed().of(records[0].id);
  const auto before = list_pack_files(layout_);
  records.push_back(backup({{"base/5/3", noise(kPieceBytes, 3)}}));
  io::remove_file(layout_.record(records[1].id));
  for (const auto& [number, files] : list_pack_files(layout_))
    if (!before.contains(number)) io::remove_file(layout_.pack(files.back()));
  const auto freed = freed_bytes(layout_, records);
  EXPECT_THAT(freed.unknown, IsEmpty());
  EXPECT_EQ(freed.of(records[0].id), alone);
  EXPECT_EQ(freed.of(records[1].id), std::nullopt);
}

TEST_F(FreedBytesTest, AreKnownWheneverAnotherBackupGoes) {
  const auto first = backup(content_).id;
  std::atomic<bool> all_have_gone = false;
  std::jthread other([&] {
    for (std::uint32_t round = 0; round < 40; ++round) {
      newest_ = first;
      remove(backup({{"base/5/1", noise(kPieceBytes, round)}}).id);
    }
    all_have_gone = true;
  });
  while (!all_have_gone) {
    EXPECT_THAT(freed().unknown, IsEmpty());
    EXPECT_THAT(use().unknown, IsEmpty());
  }
}

TEST_F(FreedBytesTest, AreNotKnownWhereTheFoldersCannotBeListed) {
  backup(content_);
  std::filesystem::remove_all(layout_.packs());
  EXPECT_THAT(freed().unknown, Not(IsEmpty()));
  EXPECT_THAT(use().unknown, Not(IsEmpty()));
  std::filesystem::remove_all(layout_.backups());
  EXPECT_THAT(freed().unknown, SizeIs(1));
  EXPECT_THAT(use().unknown, SizeIs(1));
}

TEST_F(FreedBytesTest, SpaceUseIsNotToldWhileABackupThatGoesCannotBeRead) {
  const auto first = backup(content_).id;
  backup(content_);
  io::remove_file(layout_.contents(first));
  const auto marked = use({first});
  ASSERT_THAT(marked.unknown, SizeIs(1));
  EXPECT_THAT(marked.unknown[0], HasSubstr(layout_.contents(first).native()));
  EXPECT_EQ(marked.alive + marked.in_grace + marked.dead, 0u);
}

TEST_F(FreedBytesTest, SpaceUseIsNotToldWhileOneBackupCannotBeRead) {
  const auto first = backup(content_).id;
  flip(layout_.contents(first), 30);
  EXPECT_THAT(use().unknown, SizeIs(1));
  EXPECT_EQ(use().alive + use().dead, 0u);
}

}  // namespace
}  // namespace pgkeep::store
