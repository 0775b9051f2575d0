#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "server/notify/send_report.h"
#include "server/terminal/log.h"

namespace pgkeep::server {

/// Looks twice a minute whether the report of the fleet is due, and has it sent, in a thread of its own:
/// servers that do not answer and a mail server that hangs keep nobody else. Threads: one, but for its own.
class ReportSender {
 public:
  /// What comes of a look is logged; what it throws too, once for each new message.
  using Look = std::function<ReportTurn(const std::stop_token& stop)>;
  ReportSender(Look look, Log log);
  ReportSender(const ReportSender&) = delete;
  ReportSender& operator=(const ReportSender&) = delete;
  /// Waits for the look that is under way.
  ~ReportSender() = default;

  void stop() { thread_.request_stop(); }
  /// After stop(): false when it has not ended by then.
  bool finish(std::chrono::steady_clock::time_point until);

 private:
  void work(const std::stop_token& stop);
  void look_once(const std::stop_token& stop);

  Look look_;
  Log log_;
  std::string complaint_;  // that was logged; of its thread
  std::mutex mutex_;       // guards the following
  std::condition_variable_any changed_;
  bool ended_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace pgkeep::server
