#pragma once

#include <chrono>

#include "catalog/io/handle.h"

namespace pgkeep::io {

/// Wakes a thread that waits on descriptors: readable from ring() until silence(). Thread-safe.
class Doorbell {
 public:
  Doorbell();
  void ring() noexcept;
  void silence() noexcept;
  /// Until it rings, or the time is over. Does not silence it.
  void wait(std::chrono::milliseconds at_most) const noexcept;
  int fd() const noexcept { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace pgkeep::io
