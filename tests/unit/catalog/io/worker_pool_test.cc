#include "catalog/io/worker_pool.h"

#include <atomic>
#include <latch>
#include <system_error>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

namespace pgkeep::io {
namespace {

using testing::ElementsAre;

TEST(WorkerPoolTest, DoesAllThatItWasGivenBeforeItGoes) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(3);
    for (int i = 0; i < 100; ++i) pool.submit([&] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

TEST(WorkerPoolTest, BeginsInTheOrderInWhichTasksCame) {
  std::vector<int> order;
  {
    WorkerPool pool(1);
    for (int i = 0; i < 3; ++i) pool.submit([&order, i] { order.push_back(i); });
  }
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
}

TEST(WorkerPoolTest, WorksOnAsManyTasksAtOnceAsItHasThreads) {
  std::latch all_begun(3);
  WorkerPool pool(3);
  for (int i = 0; i < 3; ++i) pool.submit([&] { all_begun.arrive_and_wait(); });
  all_begun.wait();  // never ends unless each has a thread
}

TEST(WorkerPoolTest, TakesTasksFromItsOwnTasks) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(1);
    pool.submit([&] { pool.submit([&] { ++done; }); });
  }
  EXPECT_EQ(done, 1);
}

/// Ends this process: with 0 when making a pool throws for want of memory for so many threads.
[[noreturn]] void make_more_threads_than_fit() {
  ::alarm(30);  // it would hang
  const rlimit memory{1u << 30, 1u << 30};
  ::setrlimit(RLIMIT_AS, &memory);
  try {
    const WorkerPool pool(10'000);
  } catch (const std::system_error&) {
    ::_exit(0);
  }
  ::_exit(1);
}

TEST(WorkerPoolTest, ThrowsWhenTheSystemHasNoMoreThreads) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs more memory than the limit under which this is seen";
#endif
  const auto child = ::fork();
  if (child == 0) make_more_threads_than_fit();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(WorkerPoolTest, HasOneThreadAtLeast) {
  std::latch done(1);
  WorkerPool pool(0);
  pool.submit([&] { done.count_down(); });
  done.wait();
}

}  // namespace
}  // namespace pgkeep::io
