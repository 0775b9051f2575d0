#include "tests/support/wait_until.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

namespace pgkeep::test {

void wait_until(const std::function<bool()>& condition, std::string_view what) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kShortestPause{20};
  // A condition that runs a program must not keep the processor from what is waited for.
  constexpr int kPauseForEachLook = 4;
  const auto deadline = Clock::now() + kPatience;
  for (auto began = Clock::now(); !condition(); began = Clock::now()) {
    const auto now = Clock::now();
    if (now > deadline)
      throw std::runtime_error(fmt::format("waited {} s in vain until {}", kPatience.count(), what));
    std::this_thread::sleep_for(std::max<Clock::duration>(kShortestPause, kPauseForEachLook * (now - began)));
  }
}

}  // namespace pgkeep::test
