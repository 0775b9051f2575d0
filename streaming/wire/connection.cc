#include "streaming/wire/connection.h"

#include <algorithm>
#include <array>
#include <climits>
#include <poll.h>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "streaming/wire/connection_state.h"

namespace pgkeep::streaming {
namespace {

/// What a role, a database or the server's configuration could have set so that our queries go wrong. A
/// commit must not wait for a synchronous standby either: that may be pgkeep.
constexpr const char* kPinSession =
    "SELECT pg_catalog.set_config('search_path', '', false), "
    "pg_catalog.set_config('DateStyle', 'ISO, YMD', false), "
    "pg_catalog.set_config('TimeZone', 'UTC', false), "
    "pg_catalog.set_config('statement_timeout', '0', false), "
    "pg_catalog.set_config('lock_timeout', '10s', false), "
    "pg_catalog.set_config('synchronous_commit', 'local', false)";

void add_row(const PGresult* result, Rows& rows) {
  const int columns = PQnfields(result);
  auto& values = rows.rows.emplace_back();
  for (int column = 0; column < columns; ++column) {
    if (PQgetisnull(result, 0, column) != 0) {
      values.emplace_back(std::nullopt);
    } else {
      const auto length = static_cast<std::size_t>(PQgetlength(result, 0, column));
      values.emplace_back(std::string(PQgetvalue(result, 0, column), length));
    }
  }
}

}  // namespace

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Connection Connection::open(const ConnectionSettings& settings, ConnectionKind kind,
                            const std::stop_token& stop) {
  forget_libpq_environment();
  const auto timeout = connect_timeout(settings);
  const auto attempts = connection_attempts(settings, kind);
  std::string failures;
  for (std::size_t i = 0;; ++i) {
    // The name of each host is asked for without regard to the stop token: libpq cannot do it otherwise.
    if (stop.stop_requested()) throw Interrupted("not connecting because a stop was asked for");
    try {
      Connection connection(std::make_unique<State>(stop));
      connection.answer_within(settings.answer_within);
      connection.state_->connect(attempts[i], timeout);
      connection.state_->check_server(settings.allow_unknown_major);
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

postgres::Endpoint Connection::peer() const {
  return state_->peer;
}

void Connection::answer_within(std::chrono::seconds at_most) {
  state_->answer_within = at_most;
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
  state_->expect_answer();
  if (PQsendQuery(state_->conn.get(), std::string(sql).c_str()) == 0) state_->throw_lost();
  // Else libpq would gather all rows before it gives us one, however many come.
  if (PQsetSingleRowMode(state_->conn.get()) == 0) state_->throw_lost();
  state_->flush();
}

Connection::Result Connection::next_result() {
  auto result = state_->next_raw_result();
  if (result == nullptr) return {};
  const auto status = PQresultStatus(result.get());
  if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN || status == PGRES_COPY_BOTH)
    state_->answer_by = kNoDeadline;
  switch (status) {
    case PGRES_SINGLE_TUPLE:
    case PGRES_TUPLES_OK:
      return state_->gather_rows(std::move(result));
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

/// One row comes at a time, and a result without any after the last one.
Connection::Result Connection::State::gather_rows(ResultPtr result) {
  Result gathered{Next::rows, {}, {}};
  const int columns = PQnfields(result.get());
  for (int column = 0; column < columns; ++column)
    gathered.rows.columns.emplace_back(PQfname(result.get(), column));
  std::size_t values = 0;
  while (result && PQresultStatus(result.get()) == PGRES_SINGLE_TUPLE) {
    values += static_cast<std::size_t>(std::max(columns, 1));
    if (values > kMostAnswerValues) throw_too_much();
    add_row(result.get(), gathered.rows);
    result = next_raw_result();
  }
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) throw_error(result.get());
  gathered.command_tag = PQcmdStatus(result.get());
  return gathered;
}

CopyState Connection::copy_receive(io::ByteView& into) {
  return state_->next_copy_data(into, true);
}

CopyState Connection::copy_poll(io::ByteView& into) {
  return state_->next_copy_data(into, false);
}

bool Connection::wait_readable(std::chrono::milliseconds at_most, int descriptor) {
  return state_->wait(POLLIN, deadline_after(at_most), descriptor);
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
  state_->expect_answer();
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
