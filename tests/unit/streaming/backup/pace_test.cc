#include "streaming/backup/pace.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::streaming {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t kKiB = 1024;

/// Someone who takes 64 KiB whenever the pace lets it, on a clock of the test.
class PaceTest : public testing::Test {
 protected:
  /// How much it takes in that time.
  std::uint64_t take_for(std::chrono::milliseconds time) {
    const auto end = now_ + time;
    std::uint64_t taken = 0;
    while (now_ < end) {
      now_ += 1ms;  // what the server needs at least
      taken += 64 * kKiB;
      now_ += pace_.wait_for(64 * kKiB, now_);
    }
    return taken;
  }

  std::uint64_t rate_ = 0;
  int asked_ = 0;
  std::vector<std::string> told_;
  Pace::Time now_{1h};
  Pace pace_{[this] {
               ++asked_;
               return rate_;
             },
             [this](const std::string& change) { told_.push_back(change); }};
};

TEST_F(PaceTest, WithoutALimitNobodyWaits) {
  EXPECT_EQ(take_for(10s), 10'000 * 64 * kKiB);
  EXPECT_TRUE(told_.empty());
  Pace free({}, {});
  EXPECT_EQ(free.wait_for(1 << 30, now_), 0ms);
}

TEST_F(PaceTest, KeepsToTheRate) {
  rate_ = 1024 * kKiB;
  const auto taken = take_for(60s);
  EXPECT_LE(taken, 60 * rate_ + rate_ / 10 + 64 * kKiB);
  EXPECT_GE(taken, 59 * rate_);
}

TEST_F(PaceTest, MakesUpForAPauseOfTheServerByATenthOfASecondOnly) {
  rate_ = 1024 * kKiB;
  take_for(10s);
  now_ += 1h;
  EXPECT_LE(take_for(1s), rate_ + rate_ / 10 + 64 * kKiB);
}

TEST_F(PaceTest, FollowsARateThatChangesAndTellsOfIt) {
  rate_ = 1024 * kKiB;
  take_for(5s);
  rate_ = 128 * kKiB;
  take_for(2s);
  EXPECT_LE(take_for(10s), 10 * rate_ + rate_ / 10 + 64 * kKiB);
  rate_ = 0;
  take_for(2s);
  EXPECT_EQ(take_for(1s), 1000 * 64 * kKiB);
  EXPECT_THAT(told_,
              ElementsAre(HasSubstr("at most 1 MiB in a second"), HasSubstr("at most 128 KiB in a second"),
                          HasSubstr("no bandwidth limit holds any more")));
}

TEST_F(PaceTest, AsksForTheRateOnceASecond) {
  take_for(10s);
  EXPECT_LE(asked_, 11);
}

TEST_F(PaceTest, AStopEndsAWait) {
  rate_ = 1;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(pace_.take(1 << 20, stop.get_token()));
}

}  // namespace
}  // namespace pgkeep::streaming
