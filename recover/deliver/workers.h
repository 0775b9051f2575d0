#pragma once

#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "catalog/io/error.h"
#include "catalog/io/failure.h"

namespace pgkeep::recover {

/// `jobs`, or one a core when 0.
unsigned worker_count(unsigned jobs);

/// Calls `work(item, worker)` for each item that `next(item)` hands out, in `count` threads; `next` is called
/// by one at a time and answers false at the end. After the first failure the others stop at their next item,
/// and it is thrown; Interrupted when a stop was asked for.
template <typename Item, typename Next, typename Work>
void for_each_item(unsigned count, Next&& next, const std::stop_token& stop, Work&& work) {
  std::mutex mutex;  // guards next, over and failure
  bool over = false;
  std::exception_ptr failure;
  const auto take = [&](Item& item) {
    const std::scoped_lock lock(mutex);
    if (over || stop.stop_requested()) return false;
    over = !next(item);
    return !over;
  };
  const auto run = [&](unsigned worker) {
    try {
      Item item;
      while (take(item)) work(item, worker);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      over = true;
      if (!failure) failure = io::current_failure();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned worker = 0; worker < count; ++worker) threads.emplace_back(run, worker);
  }
  if (failure) std::rethrow_exception(failure);
  if (stop.stop_requested()) throw Interrupted("stopped before everything was written");
}

}  // namespace pgkeep::recover
