#include "catalog/io/work_queue.h"

#include <atomic>
#include <latch>
#include <set>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/guarded.h"

namespace pgkeep::io {
namespace {

using testing::StrEq;
using testing::ThrowsMessage;
using testing::UnorderedElementsAre;

void no_tick() {}

TEST(WorkQueueTest, DoesEveryItemOnceAndFinishWaitsForThem) {
  Guarded<std::multiset<int>> done;
  WorkQueue<int> queue(
      3, [&](unsigned) { return [&](int item) { done.with([&](auto& all) { all.insert(item); }); }; },
      no_tick);
  for (int i = 0; i < 5; ++i) queue.push(i);
  queue.finish();
  EXPECT_THAT(done.with([](const auto& all) { return all; }), UnorderedElementsAre(0, 1, 2, 3, 4));
}

TEST(WorkQueueTest, GivesEachWorkerItsNumber) {
  std::latch all_at_work(3);
  Guarded<std::set<unsigned>> numbers;
  WorkQueue<int> queue(
      3,
      [&](unsigned worker) {
        return [&, worker](int) {
          numbers.with([&](auto& all) { all.insert(worker); });
          all_at_work.arrive_and_wait();  // so that none of them does two
        };
      },
      no_tick);
  for (int i = 0; i < 3; ++i) queue.push(i);
  queue.finish();
  EXPECT_THAT(numbers.with([](const auto& all) { return all; }), UnorderedElementsAre(0, 1, 2));
}

TEST(WorkQueueTest, HoldsFewItemsWhileTheWorkersAreBusy) {
  std::latch go_on(1);
  std::atomic<int> pushed = 0;
  WorkQueue<int> queue(
      2, [&](unsigned) { return [&](int) { go_on.wait(); }; },
      [&] {
        if (pushed == 6) go_on.count_down();  // two in hand and four that wait: it is full
      });
  for (; pushed < 7; ++pushed) queue.push(0);
  queue.finish();
}

TEST(WorkQueueTest, ThrowsWhatAWorkerThrew) {
  WorkQueue<int> queue(
      2, [](unsigned) { return [](int) { throw std::runtime_error("the third page is damaged"); }; },
      no_tick);
  const auto push_for_ever = [&] {
    while (true) queue.push(0);
  };
  EXPECT_THAT(push_for_ever, ThrowsMessage<std::runtime_error>(StrEq("the third page is damaged")));
  EXPECT_THAT([&] { queue.finish(); }, ThrowsMessage<std::runtime_error>(StrEq("the third page is damaged")));
}

TEST(WorkQueueTest, StopsWhenItsTickThrows) {
  std::atomic<int> done = 0;
  WorkQueue<int> queue(
      1, [&](unsigned) { return [&](int) { ++done; }; }, [] { throw Interrupted("stopped"); });
  EXPECT_THAT([&] { queue.push(0); }, ThrowsMessage<Interrupted>(StrEq("stopped")));
  EXPECT_EQ(done, 0);
}

TEST(WorkQueueTest, DropsWhatWaitsWhenItGoesBeforeItsEnd) {
  std::latch begun(1);
  std::latch go_on(1);
  std::atomic<int> done = 0;
  {
    WorkQueue<int> queue(
        1,
        [&](unsigned) {
          return [&](int item) {
            begun.count_down();
            go_on.wait();
            done += item;
          };
        },
        no_tick);
    queue.push(1);
    begun.wait();
    queue.push(10);
    go_on.count_down();
  }
  EXPECT_THAT(done.load(), testing::AnyOf(1, 11));  // the one in hand; of the other nothing is said
}

}  // namespace
}  // namespace pgkeep::io
