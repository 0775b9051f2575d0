#include "tests/unit/architecture/floors.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_directory.h"

namespace pgkeep::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(FloorsTest, EveryIncludeOfThisTreeGoesDown) {
  const auto report = check_floors(PGKEEP_SOURCE_DIR);
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_GT(report.files, 20U);
  EXPECT_GT(report.includes, 20U);
}

/// A made-up tree, for what must not be in ours.
class MadeUpTreeTest : public testing::Test {
 protected:
  void file(const std::string& name, const std::string& content) {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << content;
  }
  std::vector<std::string> faults() const { return check_floors(root_.path()).faults; }

  TempDirectory root_;
};

TEST_F(MadeUpTreeTest, MayIncludeItsOwnRoomAndAllBelow) {
  file("catalog/io/file.cc", "#include \"catalog/io/file.h\"\n#include <vector>\n#include <sys/stat.h>\n");
  file("catalog/postgres/lsn.cc", "#include \"catalog/io/file.h\"\n");
  file("catalog/store/pack.cc", "#include \"catalog/postgres/lsn.h\"\n#include \"catalog/io/file.h\"\n");
  file("catalog/records/identity.cc", "#include \"catalog/records/identity.h\"\n#include \"catalog/store/pack.h\"\n");
  file("streaming/wal.cc", "#include \"catalog/records/identity.h\"\n#include \"catalog/io/file.h\"\n");
  file("recover/plan.h", "#include \"recover/target.h\"\n#include \"catalog/store/pack.h\"\n");
  file("server/cli/backup.cc", "#include \"server/config.h\"\n#include \"streaming/wal.h\"\n");
  file("server/config.h", "#include \"server/cli/command.h\"\n#include \"recover/plan.h\"\n");
  EXPECT_THAT(faults(), IsEmpty());
}

TEST_F(MadeUpTreeTest, EachFloorIsRefusedTheOneAbove) {
  file("catalog/io/a.h", "#include \"catalog/postgres/lsn.h\"\n");
  file("catalog/postgres/b.h", "#include \"catalog/store/pack.h\"\n");
  file("catalog/store/c.h", "#include \"catalog/records/identity.h\"\n");
  file("catalog/verify/d.h", "#include \"streaming/wal.h\"\n");
  file("recover/e.h", "#include \"server/config.h\"\n");
  file("streaming/f.h", "#include \"server/cli/command.h\"\n");
  EXPECT_THAT(faults(),
              ElementsAre("catalog/io/a.h:1: includes catalog/postgres/lsn.h, which is above it",
                          "catalog/postgres/b.h:1: includes catalog/store/pack.h, which is above it",
                          "catalog/store/c.h:1: includes catalog/records/identity.h, which is above it",
                          "catalog/verify/d.h:1: includes streaming/wal.h, which is above it",
                          "recover/e.h:1: includes server/config.h, which is above it",
                          "streaming/f.h:1: includes server/cli/command.h, which is above it"));
}

TEST_F(MadeUpTreeTest, StreamingAndRecoverDoNotKnowEachOther) {
  file("recover/a.cc", "\n\n#include \"streaming/wal.h\"\n");
  file("streaming/b.cc", "#include \"recover/plan.h\"\n");
  EXPECT_THAT(faults(),
              ElementsAre("recover/a.cc:3: includes streaming/wal.h, but these two do not know each other",
                          "streaming/b.cc:1: includes recover/plan.h, but these two do not know each other"));
}

TEST_F(MadeUpTreeTest, SpellingHidesNothing) {
  file("catalog/io/a.h",
       "  #  include   <server/config.h>  // a comment\n#include\"server/config.h\"\n"
       "#include \"catalog/io/../../server/config.h\"\n");
  EXPECT_EQ(faults().size(), 3U);
}

TEST_F(MadeUpTreeTest, HeadersAreNamedFromTheRoot) {
  file("streaming/a.cc",
       "#include \"wal.h\"\n#include \"../server/config.h\"\n#include \"tests/support/x.h\"\n");
  const auto found = faults();
  ASSERT_EQ(found.size(), 3U);
  for (const auto& fault : found) EXPECT_THAT(fault, HasSubstr("in no room that is known"));
}

TEST_F(MadeUpTreeTest, ARoomThatNobodyGaveAFloorIsAFault) {
  file("catalog/misc/a.h", "");
  EXPECT_THAT(faults(), ElementsAre("catalog/misc/a.h: is in no room that is known"));
}

}  // namespace
}  // namespace pgkeep::test
