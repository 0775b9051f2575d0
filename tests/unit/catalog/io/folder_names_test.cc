#include "catalog/io/folder_names.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/denied.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::io {
namespace {

std::vector<std::string> names_in(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  for_each_name(directory, [&](std::string_view name) { names.emplace_back(name); });
  return names;
}

TEST(FolderNamesTest, AreThoseOfAllThatIsInTheFolder) {
  const test::TempDirectory directory;
  make_directories(directory / "folder");
  write_file_durably(directory / ".hidden", {});
  write_file_durably(directory / "file", {});
  EXPECT_THAT(names_in(directory.path()), testing::UnorderedElementsAre("folder", ".hidden", "file"));
}

TEST(FolderNamesTest, AreNoneWhereThereIsNoFolder) {
  const test::TempDirectory directory;
  EXPECT_THAT(names_in(directory / "nothing"), testing::IsEmpty());
}

TEST(FolderNamesTest, AreAnErrorOfWhatIsNoFolderOrMayNotBeListed) {
  const test::TempDirectory directory;
  write_file_durably(directory / "file", {});
  EXPECT_THROW(names_in(directory / "file"), StorageError);
  make_directories(directory / "folder");
  const test::Denied denied(directory.path(), directory / "folder");
  EXPECT_THROW(names_in(directory / "folder"), StorageError);
}

}  // namespace
}  // namespace pgkeep::io
