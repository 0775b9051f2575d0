#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "server/config/config.h"
#include "server/http/http_server.h"
#include "server/terminal/log.h"
#include "server/web/fleet_look.h"

namespace pgkeep::server {

/// What the web room has to be told by the daemon. Called on any thread.
struct WebQuestions {
  std::function<std::string()> ailing;                         // which part does not live; empty: all do
  std::function<FleetDocuments(const std::stop_token&)> look;  // at the fleet, as FleetLook::Look
};

/// Answers over HTTP where the configuration says so, and nowhere while that is not possible: what keeps it
/// from answering is a line in the log, and it is tried again.
///
/// Threads: any.
class WebService {
 public:
  WebService(WebQuestions questions, Log log, FleetLook::Times times = {});
  WebService(const WebService&) = delete;
  WebService& operator=(const WebService&) = delete;
  ~WebService();

  /// Answers by this configuration from now on, and reads its token, certificate and key again. Where that is
  /// not possible the log says why, and so does what is returned; empty: it is possible. On the address of
  /// before, what answered until now continues.
  std::string apply(const HttpConfig& config);
  /// To be called every second or so: tries again what was not possible.
  void look_after();

  /// Answers nobody any more, and asks the look at the fleet to end. apply() and look_after() do nothing
  /// then.
  void stop();
  /// After stop(): false when the look at the fleet has not ended by then (see FleetLook::finish()).
  bool finish(std::chrono::steady_clock::time_point until);

 private:
  void try_to_serve();
  void serve(const HttpAccess& access);
  HttpAnswer answer(const HttpRequest& request);
  HttpAnswer answer_about_fleet(const std::string& path);

  WebQuestions questions_;
  Log log_;
  std::mutex mutex_;  // guards the following; answer() is without it
  HttpConfig config_;
  bool stopped_ = false;
  bool pending_ = false;   // it does not answer by `config_` yet
  std::string complaint_;  // that was logged
  std::chrono::steady_clock::time_point next_try_;
  std::optional<ListenAddress> serves_;
  FleetLook::Times times_;
  std::optional<FleetLook> look_;       // from the first time on that something is served
  std::unique_ptr<HttpServer> server_;  // last: it uses all of the above
};

}  // namespace pgkeep::server
