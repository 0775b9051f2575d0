#include "server/web/fleet_look.h"

#include <atomic>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/support/wait_until.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;

class FleetLookTest : public ::testing::Test {
 protected:
  void look(FleetLook::Times times) {
    look_.emplace(
        [this](const std::stop_token&) {
          ++looks_;
          if (fails_) throw std::runtime_error("no look");
          return write_documents({});
        },
        make_log("test", Output(Output::Format::text, Output::Talk::quiet)), times);
    is_seen();
  }
  bool is_seen() { return look_->newest().documents != nullptr; }
  void wait_for_looks(int number) {
    test::wait_until([&] { return looks_ >= number; }, "so many looks were taken");
  }

  std::atomic<int> looks_ = 0;
  std::atomic<bool> fails_ = false;
  std::optional<FleetLook> look_;
};

TEST_F(FleetLookTest, IsRepeatedWhileSomebodyAsks) {
  look({.between = 1ms, .asked = 1h, .usable = 1h});
  wait_for_looks(5);
  EXPECT_TRUE(is_seen());
}

TEST_F(FleetLookTest, IsTakenWheneverSomebodyAsks) {
  look({.between = 1ms, .asked = 0ms, .usable = 1h});
  test::wait_until([&] { return is_seen(); }, "the first look is there");
  const int before = looks_;
  test::wait_until(
      [&] {
        is_seen();
        return looks_ > before;
      },
      "another look, since somebody asked");
}

TEST_F(FleetLookTest, IsNotShownWhenItIsTooOld) {
  look({.between = 1h, .asked = 1h, .usable = 0ms});
  wait_for_looks(1);
  EXPECT_FALSE(is_seen());
}

TEST_F(FleetLookTest, KeepsTheOneBeforeWhenOneFails) {
  look({.between = 1ms, .asked = 1h, .usable = 1h});
  test::wait_until([&] { return is_seen(); }, "the first look is there");
  fails_ = true;
  wait_for_looks(looks_ + 3);
  EXPECT_TRUE(is_seen());
}

TEST_F(FleetLookTest, EndsInTime) {
  look({.between = 1h, .asked = 0ms, .usable = 1h});
  look_->stop();
  EXPECT_TRUE(look_->finish(std::chrono::steady_clock::now() + test::kPatience));
}

}  // namespace
}  // namespace pgkeep::server
