#include "catalog/io/no_links.h"

#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "catalog/io/sqlite.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::io {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Open = UniqueFd (*)(int, const fs::path&, int, mode_t);

/// Both ways to open must say the same.
class OpenWithoutLinksTest : public testing::TestWithParam<Open> {
 protected:
  OpenWithoutLinksTest() {
    fs::create_directories(directory_ / "real/below");
    write_file_durably(directory_ / "real/below/file", as_bytes("content"));
    fs::create_directory_symlink("real", directory_ / "link");
    fs::create_symlink("file", directory_ / "real/below/link");
    base_ = UniqueFd(::open((directory_ / "real").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  /// 0, or the cause why not.
  int open(int base, const fs::path& path, int flags = O_RDONLY) const {
    return GetParam()(base, path, flags, 0600) ? 0 : errno;
  }

  test::TempDirectory directory_;
  UniqueFd base_;
};

TEST_P(OpenWithoutLinksTest, OpensWhatIsReachedByDirectoriesAlone) {
  EXPECT_EQ(open(AT_FDCWD, directory_ / "real/below/file"), 0);
  EXPECT_EQ(open(AT_FDCWD, "/"), 0);
  EXPECT_EQ(open(AT_FDCWD, directory_ / "real/below/", O_RDONLY | O_DIRECTORY), 0);
  EXPECT_EQ(open(base_.get(), "below/file"), 0);
  EXPECT_EQ(open(base_.get(), "below/new", O_RDWR | O_CREAT | O_EXCL), 0);
  EXPECT_TRUE(fs::exists(directory_ / "real/below/new"));
}

TEST_P(OpenWithoutLinksTest, FollowsNoLinkWhereverItStands) {
  EXPECT_EQ(open(AT_FDCWD, directory_ / "link/below/file"), ELOOP);
  EXPECT_EQ(open(AT_FDCWD, directory_ / "real/below/link"), ELOOP);
  EXPECT_EQ(open(AT_FDCWD, directory_ / "link", O_RDONLY | O_DIRECTORY), ELOOP);
  EXPECT_EQ(open(base_.get(), "below/link"), ELOOP);
}

TEST_P(OpenWithoutLinksTest, DoesNotLeaveItsDirectory) {
  EXPECT_EQ(open(base_.get(), "../real/below/file"), EXDEV);
  EXPECT_EQ(open(base_.get(), directory_ / "real/below/file"), EXDEV);
}

TEST_P(OpenWithoutLinksTest, TellsAMissingFileFromOneInTheWay) {
  EXPECT_EQ(open(AT_FDCWD, directory_ / "missing/file"), ENOENT);
  EXPECT_EQ(open(AT_FDCWD, directory_ / "real/below/file/deeper"), ENOTDIR);
}

INSTANTIATE_TEST_SUITE_P(Ways, OpenWithoutLinksTest,
                         testing::Values(Open{open_without_links}, Open{walk_without_links}),
                         [](const auto& way) { return way.index == 0 ? "ByKernel" : "ByWalking"; });

/// A link that somebody put into a repository, and a file outside that must stay as it is.
class PlantedLinkTest : public testing::Test {
 protected:
  PlantedLinkTest() { write_file_durably(outside_, as_bytes("precious")); }
  template <typename Call>
  void expect_refused(const Call& call) const {
    EXPECT_THAT(call, ThrowsMessage<StorageError>(HasSubstr("symbolic link")));
    EXPECT_EQ(as_text(read_whole_file(outside_, 100)), "precious");
  }

  test::TempDirectory directory_;
  fs::path outside_ = directory_ / "outside";
  fs::path link_ = directory_ / "link";
};

TEST_F(PlantedLinkTest, ToAFileIsNotWrittenThrough) {
  fs::create_symlink(outside_, link_);
  expect_refused([&] { File::open_or_create(link_); });
  expect_refused([&] { File::open_to_read(link_); });
  expect_refused([&] { FileLock::acquire(link_, "test"); });
  expect_refused([&] { File::open_to_change(link_); });
  expect_refused([&] { FileLock::holder(link_); });
}

TEST_F(PlantedLinkTest, ToNothingIsNotMadeAndEndsAtOnce) {
  fs::create_symlink(directory_ / "missing", link_);
  expect_refused([&] { File::open_or_create(link_); });
  expect_refused([&] { make_directories(link_); });
  expect_refused([&] { make_directories(link_ / "below"); });
  EXPECT_FALSE(fs::exists(directory_ / "missing"));
}

TEST_F(PlantedLinkTest, ToADirectoryLeadsNowhere) {
  fs::create_directory(directory_ / "elsewhere");
  write_file_durably(directory_ / "elsewhere/file", as_bytes("precious"));
  fs::create_directory_symlink(directory_ / "elsewhere", link_);
  expect_refused([&] { File::create(link_ / "new"); });
  expect_refused([&] { write_file_durably(link_ / "file", as_bytes("other")); });
  expect_refused([&] { rename_durably(outside_, link_ / "file"); });
  expect_refused([&] { remove_file(link_ / "file"); });
  expect_refused([&] { remove_tree(link_ / "file"); });
  expect_refused([&] { make_directories(link_ / "below"); });
  expect_refused([&] { sync_directory(link_); });
  EXPECT_EQ(as_text(read_whole_file(directory_ / "elsewhere/file", 100)), "precious");
}

TEST_F(PlantedLinkTest, IsNotFollowedToADatabase) {
  { Database(outside_.native() + ".db", Database::Mode::create).execute("CREATE TABLE t(x)"); }
  fs::create_symlink(outside_.native() + ".db", link_);
  fs::create_directory_symlink(directory_.path(), directory_ / "way");
  expect_refused([&] { Database(link_, Database::Mode::read_write); });
  expect_refused([&] { Database(link_, Database::Mode::read_only); });
  expect_refused([&] { Database(link_, Database::Mode::create); });
  expect_refused([&] { Database(directory_ / "way/outside.db", Database::Mode::read_write); });
}

TEST_F(PlantedLinkTest, InPlaceOfASqliteLogIsNotWrittenThrough) {
  const auto path = directory_ / "index";
  fs::create_symlink(outside_, path.native() + "-wal");
  try {
    Database database(path, Database::Mode::create);
    database.use_write_ahead_log();
    database.execute("CREATE TABLE t(x)");
  } catch (const Error&) {  // how SQLite says it is its own affair
  }
  EXPECT_EQ(as_text(read_whole_file(outside_, 100)), "precious");
}

/// Of what root makes; nobody else can give anything away.
class OwnerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root makes files for others";
    fs::create_directory(theirs_);
    ASSERT_EQ(::chown(theirs_.c_str(), kUser, kGroup), 0);
  }
  static bool is_theirs(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_uid == kUser && status.st_gid == kGroup;
  }

  static constexpr uid_t kUser = 12345;
  static constexpr gid_t kGroup = 23456;
  test::TempDirectory directory_;
  fs::path theirs_ = directory_ / "theirs";
};

TEST_F(OwnerTest, WhatRootMakesBelongsToTheOwnerOfItsDirectory) {
  File::create(theirs_ / "created");
  File::open_or_create(theirs_ / "opened");
  write_file_durably(theirs_ / "written", {});
  make_directories(theirs_ / "a/b");
  File::create(theirs_ / "a/b/below");
  FileLock::acquire(theirs_ / "lock", "test");
  for (const auto* name : {"created", "opened", "written", "a", "a/b", "a/b/below", "lock"})
    EXPECT_TRUE(is_theirs(theirs_ / name)) << name;
}

TEST_F(OwnerTest, ADatabaseThatRootMakesBelongsThereWithItsLog) {
  Database database(theirs_ / "db", Database::Mode::create);
  database.use_write_ahead_log();
  database.execute("CREATE TABLE t(x)");
  for (const auto* name : {"db", "db-wal", "db-shm"}) EXPECT_TRUE(is_theirs(theirs_ / name)) << name;
}

}  // namespace
}  // namespace pgkeep::io
