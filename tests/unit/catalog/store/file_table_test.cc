#include "catalog/store/file_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
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
    entry.piece_crcs = {0x12345678};
    writer.add(entry);
    EXPECT_TRUE(writer.find(path));
    EXPECT_THROW(writer.add(entry), Error);  // twice the same name
    writer.add_pack(7, io::ByteVector(2, std::byte{1}));
    writer.finish();
  }
  FileTable table(folder / "files.db");
  ASSERT_TRUE(table.find(path));
  EXPECT_EQ(table.find(path)->pieces, (std::vector<ObjectRef>{{7, 8}}));
  EXPECT_EQ(table.find(path)->piece_crcs, std::vector<std::uint32_t>{0x12345678});
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

/// A sound table of two files and a pack, to be made unsound.
class CraftedFileTableTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kDataBytes = 2 * kPieceBytes;

  CraftedFileTableTest() {
    FileTableWriter writer(path_);
    for (const auto* name : {"a", "b"}) {
      FileEntry entry;
      entry.path = name;
      entry.size = kPieceBytes;
      entry.pieces = {{1, 0}};
      entry.piece_crcs = {1};
      writer.add(entry);
    }
    writer.add_pack(1, io::ByteVector(1, std::byte{1}));
    writer.finish();
  }

  /// Whoever crafts a table needs no SQLite of ours.
  void change(const char* sql) { io::Database(path_, io::Database::Mode::read_write).execute(sql); }
  void read_all() {
    FileTable table(path_, kDataBytes);
    table.for_each([](FileEntry&&) {});
    table.packs();
    table.find("a");
  }
  std::string refusal() {
    try {
      read_all();
    } catch (const Corruption& error) {
      return error.what();
    }
    return "";
  }

  test::TempDirectory folder_;
  std::filesystem::path path_ = folder_ / "files.db";
};

TEST_F(CraftedFileTableTest, IsSoundBeforeIt) {
  EXPECT_NO_THROW(read_all());
}

TEST_F(CraftedFileTableTest, HasNothingButItsTables) {
  for (const auto* sql : {"CREATE TABLE other(x)", "CREATE INDEX sizes ON files(size)", "DROP TABLE packs",
                          "CREATE VIEW names AS SELECT path FROM files",
                          "CREATE TRIGGER more AFTER INSERT ON files BEGIN SELECT 1; END",
                          "ALTER TABLE files ADD COLUMN more", "PRAGMA application_id = 7",
                          "PRAGMA user_version = 0", "PRAGMA user_version = 3", "PRAGMA user_version = 1"}) {
    SCOPED_TRACE(sql);
    const auto sound = io::read_whole_file(path_, 1 << 20);
    change(sql);
    EXPECT_THAT(refusal(), testing::HasSubstr(path_.native()));
    io::write_file_durably(path_, sound);
  }
}

TEST_F(CraftedFileTableTest, AViewInPlaceOfATableIsNotRun) {
  change("DROP TABLE packs");
  change(
      "CREATE VIEW packs AS WITH RECURSIVE n(pack) AS (SELECT 1 UNION ALL SELECT pack + 1 FROM n)"
      " SELECT pack, x'01' AS used FROM n");
  EXPECT_THAT(refusal(), testing::HasSubstr("a view that no file table has"));
}

TEST_F(CraftedFileTableTest, ARowHoldsNothingThatCannotBe) {
  for (const auto* sql :
       {"UPDATE files SET size = 4611686018427387904 WHERE path = x'61'", "UPDATE files SET size = -1",
        "UPDATE files SET size = size + 131072 * 2", "UPDATE files SET kind = 0",
        "UPDATE files SET kind = 'file'", "UPDATE files SET mode = 65535", "UPDATE files SET crc32c = -1",
        "UPDATE files SET path = x'' WHERE path = x'61'",
        "UPDATE files SET path = x'6100' WHERE path = x'61'",
        "UPDATE files SET path = zeroblob(5000) WHERE path = x'61'",
        "UPDATE files SET path = 'a' WHERE path = x'61'", "UPDATE files SET pieces = x'ffffffff0f0000'",
        "UPDATE files SET piece_crcs = x'01'", "UPDATE packs SET pack = 0",
        "UPDATE packs SET pack = 4294967296", "UPDATE packs SET pack = -1",
        "UPDATE packs SET used = zeroblob(100000)", "UPDATE packs SET used = 7"}) {
    SCOPED_TRACE(sql);
    const auto sound = io::read_whole_file(path_, 1 << 20);
    change(sql);
    EXPECT_THAT(refusal(), testing::HasSubstr(path_.native()));
    io::write_file_durably(path_, sound);
  }
}

/// An interior page whose two children are one page: each row comes again and again.
TEST_F(CraftedFileTableTest, PagesThatComeTwiceEndIt) {
  change(
      "INSERT INTO packs(pack, used) WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i"
      " < 2000) SELECT i, zeroblob(8) FROM n");
  EXPECT_EQ(FileTable(path_).packs().size(), 2000u);
  std::int64_t root = 0;
  {
    io::Database database(path_, io::Database::Mode::read_only);
    auto row = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'packs'");
    row.step();
    root = row.integer(0);
  }
  auto file = io::File::open_to_change(path_);
  const auto page = static_cast<std::uint64_t>(root - 1) * 4096;
  io::ByteVector header(12);
  file.read_exactly_at(header, page);
  ASSERT_EQ(header[0], std::byte{5});  // an interior page of a table
  // Its first cell names the first child; the last child becomes the same.
  io::ByteVector first_cell(2);
  file.read_exactly_at(first_cell, page + 12);
  const auto cell = io::load_be<std::uint16_t>(first_cell.data());
  io::ByteVector child(4);
  file.read_exactly_at(child, page + cell);
  file.write_at(child, page + 8);
  file.close();
  EXPECT_THAT(refusal(), testing::HasSubstr("packs come twice"));
}

TEST_F(CraftedFileTableTest, OneDamagedEntrySaysNothingOfTheNext) {
  change("UPDATE files SET mode = 65535 WHERE path = x'61'");
  FileTable table(path_, kDataBytes);
  EXPECT_THROW(table.find("a"), Corruption);
  EXPECT_TRUE(table.find("b"));
  EXPECT_FALSE(table.find("c"));
}

TEST_F(CraftedFileTableTest, AFormatThatSqliteDoesNotKnowIsDamage) {
  constexpr std::uint64_t kSchemaFormatAt = 47;
  auto file = io::File::open_to_change(path_);
  file.write_at(io::ByteVector{std::byte{9}}, kSchemaFormatAt);
  file.close();
  EXPECT_THAT(refusal(), testing::HasSubstr("unsupported file format"));
}

/// SQLite would make a write-ahead log beside it.
TEST_F(CraftedFileTableTest, ReadingMakesNoFile) {
  constexpr std::uint64_t kVersionsAt = 18;
  auto file = io::File::open_to_change(path_);
  file.write_at(io::ByteVector{std::byte{2}, std::byte{2}}, kVersionsAt);
  file.close();
  EXPECT_THAT(refusal(), testing::HasSubstr(path_.native()));
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    EXPECT_EQ(entry.path(), path_);
}

TEST_F(CraftedFileTableTest, AnyFlippedByteEndsInAnAnswer) {
  const auto sound = io::read_whole_file(path_, 1 << 20);
  auto file = io::File::open_to_change(path_);
  for (std::size_t at = 0; at < sound.size(); at += 3) {
    const io::ByteVector damaged{sound[at] ^ std::byte{0x41}};
    file.write_at(damaged, at);
    try {
      read_all();
    } catch (const Error&) {
      // SQLite does not notice every damage; the digest in the record does.
    }
    file.write_at(io::ByteView(sound).subspan(at, 1), at);
  }
}

/// As they were written before pieces had a CRC.
TEST(FileTableTest, ReadsTablesOfVersion1) {
  const test::TempDirectory folder;
  const auto path = folder / "files.db";
  io::Database(path, io::Database::Mode::create).execute(R"(
  PRAGMA application_id = 1885826149;
  PRAGMA user_version = 1;
  CREATE TABLE files(
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
    mode INTEGER NOT NULL, modified INTEGER NOT NULL, crc32c INTEGER NOT NULL, pieces BLOB NOT NULL);
  CREATE TABLE packs(pack INTEGER PRIMARY KEY, used BLOB NOT NULL);
  INSERT INTO files VALUES(1, 1, x'61', 5, 384, 0, 7, x'010100');
  INSERT INTO packs VALUES(1, x'01');)");
  FileTable table(path);
  const auto entry = table.find("a");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->pieces, (std::vector<ObjectRef>{{1, 0}}));
  EXPECT_TRUE(entry->piece_crcs.empty());
  EXPECT_EQ(table.packs().size(), 1u);
}

}  // namespace
}  // namespace pgkeep::store
