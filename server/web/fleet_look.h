#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "server/report/fleet_report.h"
#include "server/terminal/log.h"
#include "server/terminal/output.h"
#include "server/web/fleet_documents.h"

namespace pgkeep::server {

/// The newest look at the fleet, kept in memory, so that who asks never waits for a server or a disk. It is
/// repeated in a thread of its own while somebody asks.
///
/// Threads: newest() from any; the rest from one.
class FleetLook {
 public:
  /// Looks; may take long, and is told when nobody waits for it any more. What it throws is logged, and the
  /// look before it is kept.
  using Look = std::function<FleetDocuments(const std::stop_token& stop)>;
  /// The times are for tests to shorten.
  struct Times {
    std::chrono::milliseconds between{std::chrono::seconds(60)};  // from one look to the next
    std::chrono::milliseconds asked{std::chrono::minutes(10)};   // so long after the last question it goes on
    std::chrono::milliseconds usable{std::chrono::minutes(10)};  // an older look is not shown any more
  };
  FleetLook(Look look, Log log, Times times);
  FleetLook(const FleetLook&) = delete;
  FleetLook& operator=(const FleetLook&) = delete;
  /// Waits for the look that is under way.
  ~FleetLook();

  struct Seen {
    std::shared_ptr<const FleetDocuments> documents;  // shared with answers on their way; null: there is none
    std::chrono::seconds age{};
  };
  /// What was seen last; nothing before the first look, which begins with the first question, and where the
  /// last one is too old: then the next one has begun.
  Seen newest();

  /// Asks the thread to end.
  void stop() { thread_.request_stop(); }
  /// After stop(): false when it has not by then, since a disk or a server does not answer: the destructor
  /// would wait for it.
  bool finish(std::chrono::steady_clock::time_point until);

 private:
  void work(const std::stop_token& stop);
  /// False when the end is asked for.
  bool wait_until_wanted(const std::stop_token& stop);
  void look_once(const std::stop_token& stop);

  Look look_;
  Log log_;
  Times times_;
  std::mutex mutex_;  // guards the following
  std::condition_variable_any changed_;
  std::optional<std::chrono::steady_clock::time_point> asked_;  // last
  std::chrono::steady_clock::time_point looked_;  // when the last look began, whatever came of it
  std::shared_ptr<const FleetDocuments> documents_;
  std::chrono::steady_clock::time_point taken_;
  std::string complaint_;  // that was logged
  bool ended_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace pgkeep::server
