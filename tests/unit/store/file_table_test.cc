#include "catalog/store/file_table.h"

#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::store {
namespace {

TEST(PiecesTest, ComeBackAsTheyWere) {
  const std::vector<std::vector<ObjectRef>> cases{
      {},
      {{1, 0}},
      {{1, 0}, {1, 1}, {1, 2}, {2, 0}, {1, 3}},
      {{0, 0}, {0, 0}, {5, 4000000000u}, {0, 0}},
      {{4294967295u, 4294967295u}, {1, 5}, {1, 4}},
  };
  for (const auto& pieces : cases) EXPECT_EQ(decode_pieces(encode_pieces(pieces), pieces.size()), pieces);
}

TEST(PiecesTest, APieceAfterTheOtherCostsNothing) {
  std::vector<ObjectRef> pieces;
  for (std::uint32_t i = 0; i < 8192; ++i) pieces.push_back({3, i});
  EXPECT_LE(encode_pieces(pieces).size(), 4u);
}

TEST(PiecesTest, WrongCountsAndCutListsAreRefused) {
  const auto bytes = encode_pieces({{1, 0}, {300, 200}, {0, 0}});
  EXPECT_THROW(decode_pieces(bytes, 2), Corruption);
  EXPECT_THROW(decode_pieces(bytes, 4), Corruption);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(decode_pieces(io::ByteView(bytes).first(length), 3), Corruption) << length;
  }
  const io::ByteVector endless(10, std::byte{0xFF});
  EXPECT_THROW(decode_pieces(endless, 3), Corruption);
}

TEST(FileTableTest, KeepsPathsThatAreNotUtf8) {
  const test::TempDirectory folder;
  const std::string path = "base/\xFF\x01 '\"";
  {
    FileTableWriter writer(folder / "files.db");
    FileEntry entry;
    entry.path = path;
    entry.size = 1;
    entry.pieces = {{7, 8}};
    writer.add(entry);
    EXPECT_TRUE(writer.find(path));
    EXPECT_THROW(writer.add(entry), Error);  // twice the same name
    writer.add_pack(7, io::ByteVector(2, std::byte{1}));
    writer.finish();
  }
  FileTable table(folder / "files.db");
  ASSERT_TRUE(table.find(path));
  EXPECT_EQ(table.find(path)->pieces, (std::vector<ObjectRef>{{7, 8}}));
  EXPECT_EQ(table.packs().at(7).size(), 2u);
}

TEST(FileTableTest, WithoutFinishThereIsNoEntry) {
  const test::TempDirectory folder;
  {
    FileTableWriter writer(folder / "files.db");
    FileEntry entry;
    entry.path = "a";
    writer.add(entry);
  }
  EXPECT_ANY_THROW({
    FileTable table(folder / "files.db");
    if (!table.find("a")) throw NotFound("a");
  });
}

}  // namespace
}  // namespace pgkeep::store
