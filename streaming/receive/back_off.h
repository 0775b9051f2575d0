#pragma once

#include <chrono>
#include <random>

namespace pgkeep::streaming {

/// How long to wait before the next attempt: twice as long each time up to `longest`, each time by up to a
/// fifth shorter at random, so that a hundred streams that broke together do not come back together. One
/// thread.
class BackOff {
 public:
  BackOff(std::chrono::milliseconds first, std::chrono::milliseconds longest);
  std::chrono::milliseconds next();
  /// After a success.
  void reset() noexcept { pause_ = first_; }

 private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds longest_;
  std::chrono::milliseconds pause_;
  std::minstd_rand random_;
};

}  // namespace pgkeep::streaming
