#include "catalog/io/file.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::io {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

std::string content_of(const fs::path& path) {
  return std::string(as_text(read_whole_file(path, 1 << 20)));
}

/// What errno a call's StorageError carries; 0 when it throws none.
template <typename Call>
int cause_of(Call&& call) {
  try {
    call();
  } catch (const StorageError& error) {
    return error.cause();
  }
  return 0;
}

class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  ~Umask() { ::umask(before_); }
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;

 private:
  mode_t before_;
};

class FileTest : public testing::Test {
 protected:
  fs::path make(const char* name, std::string_view content) {
    write_file_durably(directory_ / name, as_bytes(content));
    return directory_ / name;
  }

  test::TempDirectory directory_;
};

using AtomicFileTest = FileTest;
using DescriptorSinkTest = FileTest;
using DirectoryTest = FileTest;

TEST_F(FileTest, CreateRefusesAnExistingFile) {
  const auto path = make("old", "old");
  EXPECT_EQ(cause_of([&] { File::create(path); }), EEXIST);
  EXPECT_EQ(content_of(path), "old");
}

TEST_F(FileTest, OpenOrCreateKeepsWhatIsThere) {
  const auto path = make("old", "old");
  EXPECT_EQ(File::open_or_create(path).size(), 3U);
  EXPECT_EQ(File::open_or_create(directory_ / "new").size(), 0U);
}

TEST_F(FileTest, OpenSaysWhichFileIsMissing) {
  try {
    File::open_to_read(directory_ / "none");
    FAIL();
  } catch (const StorageError& error) {
    EXPECT_EQ(error.what(), (directory_ / "none").string() + ": cannot open: No such file or directory");
  }
}

TEST_F(FileTest, OpenRefusesWhatIsNoRegularFile) {
  const auto fifo = directory_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(cause_of([&] { File::open_to_read(fifo); }), EINVAL);  // and does not wait for a writer
  EXPECT_EQ(cause_of([&] { File::open_to_read(directory_.path()); }), EISDIR);
  EXPECT_EQ(cause_of([&] { File::open_or_create(directory_.path()); }), EISDIR);
}

TEST_F(FileTest, HasTheModeAskedForWhateverTheUmask) {
  for (const mode_t mask : {0000, 0077, 0777}) {
    const Umask umask(mask);
    const auto name = std::to_string(mask);
    File::create(directory_ / (name + "a"));
    File::create(directory_ / (name + "b"), 0640);
    File::open_or_create(directory_ / (name + "c"));
    write_file_durably(directory_ / (name + "d"), {});
    EXPECT_EQ(mode_of(directory_ / (name + "a")), 0600U);
    EXPECT_EQ(mode_of(directory_ / (name + "b")), 0640U);
    EXPECT_EQ(mode_of(directory_ / (name + "c")), 0600U);
    EXPECT_EQ(mode_of(directory_ / (name + "d")), 0600U);
  }
}

TEST_F(FileTest, IsNotInheritedByPrograms) {
  const auto path = make("file", "x");
  const auto reading = File::open_to_read(path);
  const auto writing = File::open_or_create(path);
  const auto created = File::create(directory_ / "created");
  for (const auto* file : {&reading, &writing, &created}) {
    EXPECT_NE(::fcntl(file->fd(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_F(FileTest, WritesAtAnyOffsetAndReadsItBack) {
  auto file = File::create(directory_ / "file");
  file.write_at(as_bytes("world"), 6);
  file.write_at(as_bytes("hello"), 0);
  ByteVector all(100);
  ASSERT_EQ(file.read_at(all, 0), 11U);
  EXPECT_EQ(as_text(ByteView(all).first(11)), std::string_view("hello\0world", 11));
  EXPECT_EQ(file.read_at(all, 11), 0U);
  EXPECT_EQ(file.read_at(all, 1000), 0U);
}

TEST_F(FileTest, AppendsAtTheFilePosition) {
  auto file = File::create(directory_ / "file");
  file.append(as_bytes("one "));
  file.append({});
  file.append(as_bytes("two"));
  file.sync();
  file.close();
  EXPECT_EQ(content_of(directory_ / "file"), "one two");
}

TEST_F(FileTest, ReadExactlyRefusesAFileThatIsTooShort) {
  const auto file = File::open_to_read(make("file", "hello"));
  ByteVector three(3);
  file.read_exactly_at(three, 2);
  EXPECT_EQ(as_text(three), "llo");
  try {
    file.read_exactly_at(three, 4);
    FAIL();
  } catch (const Corruption& error) {
    EXPECT_THAT(error.what(), HasSubstr(file.path().string()));
    EXPECT_THAT(error.what(), HasSubstr("ends at offset 5, where 2 bytes more are expected"));
  }
}

TEST_F(FileTest, AFailedSyncIsFinal) {
  auto file = File::create(directory_ / "file");
  const UniqueFd real(::fcntl(file.fd(), F_DUPFD_CLOEXEC, 0));
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const UniqueFd reader(pipe[0]);
  const UniqueFd writer(pipe[1]);
  ASSERT_EQ(::dup2(writer.get(), file.fd()), file.fd());  // a pipe cannot be synced
  EXPECT_EQ(cause_of([&] { file.sync(); }), EINVAL);
  ASSERT_EQ(::dup2(real.get(), file.fd()), file.fd());  // the kernel would say yes now
  EXPECT_EQ(cause_of([&] { file.sync(); }), EINVAL);
}

TEST_F(FileTest, FailsToWriteWhatWasOpenedToRead) {
  auto file = File::open_to_read(make("file", "x"));
  EXPECT_EQ(cause_of([&] { file.append(as_bytes("y")); }), EBADF);
  EXPECT_EQ(cause_of([&] { file.write_at(as_bytes("y"), 0); }), EBADF);
}

TEST_F(FileTest, MayBeClosedTwiceAndNotUsedAfter) {
  auto file = File::create(directory_ / "file");
  file.close();
  file.close();
  EXPECT_EQ(cause_of([&] { file.append(as_bytes("x")); }), EBADF);
  EXPECT_EQ(cause_of([&] { file.sync(); }), EBADF);
}

TEST_F(FileTest, StartsWritebackWithoutAnEffectOnTheContent) {
  auto file = File::create(directory_ / "file");
  file.append(as_bytes("hello"));
  file.start_writeback(0, 5);
  EXPECT_EQ(content_of(file.path()), "hello");
}

TEST_F(FileTest, SourceReadsFromItsOffsetToTheEnd) {
  const auto file = File::open_to_read(make("file", "hello world"));
  FileSource source(file, 6);
  ByteVector piece(3);
  EXPECT_EQ(source.read(piece), 3U);
  EXPECT_EQ(as_text(piece), "wor");
  EXPECT_EQ(source.read(piece), 2U);
  EXPECT_EQ(source.read(piece), 0U);
}

TEST_F(FileTest, ReadWholeFileRefusesMoreThanTheLimit) {
  const auto path = make("file", "hello");
  EXPECT_EQ(as_text(read_whole_file(path, 5)), "hello");
  try {
    read_whole_file(path, 4);
    FAIL();
  } catch (const Corruption& error) {
    EXPECT_THAT(error.what(), HasSubstr(path.string()));
    EXPECT_THAT(error.what(), HasSubstr("5 bytes"));
  }
}

TEST_F(FileTest, ReadIfExistsTellsMissingFromUnreadable) {
  EXPECT_EQ(read_file_if_exists(directory_ / "none", 10), std::nullopt);
  EXPECT_EQ(read_file_if_exists(make("empty", ""), 10), ByteVector{});
  EXPECT_THROW(read_file_if_exists(directory_.path(), 10), StorageError);
  EXPECT_THROW(read_file_if_exists(make("long", "12345678901"), 10), Corruption);
}

TEST_F(AtomicFileTest, AppearsWholeAtCommit) {
  AtomicFile file(directory_ / "file");
  file.write(as_bytes("hello "));
  file.write(as_bytes("world"));
  EXPECT_FALSE(fs::exists(directory_ / "file"));
  EXPECT_TRUE(fs::exists(directory_ / "file.tmp"));
  file.commit();
  EXPECT_EQ(content_of(directory_ / "file"), "hello world");
  EXPECT_FALSE(fs::exists(directory_ / "file.tmp"));
}

TEST_F(AtomicFileTest, NotCommittedLeavesTheOldContentAndNoTemporary) {
  const auto path = make("file", "old");
  {
    AtomicFile file(path);
    file.write(as_bytes("new"));
  }
  EXPECT_EQ(content_of(path), "old");
  EXPECT_FALSE(fs::exists(directory_ / "file.tmp"));
}

TEST_F(AtomicFileTest, ReplacesTheOldContentAndItsMode) {
  const auto path = make("file", "old");
  write_file_durably(path, as_bytes("new"), 0644);
  EXPECT_EQ(content_of(path), "new");
  EXPECT_EQ(mode_of(path), 0644U);
}

TEST_F(AtomicFileTest, StartsAnewOverWhatACrashHasLeft) {
  const auto target = make("target", "precious");
  fs::create_symlink(target, directory_ / "file.tmp");
  make("other.tmp", "half of a fi");
  write_file_durably(directory_ / "file", as_bytes("new"));
  write_file_durably(directory_ / "other", as_bytes("new"));
  EXPECT_EQ(content_of(target), "precious");
  EXPECT_EQ(content_of(directory_ / "file"), "new");
  EXPECT_EQ(content_of(directory_ / "other"), "new");
}

TEST_F(AtomicFileTest, AFailedCommitLeavesNoTemporary) {
  ASSERT_TRUE(fs::create_directory(directory_ / "file"));  // a file cannot be renamed over a directory
  EXPECT_EQ(cause_of([&] { write_file_durably(directory_ / "file", as_bytes("new")); }), EISDIR);
  EXPECT_FALSE(fs::exists(directory_ / "file.tmp"));
}

TEST_F(AtomicFileTest, TakesNothingAfterCommit) {
  AtomicFile file(directory_ / "file");
  file.commit();
  EXPECT_EQ(cause_of([&] { file.write(as_bytes("late")); }), EBADF);
}

TEST_F(AtomicFileTest, SaysWhenTheDirectoryIsMissing) {
  EXPECT_EQ(cause_of([&] { AtomicFile file(directory_ / "none" / "file"); }), ENOENT);
}

TEST_F(DescriptorSinkTest, WritesAllEvenIntoANonBlockingPipe) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const UniqueFd reader(pipe[0]);
  UniqueFd writer(pipe[1]);
  ASSERT_EQ(::fcntl(writer.get(), F_SETFL, O_NONBLOCK), 0);
  std::size_t received = 0;
  std::jthread reading([&] {
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; (n = ::read(reader.get(), buffer.data(), buffer.size())) > 0;) {
      received += static_cast<std::size_t>(n);
    }
  });
  DescriptorSink(writer.get(), "the pipe").write(ByteVector(1'000'000));
  writer = UniqueFd();
  reading.join();
  EXPECT_EQ(received, 1'000'000U);
}

TEST_F(DescriptorSinkTest, NamesWhereItCouldNotWrite) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  try {
    DescriptorSink(full.get(), "standard output").write(as_bytes("x"));
    FAIL();
  } catch (const StorageError& error) {
    EXPECT_STREQ(error.what(),
                 "standard output: cannot write: No space left on device; free space there and try again");
    EXPECT_TRUE(error.out_of_space());
  }
}

TEST_F(DirectoryTest, MakesEveryMissingOneWithTheModeWhateverTheUmask) {
  const Umask umask(0022);
  make_directories(directory_ / "a" / "b" / "c" / "");
  EXPECT_EQ(mode_of(directory_ / "a"), 0700U);
  EXPECT_EQ(mode_of(directory_ / "a" / "b" / "c"), 0700U);
  make_directories(directory_ / "a" / "b" / "d", 0777);
  EXPECT_EQ(mode_of(directory_ / "a" / "b"), 0700U);
  EXPECT_EQ(mode_of(directory_ / "a" / "b" / "d"), 0777U);
}

TEST_F(DirectoryTest, IsContentWithOneThatIsThere) {
  make_directories(directory_.path());
  make_directories(directory_ / "");
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(DirectoryTest, CannotBeMadeWhereAFileStands) {
  const auto path = make("file", "x");
  EXPECT_EQ(cause_of([&] { make_directories(path); }), ENOTDIR);
  EXPECT_EQ(cause_of([&] { make_directories(path / "below"); }), ENOTDIR);
}

TEST_F(DirectoryTest, SyncSaysWhenItIsMissing) {
  sync_directory(directory_.path());
  EXPECT_EQ(cause_of([&] { sync_directory(directory_ / "none"); }), ENOENT);
  EXPECT_EQ(cause_of([&] { sync_directory(make("file", "x")); }), ENOTDIR);
}

TEST_F(DirectoryTest, RenamesWithinAndBetween) {
  const auto path = make("one", "content");
  rename_durably(path, directory_ / "two");
  make_directories(directory_ / "below");
  rename_durably(directory_ / "two", directory_ / "below" / "three");
  EXPECT_EQ(content_of(directory_ / "below" / "three"), "content");
  EXPECT_EQ(cause_of([&] { rename_durably(path, directory_ / "four"); }), ENOENT);
}

TEST_F(DirectoryTest, ListsWhatIsInItAndNothingWhenThereIsNone) {
  make_directories(directory_ / "a/b");
  write_file_durably(directory_ / "a/b/file", as_bytes("x"));
  EXPECT_EQ(entries(directory_ / "a").size(), 1u);
  EXPECT_TRUE(entries(directory_ / "none").empty());
  EXPECT_THROW(entries(directory_ / "a/b/file"), StorageError);
  std::vector<std::string> below;
  for_each_below(directory_ / "a", [&](const auto& entry) { below.push_back(entry.path().filename()); });
  EXPECT_EQ(below, (std::vector<std::string>{"b", "file"}));
  for_each_below(directory_ / "none", [](const auto& entry) { FAIL() << entry.path(); });
}

TEST_F(DirectoryTest, RemoveFileTellsWhetherItWasThere) {
  const auto path = make("file", "x");
  EXPECT_TRUE(remove_file(path));
  EXPECT_FALSE(remove_file(path));
  EXPECT_NE(cause_of([&] { remove_file(directory_.path()); }), 0);
}

TEST_F(DirectoryTest, RemoveTreeNeverFollowsLinks) {
  const auto precious = make("precious", "x");
  make_directories(directory_ / "outside");
  make("outside/file", "x");
  make_directories(directory_ / "tree" / "below");
  make("tree/below/file", "x");
  fs::create_symlink(precious, directory_ / "tree" / "link");
  fs::create_directory_symlink(directory_ / "outside", directory_ / "tree" / "below" / "link");
  remove_tree(directory_ / "tree");
  EXPECT_FALSE(fs::exists(directory_ / "tree"));
  EXPECT_EQ(content_of(precious), "x");
  EXPECT_EQ(content_of(directory_ / "outside" / "file"), "x");
}

TEST_F(DirectoryTest, RemoveTreeOfALinkRemovesTheLinkAlone) {
  make_directories(directory_ / "outside");
  make("outside/file", "x");
  fs::create_directory_symlink(directory_ / "outside", directory_ / "link");
  remove_tree(directory_ / "link" / "");
  EXPECT_FALSE(fs::is_symlink(directory_ / "link"));
  EXPECT_EQ(content_of(directory_ / "outside" / "file"), "x");
}

TEST_F(DirectoryTest, RemoveTreeIsContentWhenThereIsNone) {
  remove_tree(directory_ / "none");
}

TEST_F(DirectoryTest, KnowsItsFreeSpace) {
  EXPECT_GT(free_space(directory_.path()), 0U);
  EXPECT_EQ(cause_of([&] { free_space(directory_ / "none"); }), ENOENT);
}

}  // namespace
}  // namespace pgkeep::io
