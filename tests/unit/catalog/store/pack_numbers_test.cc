#include "catalog/store/pack_numbers.h"

#include <gmock/gmock.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/unit/catalog/store/store_fixture.h"

namespace pgkeep::store {
namespace {

using PackNumbersTest = StoreTest;
using testing::HasSubstr;

const Content kDatabase{{"base/5/1", noise(kPieceBytes, 1)}};

TEST_F(PackNumbersTest, BeginWithOneAndAreNeverGivenTwice) {
  std::set<std::uint32_t> given;
  EXPECT_EQ(PackNumbers(layout_).take(), 1u);
  given.insert(1);
  for (int process = 0; process < 3; ++process) {
    PackNumbers numbers(layout_);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(given.insert(numbers.take()).second);
  }
}

TEST_F(PackNumbersTest, OfABackupThatWasDeletedIsNotGivenAgain) {
  const auto record = backup(kDatabase);
  const auto pack = newest_pack(PackKind::full);
  delete_backup(layout_, BackupClaim(layout_, record.id), "old");
  ASSERT_EQ(all_packs(), 0u);
  newest_.reset();
  backup(kDatabase);
  EXPECT_NE(newest_pack(PackKind::full), pack);
}

TEST_F(PackNumbersTest, GoOnAfterWhatIsThereWhenTheFileIsLostOrDamagedOrOld) {
  backup(kDatabase);
  const auto old = io::read_whole_file(layout_.pack_numbers(), 1000);
  for (int i = 0; i < 40; ++i) PackNumbers(layout_).take();
  const auto second = backup({{"base/5/1", noise(kPieceBytes, 2)}});
  const auto lost = newest_pack(PackKind::meta);
  const auto highest = parse_pack_name(lost.filename().native())->number;
  std::filesystem::remove(lost);  // its backup names it
  io::write_file_durably(layout_.pack_numbers(), io::as_bytes("{"));
  EXPECT_GT(PackNumbers(layout_).take(), highest);
  io::remove_file(layout_.pack_numbers());
  EXPECT_GT(PackNumbers(layout_).take(), highest);
  PackWriter(repository_, layout_, {highest, PackKind::meta}, second.id).finish();
  io::write_file_durably(layout_.pack_numbers(), old);
  EXPECT_GT(PackNumbers(layout_).take(), highest);
}

TEST_F(PackNumbersTest, AreNotThoseOfSuspects) {
  mark_suspects(layout_, {ObjectRef{41, 3}});
  EXPECT_EQ(PackNumbers(layout_).take(), 42u);
}

TEST_F(PackNumbersTest, ThatCannotBeCountedUpAreRefused) {
  for (const auto highest : {4294967294u, 4294967295u}) {
    io::remove_file(layout_.suspects());
    mark_suspects(layout_, {ObjectRef{highest, 3}});
    PackNumbers numbers(layout_);
    try {
      numbers.take();
      FAIL() << "the number after " << highest;
    } catch (const Refused& refused) {
      EXPECT_THAT(refused.what(), HasSubstr("there are no numbers after that"));
    }
  }
}

TEST_F(PackNumbersTest, EndABackupBeforeTheyWrap) {
  mark_suspects(layout_, {ObjectRef{4294967292u, 0}});
  const auto kept = backup(kDatabase);  // takes the last two, for pages and lists
  EXPECT_EQ(read_back(kept.id), kDatabase);
  EXPECT_THROW(backup({{"base/5/1", noise(kPieceBytes, 2)}, {"base/5/2", noise(kPieceBytes, 3)}}), Refused);
  EXPECT_EQ(read_back(kept.id), kDatabase);
}

}  // namespace
}  // namespace pgkeep::store
