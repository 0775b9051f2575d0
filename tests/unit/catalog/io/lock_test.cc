#include "catalog/io/lock.h"

#include <array>
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/units.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::io {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw StorageError(errno, "pipe", "make");
    reader = UniqueFd(ends[0]);
    writer = UniqueFd(ends[1]);
  }
  /// False at the end of the pipe.
  bool wait() const {
    char byte = 0;
    return ::read(reader.get(), &byte, 1) == 1;
  }
  UniqueFd reader;
  UniqueFd writer;
};

/// A child process that does something, says so, and then stays until it is killed.
class Child {
 public:
  explicit Child(const std::function<void()>& work) {
    Pipe done;
    pid_ = ::fork();
    if (pid_ == 0) {
      work();
      if (::write(done.writer.get(), "x", 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    done.writer = UniqueFd();
    done.wait();
  }
  ~Child() { kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  int pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

class FileLockTest : public testing::Test {
 protected:
  bool is_free() const { return FileLock::try_acquire(path_, "test").has_value(); }

  test::TempDirectory directory_;
  std::filesystem::path path_ = directory_ / "lock";
};

TEST_F(FileLockTest, IsHeldByOneAtATime) {
  const auto lock = FileLock::acquire(path_, "backup");
  EXPECT_FALSE(is_free());
  EXPECT_THROW(FileLock::acquire(path_, "expire"), Busy);
  EXPECT_FALSE(try_lock(File::open_to_read(path_), LockKind::shared));
}

TEST_F(FileLockTest, GoesWithItsHolder) {
  { const auto lock = FileLock::acquire(path_, "backup"); }
  EXPECT_TRUE(is_free());
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(FileLockTest, StaysHeldWhenMoved) {
  auto lock = FileLock::acquire(path_, "backup");
  const auto moved = std::move(lock);
  EXPECT_FALSE(is_free());
}

TEST_F(FileLockTest, BusyNamesTheHolder) {
  const auto lock = FileLock::acquire(path_, "backup");
  try {
    FileLock::acquire(path_, "expire");
    FAIL();
  } catch (const Busy& busy) {
    EXPECT_THAT(busy.what(), HasSubstr(path_.string() + " is held by backup (process " +
                                       std::to_string(::getpid()) + ", since 20"));
  }
}

TEST_F(FileLockTest, HolderTellsWhoWhyAndSinceWhen) {
  const auto before = now();
  const auto lock = FileLock::acquire(path_, "receive-wal for main since noon");
  const auto holder = FileLock::holder(path_);
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->pid, ::getpid());
  EXPECT_EQ(holder->purpose, "receive-wal for main since noon");
  const auto since = parse_rfc3339(holder->since);
  ASSERT_TRUE(since);
  EXPECT_GE(*since, before);
}

TEST_F(FileLockTest, HasNoHolderWhenFreeOrNeverTaken) {
  EXPECT_FALSE(FileLock::holder(path_));
  { const auto lock = FileLock::acquire(path_, "backup"); }
  EXPECT_FALSE(FileLock::holder(path_));  // though the file still names the last one
}

TEST_F(FileLockTest, AShorterOwnerReplacesALongerOneWhole) {
  { const auto lock = FileLock::acquire(path_, "a purpose that takes many words to say"); }
  const auto lock = FileLock::acquire(path_, "x");
  EXPECT_EQ(FileLock::holder(path_)->purpose, "x");
}

TEST_F(FileLockTest, IsSharedBySharers) {
  write_file_durably(path_, {});
  const auto one = File::open_to_read(path_);
  const auto two = File::open_to_read(path_);
  EXPECT_TRUE(try_lock(one, LockKind::shared));
  EXPECT_TRUE(try_lock(two, LockKind::shared));
  EXPECT_FALSE(is_free());
  EXPECT_FALSE(FileLock::holder(path_));  // nobody has it alone
}

TEST_F(FileLockTest, BusyBySharersDoesNotNameAFormerOwner) {
  { const auto lock = FileLock::acquire(path_, "backup"); }
  const auto shared = File::open_to_read(path_);
  EXPECT_TRUE(try_lock(shared, LockKind::shared));
  try {
    FileLock::acquire(path_, "expire");
    FAIL();
  } catch (const Busy& busy) {
    EXPECT_THAT(busy.what(), HasSubstr("is in use by another process"));
    EXPECT_THAT(busy.what(), testing::Not(HasSubstr("backup")));
  }
}

TEST_F(FileLockTest, RubbishInTheFileIsNoOwnerButALockAllTheSame) {
  const auto lock = FileLock::acquire(path_, "backup");
  std::filesystem::resize_file(path_, 0);
  EXPECT_EQ(FileLock::holder(path_)->pid, 0);
  EXPECT_THROW(FileLock::acquire(path_, "expire"), Busy);
}

TEST_F(FileLockTest, FileIsForItsOwnerOnly) {
  const auto lock = FileLock::acquire(path_, "backup");
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(FileLockTest, IsReleasedWhenItsHolderIsKilled) {
  Child child([&] {
    static auto lock = FileLock::acquire(path_, "backup");  // static: outlives this function
  });
  const auto holder = FileLock::holder(path_);
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->pid, child.pid());
  EXPECT_FALSE(is_free());
  child.kill();
  EXPECT_TRUE(is_free());
}

TEST_F(FileLockTest, IsNotInheritedByAProgramThatIsStarted) {
  auto lock = std::optional(FileLock::acquire(path_, "backup"));
  Pipe input;
  Pipe started;  // ends when exec() closes it
  const auto pid = ::fork();
  if (pid == 0) {
    ::dup2(input.reader.get(), STDIN_FILENO);
    ::execl("/bin/cat", "cat", nullptr);
    ::_exit(127);
  }
  started.writer = UniqueFd();
  EXPECT_FALSE(started.wait());
  lock.reset();
  EXPECT_TRUE(is_free());
  input.writer = UniqueFd();  // cat ends
  ::waitpid(pid, nullptr, 0);
}

TEST_F(FileLockTest, LockAloneWaitsUntilTheOtherHasClosed) {
  auto first = File::open_or_create(path_);
  lock_alone(first);
  std::atomic<bool> closing = false;
  bool waited = false;
  std::jthread second([&] {
    const auto file = File::open_or_create(path_);
    lock_alone(file);
    waited = closing;
  });
  closing = true;
  first.close();
  second.join();
  EXPECT_TRUE(waited);
}

TEST_F(FileLockTest, LockAloneDoesNotWaitForEverAndNamesTheLock) {
  const auto first = File::open_or_create(path_);
  lock_alone(first);
  const auto second = File::open_or_create(path_);
  EXPECT_THAT([&] { lock_alone(second, std::chrono::seconds(0)); },
              ThrowsMessage<Busy>(HasSubstr("`fuser -v " + path_.native() + "`")));
}

TEST_F(FileLockTest, LockAloneWithinGivesUp) {
  auto first = File::open_or_create(path_);
  lock_alone(first);
  const auto second = File::open_or_create(path_);
  EXPECT_FALSE(lock_alone_within(second, {}));
  EXPECT_FALSE(lock_alone_within(second, std::chrono::milliseconds(20)));
  first.close();
  EXPECT_TRUE(lock_alone_within(second, {}));
}

TEST_F(FileLockTest, LockAloneWithinTakesWhatBecomesFreeInTime) {
  auto first = File::open_or_create(path_);
  lock_alone(first);
  std::atomic<bool> taken = false;
  std::jthread second([&] {
    const auto file = File::open_or_create(path_);
    taken = lock_alone_within(file, std::chrono::minutes(1));
  });
  first.close();
  second.join();
  EXPECT_TRUE(taken);
}

TEST_F(FileLockTest, AskingForTheHolderDisturbsNobody) {
  File::open_or_create(path_).close();
  std::jthread asking([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) FileLock::holder(path_);
  });
  int refused = 0;
  for (int i = 0; i < 300; ++i) refused += is_free() ? 0 : 1;
  EXPECT_EQ(refused, 0);
}

}  // namespace
}  // namespace pgkeep::io
