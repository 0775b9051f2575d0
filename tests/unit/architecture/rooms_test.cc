#include "tests/unit/architecture/rooms.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_directory.h"

namespace pgkeep::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(RoomsTest, EveryIncludeOfThisTreeGoesDown) {
  const auto report = check_includes(PGKEEP_SOURCE_DIR);
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_GT(report.files, 300U);
  EXPECT_GT(report.includes, 1000U);
}

TEST(RoomsTest, EveryLinkLineSaysWhatTheRoomIncludes) {
  EXPECT_THAT(check_link_lines(PGKEEP_SOURCE_DIR), IsEmpty());
}

TEST(RoomsTest, TheUnitTestsMirrorTheRooms) {
  EXPECT_THAT(check_test_folders(PGKEEP_SOURCE_DIR), IsEmpty());
}

TEST(RoomsTest, EveryTestIsBuilt) {
  EXPECT_THAT(check_tests_are_built(PGKEEP_SOURCE_DIR), IsEmpty());
}

/// A made-up tree, for what must not be in ours.
class MadeUpTreeTest : public testing::Test {
 protected:
  void file(const std::string& name, const std::string& content) {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << content;
  }
  /// One that includes this header.
  void file_with(const std::string& name, const std::string& include) {
    file(name, "#include \"" + include + "\"\n");
  }
  std::vector<std::string> faults() const { return check_includes(root_.path()).faults; }

  TempDirectory root_;
};

TEST_F(MadeUpTreeTest, MayIncludeItsOwnRoomAndAllBelow) {
  file("catalog/io/file.cc", "#include \"catalog/io/file.h\"\n#include <vector>\n#include <sys/stat.h>\n");
  file("catalog/postgres/lsn.cc", "#include \"catalog/io/file.h\"\n");
  file("catalog/store/pack.cc", "#include \"catalog/postgres/lsn.h\"\n#include \"catalog/io/file.h\"\n");
  file("catalog/verify/a.cc", "#include \"catalog/verify/a.h\"\n#include \"catalog/wal/b.h\"\n");
  file("streaming/wire/a.cc", "#include \"catalog/verify/a.h\"\n#include \"catalog/io/file.h\"\n");
  file("recover/recovery.h", "#include \"recover/plan/target.h\"\n#include \"recover/deliver/a.h\"\n");
  file("server/cli/a.cc", "#include \"server/config/config.h\"\n#include \"streaming/receive/b.h\"\n");
  file("server/config/c.h", "#include \"recover/recovery.h\"\n");
  EXPECT_THAT(faults(), IsEmpty());
}

TEST_F(MadeUpTreeTest, EachFloorIsRefusedTheOneAbove) {
  file_with("catalog/verify/a.h", "streaming/wire/wal.h");
  file_with("recover/b.h", "server/config/config.h");
  file_with("streaming/backup/c.h", "server/cli/command.h");
  EXPECT_THAT(faults(),
              ElementsAre("catalog/verify/a.h:1: includes streaming/wire/wal.h, which is above it",
                          "recover/b.h:1: includes server/config/config.h, which is above it",
                          "streaming/backup/c.h:1: includes server/cli/command.h, which is above it"));
}

TEST_F(MadeUpTreeTest, EachRoomIsRefusedTheOneAboveOnItsFloor) {
  file_with("catalog/io/a.h", "catalog/postgres/lsn.h");
  file_with("catalog/postgres/a.h", "catalog/store/pack.h");
  file_with("catalog/records/a.h", "catalog/wal/wal_archive.h");
  file_with("catalog/wal/a.h", "catalog/index/server_catalog.h");
  file_with("recover/deliver/a.h", "recover/recovery.h");
  file_with("server/fleet/a.h", "server/cli/arguments.h");
  file_with("server/health/a.h", "server/daemon/daemon.h");
  file_with("streaming/receive/a.h", "streaming/backup/take_backup.h");
  const auto found = faults();
  EXPECT_EQ(found.size(), 8U);
  for (const auto& fault : found) EXPECT_THAT(fault, HasSubstr("which is above it"));
}

TEST_F(MadeUpTreeTest, NeighboursDoNotKnowEachOther) {
  file("recover/a.cc", "\n\n#include \"streaming/wire/wal.h\"\n");
  file_with("server/config/b.cc", "server/terminal/output.h");
  file_with("streaming/backup/b.cc", "recover/plan/plan.h");
  EXPECT_THAT(
      faults(),
      ElementsAre(
          "recover/a.cc:3: includes streaming/wire/wal.h, but these two do not know each other",
          "server/config/b.cc:1: includes server/terminal/output.h, but these two do not know each other",
          "streaming/backup/b.cc:1: includes recover/plan/plan.h, but these two do not know each other"));
}

TEST_F(MadeUpTreeTest, ATestThatNobodyBuildsIsAFault) {
  file("tests/unit/catalog/io/CMakeLists.txt",
       "pgkeep_unit_tests(io SOURCES a_test.cc b_test.cc) # c_test.cc");
  file("tests/unit/catalog/io/a_test.cc", "");
  file("tests/unit/catalog/io/b_test.cc", "");
  file("tests/unit/catalog/io/c_test.cc", "");
  file("tests/unit/catalog/io/other_a_test.cc", "");
  file("tests/faults/c_test.cc", "");
  EXPECT_THAT(
      check_tests_are_built(root_.path()),
      ElementsAre("tests/faults/c_test.cc: is never built", "tests/unit/catalog/io/c_test.cc: is never built",
                  "tests/unit/catalog/io/other_a_test.cc: is never built"));
}

TEST_F(MadeUpTreeTest, SpellingHidesNothing) {
  file("catalog/io/a.h",
       "  #  include   <server/config/a.h>  // a comment\n#include\"server/config/a.h\"\n"
       "#include \"catalog/io/../../server/config/a.h\"\n");
  EXPECT_EQ(faults().size(), 3U);
}

TEST_F(MadeUpTreeTest, HeadersAreNamedFromTheRoot) {
  file("streaming/wire/a.cc",
       "#include \"wal.h\"\n#include \"../server/config.h\"\n#include \"tests/support/x.h\"\n");
  const auto found = faults();
  ASSERT_EQ(found.size(), 3U);
  for (const auto& fault : found) EXPECT_THAT(fault, HasSubstr("in no room that is known"));
}

TEST_F(MadeUpTreeTest, AFolderThatIsNoRoomIsAFault) {
  file("catalog/a.h", "");
  file("catalog/misc/b.h", "");
  file("server/cli/more/c.cc", "");
  file_with("server/cli/d.cc", "catalog/misc/b.h");
  EXPECT_THAT(
      faults(),
      ElementsAre("catalog/a.h: is in no room that is known", "catalog/misc/b.h: is in no room that is known",
                  HasSubstr("server/cli/d.cc:1: includes catalog/misc/b.h, which is in no room"),
                  "server/cli/more/c.cc: is in no room that is known"));
}

TEST_F(MadeUpTreeTest, ALinkLineSaysNeitherLessNorMore) {
  for (const auto* room :
       {"catalog/io",       "catalog/postgres", "catalog/store",     "catalog/records", "catalog/wal",
        "catalog/index",    "catalog/verify",   "catalog/retention", "streaming/wire",  "streaming/receive",
        "streaming/backup", "recover/plan",     "recover/deliver",   "recover",         "server/config",
        "server/schedule",  "server/terminal",  "server/hooks",      "server/fleet",    "server/health",
        "server/report",    "server/http",      "server/metrics",    "server/notify",   "server/web",
        "server/daemon",    "server/cli"})
    file(std::string(room) + "/CMakeLists.txt", "");
  file("CMakeLists.txt", "add_subdirectory(catalog)\nadd_subdirectory(offsite)\nadd_subdirectory(tests)\n");
  file("catalog/wal/a.cc", "#include \"catalog/io/a.h\"\n#include \"catalog/store/b.h\"\n");
  file("catalog/wal/CMakeLists.txt",
       "target_link_libraries(pgkeep_wal\n  PUBLIC pgkeep_flags pgkeep_io\n  PRIVATE pgkeep_records zstd)\n");
  EXPECT_THAT(
      check_link_lines(root_.path()),
      ElementsAre("CMakeLists.txt: adds offsite, which is no floor that is known",
                  "catalog/wal/CMakeLists.txt: does not link pgkeep_store, which the room includes",
                  "catalog/wal/CMakeLists.txt: links pgkeep_records, which the room does not include"));
}

TEST_F(MadeUpTreeTest, ATestOfNoRoomIsAFault) {
  file("tests/unit/catalog/wal/a_test.cc", "");
  file("tests/unit/catalog/b_test.cc", "");
  EXPECT_THAT(check_test_folders(root_.path()),
              ElementsAre("tests/unit/catalog: has tests of no room that is known"));
}

}  // namespace
}  // namespace pgkeep::test
