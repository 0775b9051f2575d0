#include "recover/deliver/places.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::recover {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// A shell of this host stands for both: what the script asks is the same there and over ssh.
class PlacesTest : public testing::Test {
 protected:
  void require(const std::vector<fs::path>& paths) const {
    std::vector<DeliveryRoot> roots;
    for (const auto& path : paths)
      roots.push_back(
          {.directory = path, .what = "place " + std::to_string(roots.size()), .way_out = "or so"});
    require_free_places({"sh", "-c"}, roots);
  }
  auto refused(const std::vector<fs::path>& paths) const {
    return [this, paths] { require(paths); };
  }
  fs::path make(const std::string& path) const {
    fs::create_directories(folder_ / path);
    return folder_ / path;
  }
  void put(const std::string& path) const { io::write_file_durably(folder_ / path, {}); }

  test::TempDirectory folder_;
};

TEST_F(PlacesTest, TakesDirectoriesThatBelongToNobody) {
  make("it's mine");
  EXPECT_NO_THROW(require({folder_ / "it's mine", folder_ / "new", folder_ / "a line\nbreak"}));
}

TEST_F(PlacesTest, RefusesWhatLiesInADataDirectory) {
  make("data/global");
  make("data/sub/deep");
  put("data/PG_VERSION");
  const auto because =
      ThrowsMessage<Refused>(AllOf(HasSubstr("place 0"), HasSubstr("data directory of PostgreSQL")));
  EXPECT_THAT(refused({folder_ / "data/new"}), because);
  EXPECT_THAT(refused({folder_ / "data/sub/deep"}), because);
  EXPECT_THAT(refused({folder_ / "data/sub/deep/new"}), because);
}

TEST_F(PlacesTest, RefusesWhatLiesInATablespaceAWalDirectoryOrARepository) {
  make("fast/PG_18_202506291");
  make("wal/archive_status");
  make("repo");
  put("repo/repository.json");
  EXPECT_THAT(refused({folder_ / "fast/new"}), ThrowsMessage<Refused>(HasSubstr("tablespace of PostgreSQL")));
  EXPECT_THAT(refused({folder_ / "wal/new"}),
              ThrowsMessage<Refused>(HasSubstr("WAL directory of PostgreSQL")));
  EXPECT_THAT(refused({folder_ / "repo/new"}), ThrowsMessage<Refused>(HasSubstr("repository of pgkeep")));
}

TEST_F(PlacesTest, FollowsLinksToWhereTheyLead) {
  make("data/global");
  make("data/empty");
  put("data/PG_VERSION");
  fs::create_directory_symlink(folder_ / "data/empty", folder_ / "link");
  EXPECT_THAT(refused({folder_ / "link"}), ThrowsMessage<Refused>(HasSubstr("data directory of PostgreSQL")));
  EXPECT_THAT(refused({folder_ / "link/new"}),
              ThrowsMessage<Refused>(HasSubstr("data directory of PostgreSQL")));
}

TEST_F(PlacesTest, RefusesTwoNamesOfOneDirectory) {
  make("one");
  fs::create_directory_symlink(folder_ / "one", folder_ / "two");
  make("other");
  const auto because = ThrowsMessage<Refused>(AllOf(HasSubstr("place"), HasSubstr("a directory of its own")));
  EXPECT_THAT(refused({folder_ / "one", folder_ / "two"}), because);
  EXPECT_THAT(refused({folder_ / "one", folder_ / "other", folder_ / "two/new"}), because);
  EXPECT_THAT(refused({folder_ / "one/new", folder_ / "two/new"}), because);
  EXPECT_NO_THROW(require({folder_ / "one/new", folder_ / "two/newer"}));
}

TEST_F(PlacesTest, RefusesALinkThatLeadsNowhere) {
  fs::create_directory_symlink(folder_ / "missing", folder_ / "link");
  EXPECT_THAT(refused({folder_ / "link"}), ThrowsMessage<Refused>(HasSubstr("does not exist")));
}

}  // namespace
}  // namespace pgkeep::recover
