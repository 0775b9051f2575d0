#include "server/fleet/unmounted.h"

#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

namespace fs = std::filesystem;

class UnmountedTest : public testing::Test {
 protected:
  std::optional<fs::path> place(const std::string& planned, const std::string& mounted,
                                const fs::path& folder = "/srv/backup/pgkeep") {
    const auto write = [](const fs::path& path, const std::string& text) {
      io::write_file_durably(path, io::as_bytes(text));
    };
    write(directory_ / "fstab", planned);
    write(directory_ / "mounts", mounted);
    return unmounted_place(folder, {directory_ / "fstab", directory_ / "mounts"});
  }
  test::TempDirectory directory_;
};

TEST_F(UnmountedTest, NamesThePlannedMountPointAboveTheFolder) {
  EXPECT_EQ(place("/dev/sdb1 /srv/backup ext4 defaults 0 2\n", "/dev/sda1 / ext4 rw 0 0\n"), "/srv/backup");
}

TEST_F(UnmountedTest, NamesTheFolderItself) {
  EXPECT_EQ(place("# disks\nUUID=1 /srv/backup/pgkeep/ xfs defaults 0 2\n", ""), "/srv/backup/pgkeep");
}

TEST_F(UnmountedTest, HasNothingAgainstWhatIsMounted) {
  const std::string line = "/dev/sdb1 /srv/backup ext4 defaults 0 2\n";
  EXPECT_EQ(place(line, line), std::nullopt);
}

TEST_F(UnmountedTest, LooksAtTheInnermostMountPointOnly) {
  const std::string inner = "/dev/sdc1 /srv/backup ext4 defaults 0 2\n";
  EXPECT_EQ(place("/dev/sdb1 /srv ext4 defaults 0 2\n" + inner, inner), std::nullopt);
}

TEST_F(UnmountedTest, HasNothingAgainstOtherPlacesAndTheRoot) {
  EXPECT_EQ(place("/dev/sda1 / ext4 defaults 0 1\n/dev/sdb1 /srv/back ext4 defaults 0 2\n"
                  "/dev/sdc1 none swap sw 0 0\n",
                  ""),
            std::nullopt);
}

TEST_F(UnmountedTest, FollowsLinks) {
  fs::create_directory(directory_ / "disk");
  fs::create_directory_symlink(directory_ / "disk", directory_ / "link");
  const auto disk = fs::canonical(directory_ / "disk");
  EXPECT_EQ(place("/dev/sdb1 " + disk.native() + " ext4 defaults 0 2\n", "", directory_ / "link" / "pgkeep"),
            disk);
}

TEST_F(UnmountedTest, ReadsBlanksInNames) {
  EXPECT_EQ(place("/dev/sdb1 /srv/my\\040disk ext4 defaults 0 2\n", "", "/srv/my disk/pgkeep"),
            "/srv/my disk");
}

TEST_F(UnmountedTest, KnowsNothingWithoutTheLists) {
  EXPECT_EQ(unmounted_place("/srv/backup", {directory_ / "none", directory_ / "none"}), std::nullopt);
}

}  // namespace
}  // namespace pgkeep::server
