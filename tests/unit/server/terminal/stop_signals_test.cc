#include "server/terminal/stop_signals.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <latch>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/eventfd.h>

namespace pgkeep::server {
namespace {

class EachStopSignalTest : public ::testing::TestWithParam<int> {};

TEST_P(EachStopSignalTest, AsksForAStopAndDoesNotEndTheProcess) {
  const StopSignals signals;
  std::latch stopped(1);
  const std::stop_callback on_stop(signals.token(), [&] { stopped.count_down(); });
  EXPECT_FALSE(signals.token().stop_requested());
  std::raise(GetParam());
  stopped.wait();
  EXPECT_TRUE(signals.token().stop_requested());
}

INSTANTIATE_TEST_SUITE_P(Signals, EachStopSignalTest, ::testing::Values(SIGINT, SIGTERM));

TEST(StopSignalsTest, TheSecondSignalEndsTheProcessAtOnce) {
  EXPECT_EXIT(
      {
        const StopSignals signals;
        std::raise(SIGTERM);
        std::raise(SIGTERM);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

TEST(StopSignalsTest, AReaderThatHasGoneIsAFailedWrite) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const io::UniqueFd write_end(ends[1]);
  ::close(ends[0]);
  ignore_broken_pipes();
  EXPECT_EQ(::write(write_end.get(), "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
}

class HangupSignalTest : public ::testing::Test {
 protected:
  /// Whether the eventfd was added to since this was asked last.
  bool is_woken() {
    eventfd_t count = 0;
    return ::eventfd_read(eventfd_.get(), &count) == 0;
  }
  HangupSignal hangup_;
  io::UniqueFd eventfd_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

TEST_F(HangupSignalTest, IsRememberedUntilItIsAskedFor) {
  EXPECT_FALSE(HangupSignal::came());
  std::raise(SIGHUP);
  EXPECT_TRUE(HangupSignal::came());
  EXPECT_FALSE(HangupSignal::came());
}

TEST_F(HangupSignalTest, WakesWhoWaits) {
  const HangupSignal::Wakes wakes(eventfd_.get());
  EXPECT_FALSE(is_woken());
  std::raise(SIGHUP);
  EXPECT_TRUE(is_woken());
  EXPECT_TRUE(HangupSignal::came());
}

TEST_F(HangupSignalTest, WakesForOneThatCameBefore) {
  std::raise(SIGHUP);
  const HangupSignal::Wakes wakes(eventfd_.get());
  EXPECT_TRUE(is_woken());
  EXPECT_TRUE(HangupSignal::came());
}

TEST_F(HangupSignalTest, WakesNobodyWhoHasGone) {
  { const HangupSignal::Wakes wakes(eventfd_.get()); }
  std::raise(SIGHUP);
  EXPECT_FALSE(is_woken());
  EXPECT_TRUE(HangupSignal::came());
}

}  // namespace
}  // namespace pgkeep::server
