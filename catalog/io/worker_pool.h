#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace pgkeep::io {

/// A fixed number of threads that do what they are given, in the order in which it comes; for short pieces of
/// work of many owners. Thread-safe.
class WorkerPool {
 public:
  /// Must not throw; who wants to know about failures catches them in it (failure.h), a lack of memory too.
  using Task = std::function<void()>;

  /// Throws std::system_error when the system has no more threads.
  explicit WorkerPool(unsigned threads);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  /// Does all that was given, then ends the threads.
  ~WorkerPool();

  void submit(Task task);

 private:
  void work();
  void end();

  std::mutex mutex_;  // guards the two below
  std::deque<Task> waiting_;
  bool ending_ = false;
  std::condition_variable changed_;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace pgkeep::io
