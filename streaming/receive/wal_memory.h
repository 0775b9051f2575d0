#pragma once

#include <atomic>
#include <cstddef>

namespace pgkeep::streaming {

/// Memory that the streams of a process share: each has a little of its own, and takes from here while much
/// comes at once, if there is any left. So many streams that all catch up need no more than few. Threads:
/// any.
class WalMemory {
 public:
  explicit WalMemory(std::size_t bytes) noexcept : left_(bytes) {}

  /// False when so much is not left.
  bool take(std::size_t bytes) noexcept {
    auto left = left_.load();
    while (left >= bytes)
      if (left_.compare_exchange_weak(left, left - bytes)) return true;
    return false;
  }
  void give_back(std::size_t bytes) noexcept { left_ += bytes; }

 private:
  std::atomic<std::size_t> left_;
};

}  // namespace pgkeep::streaming
