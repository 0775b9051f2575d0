#include "streaming/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <exception>
#include <libpq-fe.h>
#include <poll.h>
#include <system_error>

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <sys/eventfd.h>

#include "catalog/io/error.h"
#include "streaming/connect_failure.h"
#include "streaming/conninfo.h"

namespace pgkeep::streaming {
namespace {

using Clock = std::chrono::steady_clock;
using ConnPtr = std::unique_ptr<PGconn, io::FreeWith<PQfinish>>;
using ResultPtr = std::unique_ptr<PGresult, io::FreeWith<PQclear>>;
using CancelPtr = std::unique_ptr<PGcancel, io::FreeWith<PQfreeCancel>>;
using CopyBufferPtr = std::unique_ptr<char, io::FreeWith<PQfreemem>>;

constexpr auto kNoDeadline = Clock::time_point::max();
constexpr int kOldestMajor = 13;
constexpr int kNewestMajor = 18;

/// What a role, a database or the server's configuration could have set so that our queries go wrong. A
/// commit must not wait for a synchronous standby either: that may be pgkeep.
constexpr const char* kPinSession =
    "SELECT pg_catalog.set_config('search_path', '', false), "
    "pg_catalog.set_config('DateStyle', 'ISO, YMD', false), "
    "pg_catalog.set_config('TimeZone', 'UTC', false), "
    "pg_catalog.set_config('statement_timeout', '0', false), "
    "pg_catalog.set_config('lock_timeout', '10s', false), "
    "pg_catalog.set_config('synchronous_commit', 'local', false)";

struct WakeUp {
  int fd;
  void operator()() const noexcept { ::eventfd_write(fd, 1); }
};

io::UniqueFd make_eventfd() {
  io::UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) throw Error(fmt::format("cannot make an eventfd: {}", std::generic_category().message(errno)));
  return fd;
}

int poll_timeout(Clock::time_point deadline) {
  if (deadline == kNoDeadline) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

Clock::time_point deadline_after(std::chrono::milliseconds time) {
  const auto now = Clock::now();
  return time < kNoDeadline - now ? now + time : kNoDeadline;
}

std::string name_peer(const PGconn* conn) {
  const auto text = [](const char* value) { return std::string_view(value == nullptr ? "" : value); };
  const auto host = text(PQhost(conn));
  const auto port = text(PQport(conn));
  if (host.starts_with('/')) return fmt::format("{}/.s.PGSQL.{}", host, port);
  if (host.find(':') != std::string_view::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

std::string_view field(const PGresult* result, int code) {
  const char* value = PQresultErrorField(result, code);
  return value == nullptr ? "" : value;
}

/// "PRIMARY; detail: …; hint: …"
std::string words_of(const PGresult* result) {
  std::string words(field(result, PG_DIAG_MESSAGE_PRIMARY));
  if (const auto detail = field(result, PG_DIAG_MESSAGE_DETAIL); !detail.empty()) {
    words += fmt::format("; detail: {}", detail);
  }
  if (const auto hint = field(result, PG_DIAG_MESSAGE_HINT); !hint.empty())
    words += fmt::format("; hint: {}", hint);
  return in_one_line(words);
}

Rows rows_of(const PGresult* result) {
  Rows rows;
  const int columns = PQnfields(result);
  for (int column = 0; column < columns; ++column) rows.columns.emplace_back(PQfname(result, column));
  for (int row = 0; row < PQntuples(result); ++row) {
    auto& values = rows.rows.emplace_back();
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result, row, column) != 0) {
        values.emplace_back(std::nullopt);
      } else {
        const auto length = static_cast<std::size_t>(PQgetlength(result, row, column));
        values.emplace_back(std::string(PQgetvalue(result, row, column), length));
      }
    }
  }
  return rows;
}

}  // namespace

struct Connection::State {
  explicit State(std::stop_token token)
      : stop(std::move(token)), wake(make_eventfd()), on_stop(stop, WakeUp{wake.get()}) {}

  void connect(const Keywords& keywords, std::optional<std::chrono::seconds> timeout);
  void check_server() const;
  static void notice(void* self, const PGresult* result) noexcept;

  /// True when the socket is ready, false when the time is over.
  bool wait(short events, Clock::time_point deadline);
  bool holds_read_bytes() const;
  void consume();
  void flush();
  ResultPtr next_raw_result();
  void drain();
  CopyState next_copy_data(io::ByteView& into, bool may_wait);
  [[noreturn]] void throw_error(const PGresult* result);
  [[noreturn]] void throw_lost() const;

  std::stop_token stop;
  io::UniqueFd wake;  // readable once stop is asked
  std::stop_callback<WakeUp> on_stop;
  ConnPtr conn;
  CopyBufferPtr copy_buffer;
  std::string peer = "the server";
  std::string command = "connecting";  // what is under way, for messages
  std::function<void(std::string_view, std::string_view)> notice_handler;
  std::exception_ptr notice_failure;  // thrown by the handler, on its way around libpq
  Clock::time_point goodbye = kNoDeadline;
};

void Connection::State::connect(const Keywords& keywords, std::optional<std::chrono::seconds> timeout) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  conn.reset(PQconnectStartParams(names.data(), values.data(), 0));
  if (conn == nullptr) throw std::bad_alloc();
  peer = name_peer(conn.get());
  PQsetErrorVerbosity(conn.get(), PQERRORS_VERBOSE);  // with SQLSTATE: see connect_failure.h
  PQsetNoticeReceiver(conn.get(), &State::notice, this);

  const auto deadline = timeout ? deadline_after(*timeout) : kNoDeadline;
  auto wants = PQstatus(conn.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (wants != PGRES_POLLING_OK) {
    if (wants == PGRES_POLLING_FAILED) {
      throw_connect_failure(peer, PQerrorMessage(conn.get()), PQconnectionNeedsPassword(conn.get()) != 0);
    }
    if (!wait(wants == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline)) {
      throw ConnectionLost(
          fmt::format("cannot connect to {}: no answer within {} s; check the address, and firewalls on "
                      "the way",
                      peer, timeout->count()));
    }
    wants = PQconnectPoll(conn.get());
  }
  PQsetErrorVerbosity(conn.get(), PQERRORS_DEFAULT);
  if (PQsetnonblocking(conn.get(), 1) != 0)
    throw_lost();  // else a peer that reads nothing would hold us in send()
  check_server();
}

void Connection::State::check_server() const {
  const int major = PQserverVersion(conn.get()) / 10000;
  const auto parameter = [this](const char* name) {
    const char* value = PQparameterStatus(conn.get(), name);
    return std::string_view(value == nullptr ? "unknown" : value);
  };
  if (major < kOldestMajor || major > kNewestMajor) {
    throw Refused(fmt::format("{} runs PostgreSQL {}; pgkeep knows {} to {}: upgrade the server or pgkeep",
                              peer, parameter("server_version"), kOldestMajor, kNewestMajor));
  }
  if (parameter("integer_datetimes") != "on") {
    throw Refused(
        fmt::format("{} does not use 64-bit integer timestamps (integer_datetimes is {}), so what answers "
                    "is no PostgreSQL that pgkeep knows",
                    peer, parameter("integer_datetimes")));
  }
}

void Connection::State::notice(void* self, const PGresult* result) noexcept {
  auto& state = *static_cast<State*>(self);
  if (!state.notice_handler || state.notice_failure) return;
  try {
    state.notice_handler(field(result, PG_DIAG_SEVERITY_NONLOCALIZED), words_of(result));
  } catch (...) {
    state.notice_failure = std::current_exception();  // libpq is C: consume() throws it on
  }
}

bool Connection::State::wait(short events, Clock::time_point deadline) {
  for (;;) {
    const bool leaving = goodbye != kNoDeadline;
    if (!leaving && stop.stop_requested()) {
      throw Interrupted(fmt::format("{}: {} was given up because a stop was asked for", peer, command));
    }
    if ((events & POLLIN) != 0 && holds_read_bytes()) return true;
    const int socket = PQsocket(conn.get());
    if (socket < 0) throw_lost();
    auto until = std::min(deadline, goodbye);
    // What GSSAPI has decrypted and libpq not yet taken shows nowhere, so look now and then.
    const bool hidden = (events & POLLIN) != 0 && PQgssEncInUse(conn.get()) != 0;
    if (hidden) until = std::min(until, deadline_after(std::chrono::milliseconds(50)));

    std::array<pollfd, 2> fds{pollfd{socket, events, 0}, pollfd{leaving ? -1 : wake.get(), POLLIN, 0}};
    const int ready = ::poll(fds.data(), fds.size(), poll_timeout(until));
    if (ready < 0 && errno != EINTR) {
      throw Error(fmt::format("{}: poll: {}", peer, std::generic_category().message(errno)));
    }
    if (ready > 0 && fds[0].revents != 0) return true;
    if (leaving && Clock::now() >= goodbye) {
      throw ConnectionLost(fmt::format("{}: {} did not end in the time given to it", peer, command));
    }
    if (Clock::now() >= deadline) return false;
    if (hidden && ready == 0) return true;
  }
}

/// TLS records are read whole, but libpq may have taken only the first part of one: poll() cannot see the
/// rest.
bool Connection::State::holds_read_bytes() const {
  if (PQsslInUse(conn.get()) == 0) return false;
  auto* ssl = static_cast<SSL*>(PQsslStruct(conn.get(), "OpenSSL"));
  return ssl != nullptr && SSL_pending(ssl) > 0;
}

void Connection::State::consume() {
  if (PQconsumeInput(conn.get()) == 0) throw_lost();
  if (notice_failure) std::rethrow_exception(std::exchange(notice_failure, nullptr));
}

void Connection::State::flush() {
  for (;;) {
    const int left = PQflush(conn.get());
    if (left == 0) return;
    if (left < 0) throw_lost();
    // The server may be waiting for us to read before it reads.
    wait(POLLIN | POLLOUT, kNoDeadline);
    consume();
  }
}

ResultPtr Connection::State::next_raw_result() {
  flush();
  while (PQisBusy(conn.get()) != 0) {
    wait(POLLIN, kNoDeadline);
    consume();
  }
  return ResultPtr(PQgetResult(conn.get()));
}

/// After an error the command still has to be read to its end, for the next one to be possible.
void Connection::State::drain() {
  try {
    while (const auto result = next_raw_result()) {
      const auto status = PQresultStatus(result.get());
      if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN || status == PGRES_COPY_BOTH) return;
    }
  } catch (const ConnectionLost&) {
    // What the server said before it hung up is worth more; the next command finds the connection gone.
  }
}

CopyState Connection::State::next_copy_data(io::ByteView& into, bool may_wait) {
  copy_buffer.reset();
  for (bool consumed = false;;) {
    char* data = nullptr;
    const int length = PQgetCopyData(conn.get(), &data, 1);
    copy_buffer.reset(data);
    if (length > 0) {
      into = std::as_bytes(std::span(data, static_cast<std::size_t>(length)));
      return CopyState::data;
    }
    if (length == -1) return CopyState::ended;
    if (length < 0) throw_lost();
    // Only now that all messages are taken: reading more before would let libpq's buffer grow.
    if (may_wait) {
      wait(POLLIN, kNoDeadline);
    } else if (consumed) {
      return CopyState::nothing_yet;
    }
    consume();
    consumed = true;
  }
}

void Connection::State::throw_error(const PGresult* result) {
  const std::string sqlstate(field(result, PG_DIAG_SQLSTATE));
  if (!sqlstate.empty()) {
    const auto message = fmt::format("{}: {}: {} (SQLSTATE {})", peer, command, words_of(result), sqlstate);
    drain();
    throw ServerError(sqlstate, message);
  }
  if (PQstatus(conn.get()) == CONNECTION_BAD) throw_lost();
  throw ProtocolError(fmt::format("{}: {}: {}", peer, command, in_one_line(PQresultErrorMessage(result))));
}

void Connection::State::throw_lost() const {
  throw ConnectionLost(fmt::format("{}: the connection was lost ({}): {}", peer, command,
                                   in_one_line(PQerrorMessage(conn.get()))));
}

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Connection Connection::open(const ConnectionSettings& settings, ConnectionKind kind, std::stop_token stop) {
  forget_libpq_environment();
  const auto timeout = connect_timeout(settings);
  const auto attempts = connection_attempts(settings, kind);
  std::string failures;
  for (std::size_t i = 0;; ++i) {
    try {
      Connection connection(std::make_unique<State>(stop));
      connection.state_->connect(attempts[i], timeout);
      if (kind == ConnectionKind::sql) connection.query(kPinSession);
      return connection;
    } catch (const Error& failure) {
      if (!failure.retryable() || attempts.size() == 1) throw;
      failures += fmt::format("{}{}", failures.empty() ? "" : "; ", failure.what());
      if (i + 1 == attempts.size()) throw ConnectionLost(failures);
    }
  }
}

int Connection::server_version_number() const {
  return PQserverVersion(state_->conn.get());
}

int Connection::major_version() const {
  return server_version_number() / 10000;
}

std::string Connection::version_text() const {
  return fmt::format("{}.{}", major_version(), server_version_number() % 10000);
}

std::string Connection::peer() const {
  return state_->peer;
}

void Connection::on_notice(std::function<void(std::string_view, std::string_view)> handler) {
  state_->notice_handler = std::move(handler);
}

Rows Connection::query(std::string_view sql) {
  send(sql);
  Rows rows;
  for (;;) {
    auto result = next_result();
    if (result.kind == Next::done) return rows;
    if (result.kind == Next::rows) {
      rows = std::move(result.rows);
    } else if (result.kind != Next::command_ok) {
      throw ProtocolError(
          fmt::format("{}: {}: the server began a COPY, where rows were expected", peer(), state_->command));
    }
  }
}

void Connection::send(std::string_view sql) {
  if (sql.find('\0') != std::string_view::npos) throw Error("a command for the server holds a zero byte");
  state_->command = sql.substr(0, sql.find_first_of(" ("));
  if (PQsendQuery(state_->conn.get(), std::string(sql).c_str()) == 0) state_->throw_lost();
  state_->flush();
}

Connection::Result Connection::next_result() {
  const auto result = state_->next_raw_result();
  if (result == nullptr) return {};
  switch (PQresultStatus(result.get())) {
    case PGRES_TUPLES_OK:
      return {Next::rows, rows_of(result.get()), PQcmdStatus(result.get())};
    case PGRES_COMMAND_OK:
      return {Next::command_ok, {}, PQcmdStatus(result.get())};
    case PGRES_COPY_OUT:
      return {Next::copy_out, {}, {}};
    case PGRES_COPY_IN:
      return {Next::copy_in, {}, {}};
    case PGRES_COPY_BOTH:
      return {Next::copy_both, {}, {}};
    default:
      state_->throw_error(result.get());
  }
}

CopyState Connection::copy_receive(io::ByteView& into) {
  return state_->next_copy_data(into, true);
}

CopyState Connection::copy_poll(io::ByteView& into) {
  return state_->next_copy_data(into, false);
}

bool Connection::wait_readable(std::chrono::milliseconds at_most) {
  return state_->wait(POLLIN, deadline_after(at_most));
}

void Connection::copy_send(io::ByteView message) {
  if (message.size() > INT_MAX) throw Error("a message for the server is larger than the protocol allows");
  const auto text = io::as_text(message);
  for (;;) {
    const int queued = PQputCopyData(state_->conn.get(), text.data(), static_cast<int>(text.size()));
    if (queued < 0) state_->throw_lost();
    state_->flush();
    if (queued > 0) return;
  }
}

void Connection::copy_end() {
  for (;;) {
    const int queued = PQputCopyEnd(state_->conn.get(), nullptr);
    if (queued < 0) state_->throw_lost();
    state_->flush();
    if (queued > 0) return;
  }
}

void Connection::allow_goodbye(std::chrono::milliseconds at_most) {
  state_->goodbye = deadline_after(at_most);
}

void Connection::cancel() noexcept {
  const CancelPtr cancel(PQgetCancel(state_->conn.get()));
  std::array<char, 256> message{};
  if (cancel != nullptr) PQcancel(cancel.get(), message.data(), static_cast<int>(message.size()));
}

}  // namespace pgkeep::streaming
