#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "server/http/request_gate.h"
#include "server/terminal/log.h"

namespace pgkeep::server {

/// What a client gets of the daemon. The times are for tests to shorten.
struct HttpLimits {
  std::size_t connections = 256;              // what comes beyond gets 503, and is closed
  std::uint32_t head_bytes = 8192;            // of a request
  std::chrono::milliseconds request{10'000};  // to send a whole request, and between two; to log in by TLS
  std::chrono::milliseconds answer{30'000};   // to take a whole answer
};

/// Where and how it is served. `key` and `certificate` are PEM; both are empty for HTTP without TLS.
struct HttpAccess {
  std::string address;
  std::uint16_t port = 0;
  std::string token;  // empty: none is asked for
  std::string certificate;
  std::string key;
};

/// Serves a handler over HTTP/1.1, GET and HEAD alone, in a thread of its own. Clients that hang, crowd or
/// talk nonsense lose their connection and disturb nobody; nothing that a request does ends the thread.
///
/// Threads: any, one at a time. No call waits for a client.
class HttpServer {
 public:
  /// Listens. Throws Error when it cannot, saying where, why and what to do, or that the certificate or the
  /// key cannot be used.
  HttpServer(const HttpAccess& access, std::string open_path, HttpHandler handler, Log log,
             const HttpLimits& limits = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  /// Closes what is open. Waits for the answer that is being made.
  ~HttpServer();

  /// From now on another token, certificate and key for new connections; the address and the port stay.
  /// Throws Error as the constructor does, and nothing has changed.
  void change(const HttpAccess& access);
  /// Where it listens: the port that the system chose, where 0 was asked for.
  std::uint16_t port() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;  // Beast and Asio stay in one file
};

}  // namespace pgkeep::server
