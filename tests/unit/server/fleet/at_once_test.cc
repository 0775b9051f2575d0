#include "server/fleet/at_once.h"

#include <atomic>
#include <latch>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

class AtOnceTest : public testing::Test {
 protected:
  void add(const std::string& conninfo) {
    configs_.push_back(std::make_unique<ServerConfig>());
    configs_.back()->name = "s" + std::to_string(configs_.size());
    configs_.back()->conninfo = conninfo;
    servers_.push_back(configs_.back().get());
  }
  std::vector<std::unique_ptr<ServerConfig>> configs_;
  std::vector<const ServerConfig*> servers_;
};

TEST_F(AtOnceTest, WorksOnAsManyAsItMay) {
  for (int i = 0; i < 4; ++i) add("host=h" + std::to_string(i));
  std::latch all_work(4);  // passed only when four are worked on at the same time
  for_each_at_once(servers_, {.servers = 4}, [&](std::size_t) { all_work.arrive_and_wait(); });
}

TEST_F(AtOnceTest, WorksOnNoMoreThanItMayAndOnEachOnce) {
  for (int i = 0; i < 20; ++i) add("host=h" + std::to_string(i));
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::mutex mutex;
  std::multiset<std::size_t> seen;
  for_each_at_once(servers_, {.servers = 3}, [&](std::size_t i) {
    const int working = ++now;
    for (int known = most; known < working && !most.compare_exchange_weak(known, working);) {
    }
    {
      const std::lock_guard lock(mutex);
      seen.insert(i);
    }
    --now;
  });
  EXPECT_LE(most, 3);
  EXPECT_EQ(seen.size(), 20u);
  EXPECT_EQ(std::set<std::size_t>(seen.begin(), seen.end()).size(), 20u);
}

TEST_F(AtOnceTest, AHostThatIsBusyKeepsNoOtherWaiting) {
  for (const auto* host : {"a", "a", "b"}) add(std::string("host=") + host);
  std::latch other_host(1);
  std::mutex mutex;
  std::map<char, int> now;
  for_each_at_once(servers_, {.servers = 3, .per_host = 1}, [&](std::size_t i) {
    const char host = servers_[i]->conninfo.back();
    {
      const std::lock_guard lock(mutex);
      EXPECT_EQ(++now[host], 1) << host;
    }
    if (i == 0) other_host.wait();  // the first keeps its host until the third was there
    if (i == 2) other_host.count_down();
    const std::lock_guard lock(mutex);
    --now[host];
  });
}

TEST_F(AtOnceTest, EndsWithTheFirstExceptionAndBeginsNoMore) {
  for (int i = 0; i < 3; ++i) add("host=h");
  int begun = 0;
  const auto fail = [&](std::size_t) {
    ++begun;
    throw std::runtime_error("first");
  };
  EXPECT_THAT([&] { for_each_at_once(servers_, {.servers = 1}, fail); },
              testing::ThrowsMessage<std::runtime_error>("first"));
  EXPECT_EQ(begun, 1);
}

TEST_F(AtOnceTest, NoServersAreNoWork) {
  for_each_at_once(servers_, {.servers = 4}, [](std::size_t) { FAIL(); });
}

}  // namespace
}  // namespace pgkeep::server
