#include "streaming/receive/back_off.h"

#include <algorithm>

namespace pgkeep::streaming {

BackOff::BackOff(std::chrono::milliseconds first, std::chrono::milliseconds longest)
    : first_(std::min(first, longest)), longest_(longest), pause_(first_), random_(std::random_device{}()) {}

std::chrono::milliseconds BackOff::next() {
  const auto pause = pause_;
  pause_ = std::min(2 * pause_, longest_);
  std::uniform_int_distribution<std::chrono::milliseconds::rep> shorter(0, pause.count() / 5);
  return pause - std::chrono::milliseconds(shorter(random_));
}

}  // namespace pgkeep::streaming
