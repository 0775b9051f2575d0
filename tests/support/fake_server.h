#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "catalog/io/handle.h"

namespace pgkeep::test {

/// One client of a FakeServer, seen from the server's side (PostgreSQL manual, "Message Formats"). When the
/// client hangs up, the script ends at the read or write that meets it.
class FakeSession {
 public:
  using Cell = std::optional<std::string>;

  explicit FakeSession(io::UniqueFd socket) : socket_(std::move(socket)) {}

  /// What the client says of itself: user, database, application_name, replication.
  std::map<std::string, std::string> read_startup();
  /// Authentication passed, and the parameters that a server of that version reports.
  void welcome(std::string_view server_version = "18.6");
  /// The text of the next query; the message that ends the session gives an empty one.
  std::string read_query();
  /// A message of any type and its body; nothing when the client has hung up.
  std::optional<std::pair<char, std::string>> read_message();
  /// Whether something has come that was not read yet, or the client has hung up.
  bool has_message() const;
  void wait_for_hangup();

  void rows(const std::vector<std::string>& columns, const std::vector<std::vector<Cell>>& rows);
  void complete(std::string_view tag = "SELECT");
  void ready();
  /// rows(), complete() and ready().
  void answer(const std::vector<std::string>& columns, const std::vector<std::vector<Cell>>& rows);
  void error(std::string_view sqlstate, std::string_view message, std::string_view detail = {},
             std::string_view hint = {});
  void warning(std::string_view message);
  void copy_out();
  void copy_both();
  void copy_data(std::string_view bytes);
  void copy_done();
  /// Bytes that may be no message at all.
  void raw(std::string_view bytes);

 private:
  void send(char type, std::string_view body);
  std::string read_exactly(std::size_t size);
  io::UniqueFd socket_;
};

/// The server's side of the wire, played by a script: for what a real server does not do on demand. Listens
/// on loopback; the script runs once for each connection, on a thread of its own, one after the other or all
/// at once.
class FakeServer {
 public:
  enum class Connections { one_by_one, at_once };
  explicit FakeServer(std::function<void(FakeSession&)> script,
                      Connections connections = Connections::one_by_one);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  int port() const { return port_; }
  std::string conninfo() const;

 private:
  void serve();
  void play(FakeSession session) const;
  std::function<void(FakeSession&)> script_;
  Connections connections_;
  io::UniqueFd listener_;
  int port_ = 0;
  std::jthread thread_;
};

}  // namespace pgkeep::test
