#include "recover/deliver/workers.h"

#include <algorithm>

namespace pgkeep::recover {

unsigned worker_count(unsigned jobs) {
  constexpr unsigned kMost = 64;
  return std::clamp(jobs == 0 ? std::thread::hardware_concurrency() : jobs, 1u, kMost);
}

}  // namespace pgkeep::recover
