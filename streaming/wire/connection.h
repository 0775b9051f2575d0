#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/bytes.h"
#include "catalog/io/handle.h"
#include "catalog/postgres/endpoint.h"

struct pg_conn;
struct pg_result;

namespace pgkeep::streaming {

struct ConnectionSettings {
  std::string conninfo;  // libpq keywords or URI; the operator's own
  std::string application_name = "pgkeep";
  std::chrono::seconds connect_timeout{10};
  /// How long the answer to a command may take, until it is whole or a COPY begins; 0: as long as it takes.
  std::chrono::seconds answer_within{0};
  /// Whether a version that came after this program will do as well (catalog/postgres/versions.h).
  bool allow_unknown_major = false;
  std::string database{};  // of an `sql` session, in place of the conninfo's; empty: that
  bool operator==(const ConnectionSettings&) const = default;
};

/// `physical` speaks replication commands only (replication=true); `sql` is an ordinary session.
enum class ConnectionKind { physical, sql };

/// A result's rows as text; NULL is nullopt.
struct Rows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};

/// What a COPY stream gave: data, nothing yet (wait), or its end.
enum class CopyState { data, nothing_yet, ended };

/// One libpq connection. All PQ… calls of the program are in connection*.cc and conninfo.cc.
///
/// Every wait ends when the stop token given at opening asks for it (throws Interrupted). Passwords never
/// appear in messages. The environment's PG… variables are not used, but for PGPASSFILE (see
/// forget_libpq_environment()). A conninfo with several hosts is tried in order, connect_timeout for each. An
/// `sql` session goes to the conninfo's dbname, or to "postgres"; its search_path is empty and what a role's
/// settings could change is pinned. Throws ConnectionLost (for a server that keeps silent for longer than
/// answer_within too), ServerError (with SQLSTATE and the server's own words, DETAIL and HINT included; a
/// refused log-in too), Refused for a server version that is not known (catalog/postgres/versions.h) and not
/// allowed,
/// ProtocolError (also for an answer that is larger than any of PostgreSQL's: see connection_state.h). What a
/// server says comes cut and without control characters, in errors and notices alike; values come as they
/// are. Threads: one, the opener's, or that of the one it was moved to.
class Connection {
 public:
  static Connection open(const ConnectionSettings& settings, ConnectionKind kind,
                         const std::stop_token& stop);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  int server_version_number() const;  // 180006
  int major_version() const;          // 18
  std::string version_text() const;   // "18.6"
  postgres::Endpoint peer() const;    // where it leads to

  /// Warnings and notices of the server from now on; called from inside other calls of this connection.
  void on_notice(std::function<void(std::string_view severity, std::string_view message)> handler);

  /// Commands from now on may take that long to answer; 0: as long as it takes.
  void answer_within(std::chrono::seconds at_most);

  /// One command that returns rows or nothing.
  Rows query(std::string_view sql);

  /// Sends a command and waits for its first result (result sets before a COPY are returned one a call; an
  /// empty optional means a COPY or the end of the command follows). For BASE_BACKUP and START_REPLICATION.
  void send(std::string_view sql);
  enum class Next { rows, copy_out, copy_in, copy_both, command_ok, done };
  struct Result {
    Next kind = Next::done;
    Rows rows;
    std::string command_tag;
  };
  Result next_result();

  /// The next CopyData message; `into` borrows libpq's buffer until the next call. `ended` comes once, then
  /// next_result() says how. copy_receive() waits; copy_poll() does not.
  CopyState copy_receive(io::ByteView& into);
  CopyState copy_poll(io::ByteView& into);
  /// Waits until something can be read, here or from `descriptor` too, the time is over (false), or stop is
  /// asked (throws Interrupted).
  bool wait_readable(std::chrono::milliseconds at_most, int descriptor = -1);
  void copy_send(io::ByteView message);
  void copy_end();

  /// For an orderly end after stop was asked: from now on waits pass over the stop token, and throw
  /// ConnectionLost when this time is over.
  void allow_goodbye(std::chrono::milliseconds at_most);

  /// Asks the server to cancel what runs on this connection; best effort, never throws.
  void cancel() noexcept;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Removes from the environment of this process every variable that libpq reads, but for PGPASSFILE: a backup
/// must not go elsewhere because of who started it. For main(), before there are threads; open() calls it
/// too, and finds nothing then.
void forget_libpq_environment();

/// `conninfo` without password, for messages and listings. Throws UsageError when libpq cannot parse it
/// (without showing the password).
std::string describe_conninfo(std::string_view conninfo);
/// True when the conninfo itself holds a password.
bool holds_password(std::string_view conninfo);

}  // namespace pgkeep::streaming
