#include "catalog/wal/pushed_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kSegment = "000000010000000000000005";

TEST(PushedCopyTest, IsReadFromItsName) {
  const auto copy = parse_pushed_copy("/wal/000000010000000000000005.0123456789abcdef.zst");
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->name, kSegment);
  EXPECT_EQ(copy->digits, "0123456789abcdef");
  EXPECT_EQ(copy->id(), "000000010000000000000005.0123456789abcdef");
  EXPECT_FALSE(copy->settled);
  EXPECT_TRUE(parse_pushed_copy("00000002.history.0123456789abcdef.settled")->settled);
  EXPECT_EQ(parse_pushed_copy("000000010000000000000005.partial.0123456789abcdef.zst")->name,
            "000000010000000000000005.partial");
}

TEST(PushedCopyTest, NothingElseIsTakenForOne) {
  for (const char* other :
       {"", "000000010000000000000005.zst", "000000010000000000000005.0123456789abcde.zst",
        "000000010000000000000005.0123456789abcdeX.zst", "000000010000000000000005.0123456789ABCDEF.zst",
        "000000010000000000000005.0123456789abcdef.zst.tmp", "x.0123456789abcdef.zst", ".settled", ".zst"})
    EXPECT_EQ(parse_pushed_copy(other), std::nullopt) << other;
}

TEST(PushedCopyTest, AFolderThatIsNotThereHasNone) {
  const test::TempDirectory directory;
  EXPECT_THAT(list_pushed_copies(directory / "none"), IsEmpty());
  io::write_file_durably(directory / "000000010000000000000005.0123456789abcdef.zst", io::as_bytes("x"));
  io::write_file_durably(directory / "other", io::as_bytes("x"));
  const auto found = list_pushed_copies(directory.path());
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(look_at(found[0])->bytes, 1u);
  io::remove_file(found[0].path);
  EXPECT_EQ(look_at(found[0]), std::nullopt);
}

}  // namespace
}  // namespace pgkeep::catalog
