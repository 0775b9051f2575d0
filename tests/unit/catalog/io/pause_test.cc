#include "catalog/io/pause.h"

#include <thread>

#include <gtest/gtest.h>

namespace pgkeep::io {
namespace {

using namespace std::chrono_literals;

TEST(PauseTest, IsTrueWhenTheTimeIsOver) {
  EXPECT_TRUE(pause(1ms, {}));
}

TEST(PauseTest, EndsAtOnceWhenAStopIsAskedFor) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(pause(24h, stop.get_token()));
}

}  // namespace
}  // namespace pgkeep::io
