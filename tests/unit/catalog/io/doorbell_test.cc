#include "catalog/io/doorbell.h"

#include <poll.h>
#include <thread>

#include <gtest/gtest.h>

namespace pgkeep::io {
namespace {

bool rings(const Doorbell& bell) {
  pollfd fd{bell.fd(), POLLIN, 0};
  return ::poll(&fd, 1, 0) == 1;
}

TEST(DoorbellTest, RingsUntilItIsSilenced) {
  Doorbell bell;
  EXPECT_FALSE(rings(bell));
  bell.ring();
  bell.ring();
  EXPECT_TRUE(rings(bell));
  bell.silence();
  EXPECT_FALSE(rings(bell));
}

TEST(DoorbellTest, CanBeSilencedWithoutHavingRung) {
  Doorbell bell;
  bell.silence();
  bell.ring();
  EXPECT_TRUE(rings(bell));
}

TEST(DoorbellTest, WakesWhoWaits) {
  Doorbell bell;
  std::jthread other([&] { bell.ring(); });
  bell.wait(std::chrono::hours(1));
  EXPECT_TRUE(rings(bell));
}

TEST(DoorbellTest, WaitsNoLongerThanItShould) {
  Doorbell bell;
  bell.wait(std::chrono::milliseconds(1));
  EXPECT_FALSE(rings(bell));
}

}  // namespace
}  // namespace pgkeep::io
