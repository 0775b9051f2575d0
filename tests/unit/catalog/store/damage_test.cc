#include "catalog/io/error.h"
#include "tests/unit/catalog/store/store_fixture.h"

namespace pgkeep::store {
namespace {

using DamageTest = StoreTest;

const Content kDatabase{{"base/5/1", noise(2 * kPieceBytes, 1)}, {"base/5/2", rows(kPieceBytes, 2)}};

TEST_F(DamageTest, AFlippedByteOfAFrameIsNamed) {
  const auto record = backup(kDatabase);
  flip(newest_pack(PackKind::full), 64 + 1000);
  try {
    read_back(record.id);
    FAIL() << "read back damaged bytes";
  } catch (const Corruption& e) {
    EXPECT_NE(std::string(e.what()).find("base/5/1: "), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("00000001.full: object 0"), std::string::npos) << e.what();
  }
}

TEST_F(DamageTest, AFlippedByteAnywhereInASmallPackIsFound) {
  const Content small{{"a", noise(50, 1)}, {"b", noise(20, 2)}};
  const auto record = backup(small);
  const auto pack = newest_pack(PackKind::full);
  for (std::uint64_t at = 0; at < std::filesystem::file_size(pack); ++at) {
    flip(pack, at);
    EXPECT_THROW(read_back(record.id), Corruption) << "byte " << at;
    flip(pack, at);
  }
  EXPECT_EQ(read_back(record.id), small);
}

TEST_F(DamageTest, APackCutAnywhereIsFound) {
  const Content small{{"a", noise(50, 1)}};
  const auto record = backup(small);
  const auto pack = newest_pack(PackKind::full);
  for (auto size = std::filesystem::file_size(pack); size-- > 0;) {
    std::filesystem::resize_file(pack, size);
    EXPECT_THROW(read_back(record.id), Corruption) << size << " bytes";
  }
}

TEST_F(DamageTest, AMissingPackIsNamed) {
  const auto record = backup(kDatabase);
  std::filesystem::remove(newest_pack(PackKind::full));
  EXPECT_THROW(read_back(record.id), Corruption);
}

TEST_F(DamageTest, AChangedTableOfContentsIsFound) {
  const auto record = backup(kDatabase);
  const auto path = layout_.contents(record.id);
  for (std::uint64_t at = 0; at < std::filesystem::file_size(path); ++at) {
    flip(path, at);
    EXPECT_THROW(open(record.id), Corruption) << at;
    flip(path, at);
  }
  EXPECT_NO_THROW(open(record.id));
}

TEST_F(DamageTest, AFlippedByteAnywhereInTheListsIsFound) {
  const auto record = backup(kDatabase);
  const auto pack = newest_pack(PackKind::meta);
  const auto read_lists = [&] {
    const auto reader = open(record.id);
    reader->files().for_each([](FileEntry&&) {});
    reader->pack_use();
    auto manifest = reader->manifest();
    io::sha256_hex(manifest);
  };
  for (std::uint64_t at = 0; at < std::filesystem::file_size(pack); ++at) {
    flip(pack, at);
    EXPECT_THROW(read_lists(), Corruption) << at;
    flip(pack, at);
  }
  EXPECT_NO_THROW(read_lists());
}

TEST_F(DamageTest, ADamagedListIsStoredAgainByTheNextBackup) {
  backup(kDatabase);
  std::filesystem::remove(newest_pack(PackKind::meta));
  const auto second = backup(kDatabase);
  EXPECT_EQ(read_back(second.id), kDatabase);
}

TEST_F(DamageTest, ADamagedSectionIsNotNamedAgainThoughItDidNotChange) {
  backup(kDatabase);
  flip(newest_pack(PackKind::meta), 64 + 20);  // the manifest, which no backup reads but to compare with
  const auto second = backup(kDatabase);
  const auto reader = open(second.id);
  auto manifest = reader->manifest();
  EXPECT_NO_THROW(io::sha256_hex(manifest));
}

TEST_F(DamageTest, AnUnreadableBaseIsHealedByTheNextBackup) {
  auto content = kDatabase;
  backup(content);
  flip(newest_pack(PackKind::full), 64 + 1000);
  content["base/5/1"][0] ^= std::byte{1};  // the piece differs, so its base is read
  const auto second = backup(content);
  EXPECT_EQ(second.cost.full_objects, 1u);
  EXPECT_EQ(read_back(second.id), content);
}

TEST_F(DamageTest, ASuspectIsNotReusedThoughTheFileDidNotChange) {
  backup(kDatabase);
  mark_suspects(layout_, {ObjectRef{1, 0}});
  flip(newest_pack(PackKind::full), 64 + 1000);
  const auto second = backup(kDatabase);
  EXPECT_EQ(second.cost.full_objects, 1u);
  EXPECT_EQ(second.cost.reused_pieces, 2u);
  EXPECT_EQ(read_back(second.id), kDatabase);
}

TEST_F(DamageTest, AMissingPackIsHealedByTheNextBackup) {
  backup(kDatabase);
  std::filesystem::remove(newest_pack(PackKind::full));
  const auto second = backup(kDatabase);
  EXPECT_EQ(read_back(second.id), kDatabase);
}

TEST_F(DamageTest, ALostPackKeepsItsNumber) {
  backup(kDatabase);
  const auto lost = newest_pack(PackKind::full);
  std::filesystem::remove(lost);
  backup(kDatabase);
  EXPECT_FALSE(std::filesystem::exists(lost));
}

TEST_F(DamageTest, MarksOfTwoVerificationsAreBothKept) {
  mark_suspects(layout_, {ObjectRef{1, 2}});
  mark_suspects(layout_, {ObjectRef{3, 4}});
  EXPECT_EQ(read_suspects(layout_), (std::set<ObjectRef>{{1, 2}, {3, 4}}));
}

}  // namespace
}  // namespace pgkeep::store
