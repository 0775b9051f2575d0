#include "catalog/io/guarded.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace pgkeep::io {
namespace {

TEST(GuardedTest, LetsOneThreadAtATimeReachTheValue) {
  Guarded<int> counter;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) counter.with([](int& value) { ++value; });
      });
    }
  }
  EXPECT_EQ(counter.with([](int value) { return value; }), 4000);
}

TEST(GuardedTest, IsReadOnlyWhenConst) {
  const Guarded<std::vector<int>> values(std::vector{1, 2, 3});
  EXPECT_EQ(values.with([](const std::vector<int>& all) { return all.size(); }), 3U);
}

}  // namespace
}  // namespace pgkeep::io
