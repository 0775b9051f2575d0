#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "catalog/io/failure.h"

namespace pgkeep::io {

/// `wanted` threads, or one a core when 0; 64 at most.
inline unsigned worker_count(unsigned wanted) {
  constexpr unsigned kMost = 64;
  return std::clamp(wanted == 0 ? std::thread::hardware_concurrency() : wanted, 1u, kMost);
}

/// Items that one thread hands to several workers through a short queue, so that memory does not grow with
/// their number.
///
/// While the caller waits in push() or finish(), and between items, its `tick` is called about ten times a
/// second: for progress, and to stop by throwing. What a worker throws ends the work: the next push(), or
/// finish(), throws it. Destroyed before finish(): the items in hand are finished, the others dropped.
template <typename Item>
class WorkQueue {
 public:
  using Work = std::function<void(Item&)>;

  /// `make_work` is called in each worker's thread, with the number of the worker, from 0 on: to make what
  /// that worker keeps to itself.
  WorkQueue(unsigned workers, std::function<Work(unsigned worker)> make_work, std::function<void()> tick)
      : limit_(std::size_t{2} * std::max(workers, 1u)),
        make_work_(std::move(make_work)),
        tick_(std::move(tick)) {
    try {
      for (unsigned i = 0; i < std::max(workers, 1u); ++i) threads_.emplace_back([this, i] { run(i); });
    } catch (...) {  // no more threads to be had; those that began must end
      abandon();
      throw;
    }
  }
  ~WorkQueue() { abandon(); }
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void push(Item item) {
    std::unique_lock lock(mutex_);
    wait(lock, [&] { return items_.size() < limit_ || failure_; });
    if (failure_) std::rethrow_exception(failure_);
    items_.push_back(std::move(item));
    lock.unlock();
    to_do_.notify_one();
  }

  /// Waits until every item is done; nothing may be pushed after it.
  void finish() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    to_do_.notify_all();
    wait(lock, [&] { return (items_.empty() && busy_ == 0) || failure_; });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kTick{100};

  void abandon() {
    {
      const std::scoped_lock lock(mutex_);
      items_.clear();
      closed_ = true;
    }
    to_do_.notify_all();
  }

  template <typename Done>
  void wait(std::unique_lock<std::mutex>& lock, Done&& done) {
    while (true) {
      if (Clock::now() >= next_tick_) {
        lock.unlock();
        tick_();
        lock.lock();
        next_tick_ = Clock::now() + kTick;
      }
      if (moved_on_.wait_until(lock, next_tick_, done)) return;
    }
  }

  /// False at the end of the work.
  bool take(Item& item) {
    std::unique_lock lock(mutex_);
    to_do_.wait(lock, [&] { return !items_.empty() || closed_ || failure_; });
    if (failure_ || items_.empty()) return false;
    item = std::move(items_.front());
    items_.pop_front();
    ++busy_;
    moved_on_.notify_one();
    return true;
  }

  void run(unsigned worker) {
    try {
      const auto work = make_work_(worker);
      for (Item item; take(item);) {
        work(item);
        const std::scoped_lock lock(mutex_);
        if (--busy_ == 0) moved_on_.notify_one();
      }
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      if (!failure_) failure_ = current_failure();
      moved_on_.notify_one();
      to_do_.notify_all();
    }
  }

  std::size_t limit_;
  std::function<Work(unsigned)> make_work_;
  std::function<void()> tick_;
  Clock::time_point next_tick_ = Clock::now();  // the calling thread's own
  std::mutex mutex_;                            // guards the following
  std::condition_variable to_do_;               // for the workers
  std::condition_variable moved_on_;            // for the calling thread
  std::deque<Item> items_;
  std::size_t busy_ = 0;  // items taken and not done yet
  bool closed_ = false;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace pgkeep::io
