#include "catalog/store/repository.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
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

TEST(RepositoryTest, OpeningNothingSaysHowToMakeOne) {
  const test::TempDirectory folder;
  EXPECT_THROW(Repository::open(folder / "r"), NotFound);
}

TEST(RepositoryTest, ANewerFormatIsRefused) {
  const test::TempDirectory folder;
  io::write_file_durably(folder / "repository.json", io::as_bytes(R"({"pgkeep_repository": 2})"));
  EXPECT_THROW(Repository::open(folder.path()), Refused);
}

TEST(RepositoryTest, ADamagedRecordIsNotReplaced) {
  const test::TempDirectory folder;
  io::write_file_durably(folder / "repository.json", io::as_bytes("{"));
  EXPECT_THROW(Repository::open_or_create(folder.path()), Corruption);
}

}  // namespace
}  // namespace pgkeep::store
