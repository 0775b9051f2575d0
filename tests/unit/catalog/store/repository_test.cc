#include "catalog/store/repository.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/sealed_json.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::store {
namespace {

TEST(RepositoryTest, KeepsItsIdAndKey) {
  const test::TempDirectory folder;
  const auto made = Repository::open_or_create(folder / "r");
  const auto opened = Repository::open(folder / "r");
  EXPECT_EQ(made.id(), opened.id());
  EXPECT_EQ(made.digest_key(), opened.digest_key());
}

TEST(RepositoryTest, IsReadableByItsOwnerOnly) {
  const test::TempDirectory folder;
  Repository::open_or_create(folder / "r").server("main").make();
  for (const auto* path : {"r", "r/main", "r/main/packs", "r/repository.json"}) {
    struct stat status {};
    ASSERT_EQ(::stat((folder / path).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 077, 0u) << path;
  }
}

TEST(RepositoryTest, IsNotMadeInAFolderThatHoldsSomethingElse) {
  const test::TempDirectory folder;
  io::write_file_durably(folder / "photo.jpg", io::as_bytes("x"));
  EXPECT_THROW(Repository::open_or_create(folder.path()), Refused);
}

TEST(RepositoryTest, LinksInItsOwnPathAreFollowedAndNoOthers) {
  const test::TempDirectory folder;
  std::filesystem::create_directory(folder / "disk");
  std::filesystem::create_directory_symlink(folder / "disk", folder / "link");
  const auto made = Repository::open_or_create(folder / "link/r");
  EXPECT_EQ(made.root(), std::filesystem::canonical(folder / "disk") / "r");
  EXPECT_EQ(Repository::open(folder / "link/r").id(), made.id());
  std::filesystem::create_directory_symlink(folder / "disk", folder / "disk/r/main");
  EXPECT_THAT([&] { made.server("main").make(); },
              testing::ThrowsMessage<StorageError>(testing::HasSubstr("symbolic link")));
  EXPECT_FALSE(std::filesystem::exists(folder / "disk/packs"));
}

TEST(RepositoryTest, ALinkToNothingIsRefusedAtOnce) {
  const test::TempDirectory folder;
  std::filesystem::create_directory_symlink(folder / "not mounted", folder / "link");
  EXPECT_THAT([&] { Repository::open_or_create(folder / "link"); },
              testing::ThrowsMessage<StorageError>(testing::HasSubstr("symbolic link")));
  EXPECT_FALSE(std::filesystem::exists(folder / "not mounted"));
}

TEST(RepositoryTest, OpeningNothingSaysHowToMakeOne) {
  const test::TempDirectory folder;
  EXPECT_THROW(Repository::open(folder / "r"), NotFound);
}

TEST(RepositoryTest, AnotherFormatIsRefusedWithTheWayOutAndLeftAsItIs) {
  const test::TempDirectory folder;
  const auto refusal_of = [&](std::string_view record) {
    io::write_file_durably(folder / "repository.json", io::as_bytes(record));
    try {
      Repository::open_or_create(folder.path());
    } catch (const Refused& refusal) {
      EXPECT_EQ(io::as_text(io::read_whole_file(folder / "repository.json", 100)), record);
      return std::string(refusal.what());
    }
    return std::string("none");
  };
  EXPECT_THAT(refusal_of(io::seal_json(R"({"pgkeep_repository": 3})")),
              testing::HasSubstr("format 3 is newer than this program knows (2); use a newer pgkeep"));
  EXPECT_THAT(refusal_of(R"({"pgkeep_repository": 1})"),
              testing::HasSubstr("from before the first release, which is not read any more"));
}

TEST(RepositoryTest, ADamagedRecordIsNotReplaced) {
  const test::TempDirectory folder;
  io::write_file_durably(folder / "repository.json", io::as_bytes("{"));
  EXPECT_THROW(Repository::open_or_create(folder.path()), Corruption);
}

TEST(RepositoryTest, SaysToWhomOneBelongsThatThisUserMayNotRead) {
  const test::TempDirectory folder;
  Repository::open_or_create(folder / "r");
  ASSERT_EQ(::chmod((folder / "r").c_str(), 0), 0);
  const bool root = ::geteuid() == 0;  // who may read everything
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const auto refuses = [&](auto use) {
    EXPECT_THAT([&] { use(folder / "r"); }, testing::ThrowsMessage<StorageError>(testing::HasSubstr(
                                                root ? "run pgkeep as root" : "has mode 0000")));
  };
  refuses(&Repository::open);
  refuses(&Repository::open_or_create);
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_EQ(::chmod((folder / "r").c_str(), 0700), 0);
}

}  // namespace
}  // namespace pgkeep::store
