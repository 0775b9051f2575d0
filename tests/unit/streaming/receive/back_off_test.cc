#include "streaming/receive/back_off.h"

#include <set>

#include <gtest/gtest.h>

namespace pgkeep::streaming {
namespace {

using namespace std::chrono_literals;

TEST(BackOffTest, DoublesUpToTheLongest) {
  BackOff back_off(100ms, 350ms);
  for (const auto full : {100ms, 200ms, 350ms, 350ms}) {
    const auto pause = back_off.next();
    EXPECT_LE(pause, full);
    EXPECT_GE(pause, full - full / 5);
  }
}

TEST(BackOffTest, BeginsAnewAfterASuccess) {
  BackOff back_off(100ms, 100s);
  for (int i = 0; i < 5; ++i) back_off.next();
  back_off.reset();
  EXPECT_LE(back_off.next(), 100ms);
}

TEST(BackOffTest, DoesNotSendAllBackTogether) {
  std::set<std::chrono::milliseconds> pauses;
  for (int i = 0; i < 20; ++i) pauses.insert(BackOff(60s, 60s).next());
  EXPECT_GT(pauses.size(), 1u);
}

TEST(BackOffTest, NeverWaitsLongerThanTheLongest) {
  EXPECT_LE(BackOff(10s, 1s).next(), 1s);
}

}  // namespace
}  // namespace pgkeep::streaming
