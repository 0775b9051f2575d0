#include "catalog/postgres/tablespace_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/catalog/postgres/test_data.h"

namespace pgkeep::postgres {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using Entry = TablespaceMapEntry;

std::string refusal(std::string_view content, int major_version = 18) {
  return corruption_from([&] { parse_tablespace_map(content, major_version); });
}

TEST(TablespaceMapTest, ParsesALineATablespace) {
  EXPECT_THAT(parse_tablespace_map("16384 /srv/fast\n16390 /srv/with blanks in it\n", 18),
              ElementsAre(Entry{16384, "/srv/fast"}, Entry{16390, "/srv/with blanks in it"}));
  EXPECT_THAT(parse_tablespace_map("", 18), ElementsAre());
}

// As servers of these versions wrote it for the directory "/srv/back\slash<newline>newline".
TEST(TablespaceMapTest, ReadsBackslashesAsEachVersionWritesThem) {
  const Entry entry{16388, "/srv/back\\slash\nnewline"};
  constexpr std::string_view kFrom13 = "16388 /srv/back\\slash\\\nnewline\n";
  constexpr std::string_view kFrom15 = "16388 /srv/back\\\\slash\\\nnewline\n";
  EXPECT_THAT(parse_tablespace_map(kFrom13, 13), ElementsAre(entry));
  EXPECT_THAT(parse_tablespace_map(kFrom15, 15), ElementsAre(entry));
  EXPECT_EQ(format_tablespace_map({entry}, 13), kFrom13);
  EXPECT_EQ(format_tablespace_map({entry}, 15), kFrom15);
}

TEST(TablespaceMapTest, ParsesWhatItFormats) {
  const std::vector<Entry> entries{
      {1, "/a"}, {2, "/b\n\n"}, {4294967295, "/\r\n c"}, {3, "/\\d\\\\e"}, {5, "/f\ng"}};
  for (const int version : {13, 14, 18}) {
    EXPECT_EQ(parse_tablespace_map(format_tablespace_map(entries, version), version), entries) << version;
  }
  const std::vector<Entry> backslash_last{{6, "/h\\"}, {7, "/i\\\n"}};
  EXPECT_EQ(parse_tablespace_map(format_tablespace_map(backslash_last, 14), 14), backslash_last);
}

TEST(TablespaceMapTest, RefusesToFormatWhat13CouldNotRead) {
  EXPECT_THROW(format_tablespace_map({{6, "/h\\"}}, 13), Error);
  EXPECT_THROW(format_tablespace_map({{7, "/i\\\nj"}}, 13), Error);
}

TEST(TablespaceMapTest, TakesWindowsLineEndsAsTheServerDoes) {
  EXPECT_THAT(parse_tablespace_map("1 /a\r\n2 /b\r\n", 18), ElementsAre(Entry{1, "/a"}, Entry{2, "/b"}));
}

TEST(TablespaceMapTest, RefusesAFileCutShort) {
  EXPECT_THAT(refusal("1 /a\n2 /b"), AllOf(HasSubstr("line 2"), HasSubstr("cut short")));
  EXPECT_THAT(refusal("1 /a\\"), HasSubstr("cut short"));
  EXPECT_THAT(refusal("1 /a\\\n"), HasSubstr("cut short"));
  EXPECT_THAT(refusal("1 /a\\\n", 13), HasSubstr("cut short"));
}

TEST(TablespaceMapTest, RefusesWhatIsNoEntry) {
  EXPECT_THAT(refusal("16384\n"), HasSubstr("no blank"));
  EXPECT_THAT(refusal("x /a\n"), HasSubstr("\"x\" is not an OID"));
  EXPECT_THAT(refusal("0 /a\n"), HasSubstr("\"0\" is not an OID"));
  EXPECT_THAT(refusal("4294967296 /a\n"), HasSubstr("is not an OID"));
  EXPECT_THAT(refusal("1 \n"), HasSubstr("not absolute"));
  EXPECT_THAT(refusal("1 a\n"), HasSubstr("not absolute"));
  EXPECT_THAT(refusal(std::string_view("1 /a\0b\n", 7)), HasSubstr("zero byte"));
}

TEST(TablespaceMapTest, RefusesAnOidTwice) {
  EXPECT_THAT(refusal("1 /a\n1 /b\n"), AllOf(HasSubstr("line 2"), HasSubstr("OID 1 a second time")));
}

TEST(VersionDirectoryTest, IsTheOneThatPostgresMakesInATablespace) {
  EXPECT_EQ(version_directory_major("PG_18_202506291"), 18);
  EXPECT_EQ(version_directory_major("PG_13_202007201/5/16384.1"), 13);
  for (const auto* path : {"", "PG_", "PG_18", "PG_18_", "PG_18_2025", "PG_18_2025062911", "PG_18_20250629x",
                           "PG__202506291", "PG_x_202506291", "PG_18x_202506291", "pg_18_202506291",
                           "cron.d/PG_18_202506291", "/PG_18_202506291"})
    EXPECT_EQ(version_directory_major(path), std::nullopt) << path;
}

}  // namespace
}  // namespace pgkeep::postgres
