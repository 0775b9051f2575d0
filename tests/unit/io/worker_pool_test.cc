#include "catalog/io/worker_pool.h"

#include <atomic>
#include <latch>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(WorkerPoolTest, HasOneThreadAtLeast) {
  std::latch done(1);
  WorkerPool pool(0);
  pool.submit([&] { done.count_down(); });
  done.wait();
}

}  // namespace
}  // namespace pgkeep::io
