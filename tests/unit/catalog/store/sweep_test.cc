#include <gmock/gmock.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/denied.h"
#include "tests/unit/catalog/store/store_fixture.h"

namespace pgkeep::store {
namespace {

using SweepTest = StoreTest;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Content kDatabase{{"base/5/1", noise(kPieceBytes, 1)}};

TEST_F(SweepTest, RemovesAFolderWithoutRecordAndTemporaryPacks) {
  const auto kept = backup(kDatabase);
  io::make_directories(layout_.backup(next_id_));
  io::write_file_durably(layout_.contents(next_id_), noise(100, 1));
  io::write_file_durably(layout_.packs() / "00000009.full.tmp", noise(100, 1));
  const auto freed = sweep_unfinished(layout_);
  EXPECT_EQ(freed.bytes, 200u);
  EXPECT_EQ(pack_count(), 1u);
  EXPECT_EQ(read_back(kept.id), kDatabase);
  EXPECT_FALSE(std::filesystem::exists(layout_.backup(next_id_)));
}

TEST_F(SweepTest, RemovesAPackThatNoBackupNames) {
  backup(kDatabase);
  std::filesystem::copy_file(newest_pack(PackKind::full), layout_.pack({7, PackKind::delta}));
  sweep_unfinished(layout_);
  EXPECT_FALSE(std::filesystem::exists(layout_.pack({7, PackKind::delta})));
  EXPECT_EQ(pack_count(), 1u);
}

TEST_F(SweepTest, ABackupThatIsBeingReadIsNotDeleted) {
  const auto record = backup(kDatabase);
  auto reader = open(record.id);
  EXPECT_THROW(BackupClaim(layout_, record.id), Busy);
  sweep_unfinished(layout_);
  EXPECT_EQ(read_back(record.id), kDatabase);
  reader.reset();
  delete_backup(layout_, BackupClaim(layout_, record.id), "old");
  EXPECT_EQ(all_packs(), 0u);
}

TEST_F(SweepTest, OthersAreDeletedWhileOneIsRead) {
  const auto old = backup(kDatabase);
  const auto kept = backup({{"base/5/1", noise(kPieceBytes, 2)}});
  const auto reader = open(kept.id);
  delete_backup(layout_, BackupClaim(layout_, old.id), "old");
  EXPECT_EQ(pack_count(), 1u);
  EXPECT_EQ(read_back(kept.id).at("base/5/1"), noise(kPieceBytes, 2));
}

TEST_F(SweepTest, ABackupThatIsBeingDeletedIsNotRead) {
  const auto record = backup(kDatabase);
  const BackupClaim claim(layout_, record.id);
  EXPECT_THROW(open(record.id), Busy);
  delete_backup(layout_, claim, "old");
  EXPECT_THROW(open(record.id), NotFound);
}

TEST_F(SweepTest, ReadingMakesNothingInTheRepository) {
  const auto record = backup(kDatabase);
  const auto count = [this] {
    const std::filesystem::recursive_directory_iterator below(folder_.path());
    return std::distance(begin(below), end(below));
  };
  const auto before = count();
  const auto reader = open(record.id);
  EXPECT_EQ(count(), before);
}

TEST_F(SweepTest, RemovesNoPackWhenATableOfContentsCannotBeRead) {
  const auto record = backup(kDatabase);
  std::filesystem::resize_file(layout_.contents(record.id), 50);
  EXPECT_THAT(sweep_unfinished(layout_).packs_kept, SizeIs(1));
  EXPECT_EQ(pack_count(), 1u);
}

TEST_F(SweepTest, RemovesNoPackWhenAListOfPacksCannotBeRead) {
  backup(kDatabase);
  std::filesystem::remove(newest_pack(PackKind::meta));
  EXPECT_THAT(sweep_unfinished(layout_).packs_kept, SizeIs(1));
  EXPECT_EQ(pack_count(), 1u);
}

TEST_F(SweepTest, ABackupWithoutTableOfContentsIsNamed) {
  const auto damaged = backup(kDatabase);
  std::filesystem::remove(layout_.contents(damaged.id));
  EXPECT_THAT(sweep_unfinished(layout_).packs_kept,
              ElementsAre(HasSubstr("`pgkeep delete main " + damaged.id.to_string() + "`")));
}

TEST_F(SweepTest, ADamagedRecordKeepsNobodyFromDeletingAnother) {
  const auto damaged = backup(kDatabase);
  const auto other = backup({{"base/5/1", noise(kPieceBytes, 2)}});
  io::write_file_durably(layout_.record(damaged.id), io::as_bytes("{"));
  const auto freed = delete_backup(layout_, BackupClaim(layout_, other.id), "old");
  EXPECT_FALSE(std::filesystem::exists(layout_.backup(other.id)));
  EXPECT_EQ(pack_count(), 2u);  // until it is known what the damaged one needs
  EXPECT_THAT(freed.packs_kept, ElementsAre(HasSubstr(damaged.id.to_string())));
}

TEST_F(SweepTest, ABackupWhoseRecordIsDamagedIsDeletedWithItsPacks) {
  const auto damaged = backup(kDatabase);
  const auto kept = backup({{"base/5/1", noise(kPieceBytes, 2)}});
  io::write_file_durably(layout_.record(damaged.id), io::as_bytes("{"));
  const auto freed = delete_backup(layout_, BackupClaim(layout_, damaged.id), "old");
  EXPECT_THAT(freed.packs_kept, IsEmpty());
  EXPECT_EQ(pack_count(), 1u);
  EXPECT_EQ(read_back(kept.id).at("base/5/1"), noise(kPieceBytes, 2));
}

TEST_F(SweepTest, DeletingWhatIsNotThereSaysSo) {
  EXPECT_THROW(BackupClaim(layout_, next_id_), NotFound);
}

TEST(PackNameTest, IsReadAsItIsWritten) {
  for (const PackName name : {PackName{12, PackKind::full}, PackName{12, PackKind::delta, 2},
                              PackName{123456789, PackKind::meta, 4294967295}})
    EXPECT_EQ(parse_pack_name(to_string(name)), name);
  EXPECT_EQ(to_string({12, PackKind::full}), "00000012.full");
  EXPECT_EQ(to_string({12, PackKind::meta, 2}), "00000012.g2.meta");
}

TEST(PackNameTest, KnowsPacksOnly) {
  for (const auto* name :
       {"12.full", "00000012.full.tmp", "00000000.full", "x", "", "00000012", "00000012.g1.full",
        "00000012.g02.full", "00000012.g.full", "000000012.full", "00000012.g0.full", "4294967296.full"}) {
    EXPECT_FALSE(parse_pack_name(name)) << name;
  }
}

TEST_F(SweepTest, DoesNotAdviseToDeleteABackupThatMayNotBeOpened) {
  const auto kept = backup(kDatabase);
  const test::Denied denied(folder_.path(), layout_.record(kept.id));
  const auto freed = sweep_unfinished(layout_);
  EXPECT_THAT(freed.packs_kept, ElementsAre(testing::AllOf(HasSubstr("Give the file back"),
                                                           testing::Not(HasSubstr("delete")))));
  EXPECT_EQ(pack_count(), 1u);
}

}  // namespace
}  // namespace pgkeep::store
