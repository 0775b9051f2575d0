#include "catalog/io/disk_space.h"

#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::io {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

TEST(DiskSpaceTest, IsThatOfTheFileSystemOfAFolder) {
  const test::TempDirectory folder;
  const auto disk = disk_space(folder.path());
  EXPECT_GT(disk.free, 0U);
  EXPECT_GE(disk.total, disk.free);
  EXPECT_THROW(disk_space(folder.path() / "none"), StorageError);
}

struct Written {
  std::string_view text;
  std::optional<Reserve> reserve;
  std::string_view shown = {};
};

TEST(ReserveTest, IsAShareOrASize) {
  for (const auto& [text, reserve, shown] :
       {Written{"5%", Reserve{5, true}, "5%"}, Written{"100%", Reserve{100, true}, "100%"},
        Written{"20GiB", Reserve{20 * kGiB, false}, "20 GiB"}, Written{"0", Reserve{}, "0"},
        Written{"0%", Reserve{}, "0"}, Written{"101%", {}}, Written{"%", {}}, Written{"5 %", {}},
        Written{"-5%", {}}, Written{"much", {}}, Written{"", {}}}) {
    const auto read = Reserve::parse(text);
    EXPECT_EQ(read, reserve) << text;
    if (read) {
      EXPECT_EQ(read->text(), shown);
    }
  }
}

TEST(ReserveTest, OfADiskIsToldInBytes) {
  const DiskSpace disk{.total = 40 * kGiB, .free = kGiB};
  EXPECT_EQ((Reserve{5, true}).bytes_of(disk), 2 * kGiB);
  EXPECT_EQ((Reserve{7 * kGiB, false}).bytes_of(disk), 7 * kGiB);
  EXPECT_EQ(describe({5, true}, disk), "2 GiB (5% of 40 GiB)");
  EXPECT_EQ(describe({7 * kGiB, false}, disk), "7 GiB");
}

TEST(ReserveTest, OfTheLargestDiskDoesNotOverflow) {
  const DiskSpace disk{.total = UINT64_MAX, .free = 0};
  EXPECT_EQ((Reserve{50, true}).bytes_of(disk), UINT64_MAX / 2);
}

}  // namespace
}  // namespace pgkeep::io
