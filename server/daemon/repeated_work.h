#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "server/terminal/log.h"

namespace pgkeep::server {

/// Does something again and again in a thread of its own, so that servers that do not answer and receivers
/// that hang keep nobody else. Threads: one, but for its own.
class RepeatedWork {
 public:
  using Work = std::function<void(const std::stop_token& stop)>;
  /// What `work` throws is logged, once for each new message, as "WHAT: …". `pause` says how long it rests
  /// after each time; it is asked again each time.
  RepeatedWork(std::string what, std::function<std::chrono::milliseconds()> pause, Work work, Log log);
  RepeatedWork(const RepeatedWork&) = delete;
  RepeatedWork& operator=(const RepeatedWork&) = delete;
  /// Waits for what is under way.
  ~RepeatedWork() = default;

  void stop() { thread_.request_stop(); }
  /// After stop(): false when it has not ended by then.
  bool finish(std::chrono::steady_clock::time_point until);

 private:
  void repeat(const std::stop_token& stop);
  void do_once(const std::stop_token& stop);

  std::string what_;
  std::function<std::chrono::milliseconds()> pause_;
  Work work_;
  Log log_;
  std::string complaint_;  // that was logged; of its thread
  std::mutex mutex_;       // guards the following
  std::condition_variable_any changed_;
  bool ended_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace pgkeep::server
