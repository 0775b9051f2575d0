#include "server/health/repository_files.h"

#include <filesystem>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "tests/support/denied.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RepositoryFilesTest : public testing::Test {
 protected:
  RepositoryFilesTest() {
    layout_.make();
    io::write_file_durably(layout_.writer_lock(), {});
    io::make_directories(layout_.backups() / "20261120T020000Z");
    io::write_file_durably(layout_.backups() / "20261120T020000Z/backup.json", {});
  }
  std::vector<std::string> problems() const { return find_unusable_files(repository_, layout_); }

  test::TempDirectory folder_;
  store::Repository repository_ = store::Repository::open_or_create(folder_ / "repository");
  store::ServerLayout layout_ = repository_.server("main");
};

TEST_F(RepositoryFilesTest, AreWhatPgkeepMakes) {
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(RepositoryFilesTest, AreNamedWhenTheyBelongToAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  const auto record = layout_.backups() / "20261120T020000Z/backup.json";
  for (const auto& path : {layout_.writer_lock(), record}) ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr(record.native()), HasSubstr("belongs to 12345")),
                                      HasSubstr(layout_.writer_lock().native())));
}

TEST_F(RepositoryFilesTest, AreNamedWhenOthersMayWriteThem) {
  fs::permissions(layout_.packs(), fs::perms(0770));
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("packs"), HasSubstr("written by others"))));
}

TEST_F(RepositoryFilesTest, AreNamedWhenTheyAreLinks) {
  fs::create_symlink("/etc/hosts", layout_.index());
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("catalog.db"), HasSubstr("symbolic link"))));
}

TEST_F(RepositoryFilesTest, AreNamedAlsoWhereAFolderMayNotBeListed) {
  const auto folder = layout_.writer_lock().parent_path();
  fs::create_directory(layout_.backups() / "alien");
  fs::permissions(layout_.packs(), fs::perms(0770));
  const test::Denied locks(folder_.path(), folder);
  EXPECT_THAT(problems(),
              testing::IsSupersetOf({HasSubstr(folder.native()), HasSubstr("written by others")}));
}

}  // namespace
}  // namespace pgkeep::server
