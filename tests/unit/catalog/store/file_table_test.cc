#include "catalog/store/file_table.h"

#include <gmock/gmock.h>

#include "catalog/io/error.h"
#include "catalog/store/file_spool.h"
#include "tests/unit/catalog/store/store_fixture.h"

namespace pgkeep::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

io::ByteVector encoded(const std::vector<ObjectRef>& pieces) {
  io::ByteVector bytes;
  put_pieces(bytes, pieces.data(), pieces.size());
  return bytes;
}

std::vector<ObjectRef> decoded(io::ByteView bytes, std::size_t count) {
  std::vector<ObjectRef> pieces;
  FieldReader in(bytes);
  take_pieces(in, count, pieces);
  if (!in.empty()) throw Corruption("more than that");
  return pieces;
}

TEST(PiecesTest, ComeBackAsTheyWere) {
  const std::vector<std::vector<ObjectRef>> cases{
      {},
      {{1, 0}},
      {{1, 0}, {1, 1}, {1, 2}, {2, 0}, {1, 3}},
      {{0, 0}, {0, 0}, {5, 4000000000u}, {0, 0}},
      {{4294967295u, 4294967295u}, {1, 5}, {1, 4}},
  };
  for (const auto& pieces : cases) EXPECT_EQ(decoded(encoded(pieces), pieces.size()), pieces);
}

TEST(PiecesTest, APieceAfterTheOtherCostsNothing) {
  std::vector<ObjectRef> pieces;
  for (std::uint32_t i = 0; i < 8192; ++i) pieces.push_back({3, i});
  EXPECT_LE(encoded(pieces).size(), 4u);
}

TEST(PiecesTest, WrongCountsAndCutListsAreRefused) {
  const auto bytes = encoded({{1, 0}, {300, 200}, {0, 0}});
  EXPECT_THROW(decoded(bytes, 2), Corruption);
  EXPECT_THROW(decoded(bytes, 4), Corruption);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(decoded(io::ByteView(bytes).first(length), 3), Corruption) << length;
  }
  const io::ByteVector endless(10, std::byte{0xFF});
  EXPECT_THROW(decoded(endless, 3), Corruption);
}

class FileTableTest : public StoreTest {
 protected:
  static constexpr std::uint64_t kDataBytes = std::uint64_t{1} << 32;

  static FileEntry entry(std::string path, std::uint64_t size = 0) {
    FileEntry made;
    made.path = std::move(path);
    made.size = size;
    made.mode = 0640;
    made.modified = -5;
    made.crc32c = 7;
    for (std::uint32_t i = 0; i < pieces_in(size); ++i) {
      made.pieces.push_back({1 + i / 4096, i % 4096});
      made.piece_crcs.push_back(i);
    }
    return made;
  }
  SectionList stored(const std::vector<FileEntry>& entries) {
    FileSpool spool(folder_ / "spool");
    for (const auto& each : entries) spool.add(each);
    PackSeries packs(repository_, layout_, next_id_);
    SectionWriter sections(repository_, packs, nullptr, 1);
    auto list = spool.store(sections, {});
    packs.finish();
    return list;
  }
  /// A list of which somebody has made each section.
  SectionList crafted(const std::vector<std::pair<std::string, io::ByteVector>>& made,
                      std::uint32_t entries = 1) {
    PackSeries packs(repository_, layout_, next_id_);
    SectionWriter writer(repository_, packs, nullptr, 1);
    SectionList list;
    for (const auto& [first, bytes] : made) list.push_back(writer.store(first, bytes, entries, {}));
    packs.finish();
    return list;
  }
  std::vector<FileEntry> read_all(const SectionList& list) {
    PackSet packs(repository_, layout_);
    SectionReader reader(packs);
    std::vector<FileEntry> entries;
    FileTable(reader, list, kDataBytes).for_each([&](FileEntry&& each) {
      entries.push_back(std::move(each));
    });
    return entries;
  }
  std::optional<FileEntry> find(const SectionList& list, std::string_view path) {
    PackSet packs(repository_, layout_);
    SectionReader reader(packs);
    return FileTable(reader, list, kDataBytes).find(path);
  }
};

TEST_F(FileTableTest, KeepsAllOfAnEntryAndPathsThatAreNotUtf8) {
  const std::string path = "base/\xFF\x01 '\"";
  const auto list = stored({entry(path, 3 * kPieceBytes + 1)});
  const auto found = find(list, path);
  ASSERT_TRUE(found);
  const auto expected = entry(path, 3 * kPieceBytes + 1);
  EXPECT_EQ(found->kind, EntryKind::file);
  EXPECT_EQ(found->size, expected.size);
  EXPECT_EQ(found->mode, 0640u);
  EXPECT_EQ(found->modified, -5);
  EXPECT_EQ(found->crc32c, 7u);
  EXPECT_EQ(found->pieces, expected.pieces);
  EXPECT_EQ(found->piece_crcs, expected.piece_crcs);
}

TEST_F(FileTableTest, IsInTheOrderOfThePathsWhateverTheOrderOfArrival) {
  const auto list = stored(
      {entry("base/5/20"), entry("base/5"), entry("base/5/2", 10), entry("base/5-1"), entry("PG_VERSION")});
  std::vector<std::string> paths;
  for (const auto& each : read_all(list)) {
    paths.push_back(each.path);
    EXPECT_EQ(each.id, static_cast<std::int64_t>(paths.size()));
    EXPECT_EQ(find(list, each.path)->id, each.id);
  }
  EXPECT_THAT(paths, ElementsAre("PG_VERSION", "base/5", "base/5-1", "base/5/2", "base/5/20"));
  for (const auto* none : {"", "A", "base/5/21", "base/5/", "z"}) EXPECT_FALSE(find(list, none)) << none;
}

TEST_F(FileTableTest, FindsEachOfManyFilesSmallAndLarge) {
  std::vector<FileEntry> entries;
  for (int i = 0; i < 3000; ++i)
    entries.push_back(entry("base/5/" + std::to_string(i), i % 700 == 3 ? 2500ull * kPieceBytes : i));
  const auto list = stored(entries);
  EXPECT_GT(list.size(), 10u);
  EXPECT_EQ(read_all(list).size(), entries.size());
  PackSet packs(repository_, layout_);
  SectionReader reader(packs);
  FileTable table(reader, list, kDataBytes);
  for (const auto& expected : entries) {
    const auto found = table.find(expected.path);
    ASSERT_TRUE(found) << expected.path;
    EXPECT_EQ(found->pieces, expected.pieces) << expected.path;
    EXPECT_EQ(found->piece_crcs, expected.piece_crcs) << expected.path;
  }
}

TEST_F(FileTableTest, APathThatCameTwiceIsRefused) {
  EXPECT_THROW(stored({entry("a"), entry("b"), entry("a")}), Error);
}

TEST_F(FileTableTest, KnowsWhatCameInAnyOrder) {
  FileSpool spool(folder_ / "spool");
  auto directory = entry("base");
  directory.kind = EntryKind::directory;
  for (const auto& each : {directory, entry("b", 1), entry("a", 2), entry("c", 3)}) spool.add(each);
  for (const auto* path : {"b", "a", "c", "a", "a", "b"}) EXPECT_TRUE(spool.find(path)) << path;
  EXPECT_EQ(spool.find("c")->size, 3u);
  EXPECT_EQ(spool.find("base")->kind, EntryKind::directory);
  EXPECT_FALSE(spool.find("d"));
}

TEST_F(FileTableTest, WhatIsDamagedIsToldAndTheRestIsRead) {
  std::vector<FileEntry> entries;
  for (int i = 0; i < 3000; ++i) entries.push_back(entry("base/5/" + std::to_string(i), 10));
  entries.push_back(entry("base/5/large", 3000ull * kPieceBytes));
  auto list = stored(entries);
  for (const std::size_t at : {std::size_t{3}, list.size() - 3}) list[at].crc32c ^= 1;
  EXPECT_THROW(read_all(list), Corruption);
  PackSet packs(repository_, layout_);
  SectionReader reader(packs);
  std::size_t visited = 0;
  std::size_t damaged = 0;
  FileTable(reader, list, kDataBytes)
      .for_each([&](FileEntry&&) { ++visited; }, [&](const Section&, const Corruption&) { ++damaged; });
  EXPECT_EQ(damaged, 2u);
  EXPECT_EQ(visited, entries.size() - list[3].entries - 1);  // and without the large file
}

/// A section as it is read, to be made unsound.
struct Crafted {
  std::uint16_t path_bytes = 1;
  std::string path = "a";
  std::uint8_t kind = 1;
  std::uint32_t span = 0;
  std::uint64_t size = 2 * kPieceBytes;
  std::uint16_t mode = 0600;
  std::uint16_t reference_bytes = 3;
  std::size_t crcs = 2;
  io::ByteVector references = encoded({{1, 0}, {1, 1}});
  std::string more{};

  io::ByteVector bytes() const {
    io::ByteVector items;
    put_number(items, path_bytes);
    put_bytes(items, io::as_bytes(path));
    put_number(items, kind);
    put_number(items, span);
    put_number(items, size);
    put_number(items, mode);
    put_number(items, std::uint64_t{0});
    put_number(items, std::uint32_t{0});
    put_number(items, reference_bytes);
    io::ByteVector section;
    put_number(section, static_cast<std::uint32_t>(items.size()));
    put_number(section, static_cast<std::uint32_t>(4 * crcs));
    put_bytes(section, items);
    section.resize(section.size() + 4 * crcs);
    put_bytes(section, references);
    put_bytes(section, io::as_bytes(more));
    return section;
  }
};

TEST_F(FileTableTest, ACraftedSectionIsSoundBeforeIt) {
  const auto list = crafted({{key_of("a", 0), Crafted().bytes()}});
  EXPECT_EQ(read_all(list).size(), 1u);
  EXPECT_TRUE(find(list, "a"));
}

TEST_F(FileTableTest, AnItemHoldsNothingThatCannotBe) {
  const std::vector<Crafted> cases{
      {.path_bytes = 0, .path = ""},
      {.path = std::string(1, '\0')},
      {.path_bytes = 5000, .path = std::string(5000, 'x')},
      {.path_bytes = 60000},
      {.kind = 0},
      {.kind = 3},
      {.kind = 2},  // a directory has no pieces
      {.span = 1},
      {.span = 4000000000u},
      {.size = std::uint64_t{1} << 62},
      {.size = kMaxFileBytes},
      {.size = kDataBytes + 1},
      {.size = 3 * kPieceBytes},
      {.size = kPieceBytes},
      {.mode = 010000},
      {.reference_bytes = 2},
      {.reference_bytes = 400},
      {.reference_bytes = 5, .references = io::ByteVector(5, std::byte{0xFF})},
      {.reference_bytes = 3, .references = encoded({{1, 0}, {1, 1}, {1, 2}})},
      {.crcs = 1},
      {.crcs = 3},
      {.more = "x"},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto list = crafted({{key_of(cases[i].path, cases[i].span), cases[i].bytes()}});
    EXPECT_THROW(read_all(list), Corruption) << i;
    try {
      find(list, "a");
    } catch (const Corruption&) {
    }
  }
}

TEST_F(FileTableTest, SectionsStandInTheirOrderAndAreThoseThatWereNamed) {
  const auto a = Crafted().bytes();
  const auto b = Crafted{.path = "b"}.bytes();
  EXPECT_EQ(read_all(crafted({{key_of("a", 0), a}, {key_of("b", 0), b}})).size(), 2u);
  EXPECT_THROW(read_all(crafted({{key_of("b", 0), b}, {key_of("a", 0), a}})), Corruption);
  EXPECT_THROW(read_all(crafted({{key_of("a", 0), a}, {key_of("a", 0), a}})), Corruption);
  EXPECT_THROW(read_all(crafted({{key_of("x", 0), a}})), Corruption);
  EXPECT_THROW(read_all(crafted({{key_of("a", 0), a}}, 2)), Corruption);
  const Crafted large{.size = 2000ull * kPieceBytes, .reference_bytes = 4, .crcs = 1024, .references = [] {
                        io::ByteVector bytes;
                        for (const auto byte : {0x80, 0x08, 0x01, 0x00})
                          bytes.push_back(static_cast<std::byte>(byte));
                        return bytes;
                      }()};
  const auto cut = crafted({{key_of("a", 0), large.bytes()}});
  EXPECT_THROW(read_all(cut), Corruption);
  EXPECT_THROW(find(cut, "a"), Corruption);
  const auto other = crafted({{key_of("a", 0), large.bytes()}, {key_of("b", 0), b}});
  EXPECT_THROW(read_all(other), Corruption);
  EXPECT_THROW(find(other, "a"), Corruption);
}

TEST_F(FileTableTest, ASectionCutAnywhereIsRefused) {
  const auto sound = Crafted().bytes();
  for (std::size_t length = 1; length < sound.size(); ++length) {
    const auto list =
        crafted({{key_of("a", 0),
                  io::ByteVector(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(length))}});
    EXPECT_THROW(read_all(list), Corruption) << length;
  }
}

}  // namespace
}  // namespace pgkeep::store
