#include "recover/workers.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "catalog/io/error.h"

namespace pgkeep::recover {

unsigned worker_count(unsigned jobs) {
  constexpr unsigned kMost = 64;
  return std::clamp(jobs == 0 ? std::thread::hardware_concurrency() : jobs, 1u, kMost);
}

void for_each_file(unsigned count, const std::function<bool(DeliveredFile&)>& next, std::stop_token stop,
                   const std::function<void(const DeliveredFile&, unsigned worker)>& write) {
  std::mutex mutex;  // guards next, failure
  std::exception_ptr failure;
  bool over = false;
  const auto take = [&](DeliveredFile& file) {
    const std::scoped_lock lock(mutex);
    if (over || stop.stop_requested()) return false;
    over = !next(file);
    return !over;
  };
  const auto work = [&](unsigned worker) {
    try {
      DeliveredFile file;
      while (take(file)) write(file, worker);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      over = true;
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned worker = 0; worker < count; ++worker) threads.emplace_back(work, worker);
  }
  if (failure) std::rethrow_exception(failure);
  if (stop.stop_requested()) throw Interrupted("stopped before everything was written");
}

}  // namespace pgkeep::recover
