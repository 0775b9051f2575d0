#include "catalog/io/error.h"

#include <cerrno>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "tests/support/denied.h"
#include "tests/support/temp_directory.h"

namespace pgkeep {
namespace {

TEST(StorageErrorTest, SaysWhereWhatAndWhy) {
  const StorageError error(ENOENT, "/backups/main", "open");
  EXPECT_STREQ(error.what(), "/backups/main: cannot open: No such file or directory");
  EXPECT_EQ(error.cause(), ENOENT);
  EXPECT_EQ(error.path(), "/backups/main");
  EXPECT_EQ(error.exit_code(), Exit::failed);
}

TEST(StorageErrorTest, NamesTheWayOutOfAFullDisk) {
  for (const int cause : {ENOSPC, EDQUOT}) {
    const StorageError error(cause, "/backups", "write");
    EXPECT_TRUE(error.out_of_space());
    EXPECT_TRUE(error.retryable());
    EXPECT_TRUE(std::string_view(error.what()).ends_with("; free space there and try again")) << error.what();
  }
}

TEST(StorageErrorTest, IsNotRetryableOtherwise) {
  EXPECT_FALSE(StorageError(EIO, "/backups", "write").retryable());
  EXPECT_FALSE(StorageError(EACCES, "/backups", "write").out_of_space());
}

TEST(StorageErrorTest, IsDamageOnlyWhenWhatIsStoredCannotBeHad) {
  EXPECT_TRUE(is_damage(StorageError(EIO, "f", "read")));
  EXPECT_TRUE(is_damage(StorageError(EISDIR, "f", "open")));
  EXPECT_TRUE(is_damage(Corruption("f: is damaged")));
  for (const int passes : {EMFILE, ENOMEM, EACCES, ENOENT, ENOSPC})
    EXPECT_FALSE(is_damage(StorageError(passes, "f", "open")));
  EXPECT_FALSE(is_damage(Busy("f is held")));
}

TEST(ServerErrorTest, IsRetryableWhenTheServerWillBeBack) {
  for (const char* state : {"08000", "08006", "08P01", "53300", "55006", "57P01", "57P02", "57P03"}) {
    EXPECT_TRUE(ServerError(state, "no").retryable()) << state;
  }
  for (const char* state : {"", "28P01", "42501", "42704", "53100", "57014", "XX000"}) {
    EXPECT_FALSE(ServerError(state, "no").retryable()) << state;
  }
}

TEST(ErrorTest, HasTheExitCodeOfItsKind) {
  EXPECT_EQ(Error("x").exit_code(), Exit::failed);
  EXPECT_EQ(Corruption("x").exit_code(), Exit::failed);
  EXPECT_EQ(UsageError("x").exit_code(), Exit::usage);
  EXPECT_EQ(NotFound("x").exit_code(), Exit::not_found);
  EXPECT_EQ(Busy("x").exit_code(), Exit::busy);
  EXPECT_EQ(Refused("x").exit_code(), Exit::refused);
}

TEST(ErrorTest, IsRetryableOnlyWhereWaitingCanHelp) {
  EXPECT_TRUE(ConnectionLost("x").retryable());
  EXPECT_TRUE(Busy("x").retryable());
  EXPECT_FALSE(Error("x").retryable());
  EXPECT_FALSE(Corruption("x").retryable());
  EXPECT_FALSE(ProtocolError("x").retryable());
  EXPECT_FALSE(Refused("x").retryable());
}

TEST(StorageErrorTest, SaysWhoseAFileIsThatMayNotBeOpened) {
  const test::TempDirectory folder;
  const auto path = folder / "backup.json";
  io::write_file_durably(path, {});
  const bool root = ::geteuid() == 0;
  const test::Denied denied(folder.path(), path);
  EXPECT_THAT([&] { io::File::open_to_read(path); },
              testing::ThrowsMessage<StorageError>(
                  testing::HasSubstr(root ? "it belongs to root, and pgkeep runs as nobody; as root: "
                                            "`chown --no-dereference nobody " +
                                                path.native() + "`"
                                          : "who runs pgkeep, and has mode 0000")));
}

TEST(StorageErrorTest, SaysWhoseTheFolderIsThatMayNotBeEntered) {
  const test::TempDirectory folder;
  io::make_directories(folder / "locks");
  const test::Denied denied(folder.path(), folder / "locks");
  EXPECT_THAT([&] { io::File::open_to_read(folder / "locks/backup"); },
              testing::ThrowsMessage<StorageError>(
                  testing::HasSubstr("(" + (folder / "locks").native() + " belongs to")));
}

}  // namespace
}  // namespace pgkeep
