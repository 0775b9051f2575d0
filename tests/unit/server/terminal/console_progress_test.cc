#include "server/terminal/console_progress.h"

#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMiB = 1 << 20;

TEST(ProgressTextTest, HasRateAndTimeLeft) {
  EXPECT_EQ(format_progress({"copying", 100 * kMiB, 400 * kMiB}, 10s),
            "copying       100 MiB of 400 MiB  25 %  10 MiB/s  30 s left");
}

TEST(ProgressTextTest, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(format_progress({"copying", 100 * kMiB, 0}, 10s), "copying       100 MiB  10 MiB/s");
  EXPECT_EQ(format_progress({"copying", 100 * kMiB, 400 * kMiB}, 100ms),
            "copying       100 MiB of 400 MiB  25 %");
  EXPECT_EQ(format_progress({"waiting for WAL", 0, 0}, 10s), "waiting for WAL");
}

TEST(ProgressTextTest, StandsAnEstimateThatWasTooLow) {
  EXPECT_EQ(format_progress({"copying", 500 * kMiB, 400 * kMiB}, 10s),
            "copying       500 MiB of 400 MiB  100 %  50 MiB/s");
}

TEST(ProgressTextTest, StandsAStreamThatHardlyMoves) {
  const auto text = format_progress({"copying", 1, std::uint64_t{1} << 60}, 10s);
  EXPECT_TRUE(text.ends_with("99 d left")) << text;
}

TEST(ProgressBarTest, ShowsTheShareDone) {
  EXPECT_EQ(format_progress_bar({"copying", 100 * kMiB, 400 * kMiB}, 100ms, 100),
            "copying       [######..................]  100 MiB of 400 MiB  25 %");
}

TEST(ProgressBarTest, IsCutToTheTerminal) {
  EXPECT_EQ(format_progress_bar({"copying", 100 * kMiB, 400 * kMiB}, 10s, 20).size(), 20u);
}

TEST(ProgressBarTest, IsPlainTextWithoutTotal) {
  EXPECT_EQ(format_progress_bar({"waiting for WAL", 0, 0}, 10s, 80), "waiting for WAL");
}

}  // namespace
}  // namespace pgkeep::server
