#include "tests/support/wait_until.h"

#include <stdexcept>
#include <thread>

#include <fmt/format.h>

namespace pgkeep::test {

void wait_until(const std::function<bool()>& condition, std::string_view what) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error(fmt::format("waited {} s in vain until {}", kPatience.count(), what));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace pgkeep::test
