#include "server/daemon/slot_watch.h"

#include <condition_variable>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;

/// Looks at servers that are all dead: each look fails at once, and is told.
class SlotWatchTest : public ::testing::Test {
 protected:
  void follow(const std::string& name, std::chrono::seconds interval) {
    auto server = default_server_config();
    server.name = name;
    server.conninfo = "host=127.0.0.1 port=1 user=pgkeep";
    server.watch_interval = interval;
    config_.servers.push_back(server);
    supervisor_.apply(config_);
    watch_.follow(supervisor_.servers());
  }
  /// Far less than the minute after which an idle watch would look by itself.
  bool looked_at(const std::string& name) {
    std::unique_lock lock(mutex_);
    return looked_.wait_for(lock, 30s, [&] { return looks_[name] > 0; });
  }
  bool looked_twice_at(const std::string& name) {
    std::unique_lock lock(mutex_);
    return looked_.wait_for(lock, 30s, [&] { return looks_[name] > 1; });
  }

  std::mutex mutex_;
  std::condition_variable looked_;
  std::map<std::string, int> looks_;
  test::TempDirectory directory_;
  Output out_{Output::Format::text, Output::Talk::quiet};
  Config config_;
  Supervisor supervisor_{
      store::Repository::open_or_create(directory_.path() / "repository"), out_,
      Supervisor::Hooks{.changed = [] {}, .event = [](const std::string&, const catalog::Event&) {}}};
  SlotWatch watch_{[this](const std::string& server) {
    {
      const std::scoped_lock lock(mutex_);
      ++looks_[server];
    }
    looked_.notify_all();
  }};
};

TEST_F(SlotWatchTest, LooksAtOnceAtAServerThatIsNew) {
  follow("a", 1h);
  EXPECT_TRUE(looked_at("a"));
  follow("b", 1h);
  EXPECT_TRUE(looked_at("b"));
  EXPECT_NE(watch_.report("b")->problem, "");
}

TEST_F(SlotWatchTest, LooksAgainAtAServerThatDidNotAnswer) {
  follow("a", 1s);
  EXPECT_TRUE(looked_twice_at("a")) << "the lane of the silent was not told";
}

TEST_F(SlotWatchTest, EndsAtOnceWhileItHasNothingToDo) {
  follow("a", 1h);
  EXPECT_TRUE(looked_at("a"));
  EXPECT_TRUE(watch_.finish(std::chrono::steady_clock::now() + 30s));
}

}  // namespace
}  // namespace pgkeep::server
