#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <libpq-fe.h>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/io/handle.h"
#include "streaming/wire/connection.h"
#include "streaming/wire/conninfo.h"

namespace pgkeep::streaming {

// What is behind Connection: for connection.cc and connection_state.cc only.

using Clock = std::chrono::steady_clock;
using ConnPtr = std::unique_ptr<PGconn, io::FreeWith<PQfinish>>;
using ResultPtr = std::unique_ptr<PGresult, io::FreeWith<PQclear>>;
using CancelPtr = std::unique_ptr<PGcancel, io::FreeWith<PQfreeCancel>>;
using CopyBufferPtr = std::unique_ptr<char, io::FreeWith<PQfreemem>>;

/// The most that a server may send in answer to one command, besides the data of a COPY, and the most values
/// in its rows. The largest answer that is asked for, the names of the files in pg_wal, is 25 bytes and one
/// value for each segment.
inline constexpr std::uint64_t kMostAnswerBytes = 16u << 20;
inline constexpr std::size_t kMostAnswerValues = 500'000;

inline constexpr auto kNoDeadline = Clock::time_point::max();
Clock::time_point deadline_after(std::chrono::milliseconds time);

/// Called by the stop token, from whatever thread asks for the stop.
struct WakeUp {
  int fd;
  void operator()() const noexcept;
};

/// The libpq connection in nonblocking mode, and the one place that waits. libpq keeps its address (for
/// notices), so it never moves.
struct Connection::State {
  explicit State(std::stop_token token);
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void connect(const Keywords& keywords, std::optional<std::chrono::seconds> timeout);
  /// Throws Refused when the server is not one that pgkeep works with.
  void check_server(bool allow_unknown_major) const;
  static void notice(void* self, const PGresult* result) noexcept;

  /// True when the socket is ready or `descriptor` can be read, false when the time is over.
  bool wait(short events, Clock::time_point deadline, int descriptor = -1);
  bool holds_read_bytes() const;
  void consume();
  void gather();
  void require_modest_answer() const;
  std::uint64_t message_overhead() const;
  void await_answer(short events);
  void flush();
  ResultPtr next_raw_result();
  Result gather_rows(ResultPtr result);
  void drain();
  CopyState next_copy_data(io::ByteView& into, bool may_wait);
  [[noreturn]] void throw_error(const PGresult* result);
  [[noreturn]] void throw_lost() const;
  [[noreturn]] void throw_silent() const;
  [[noreturn]] void throw_too_much() const;
  void expect_answer();

  std::stop_token stop;
  io::UniqueFd wake;  // readable once stop is asked
  std::stop_callback<WakeUp> on_stop;
  ConnPtr conn;
  CopyBufferPtr copy_buffer;
  postgres::Endpoint peer;
  std::string command = "connecting";  // what is under way, for messages
  std::function<void(std::string_view, std::string_view)> notice_handler;
  std::exception_ptr notice_failure;  // thrown by the handler, on its way around libpq
  Clock::time_point goodbye = kNoDeadline;
  std::chrono::seconds answer_within{0};      // 0: as long as it takes
  Clock::time_point answer_by = kNoDeadline;  // of the command in hand; none while it is in COPY
  std::uint64_t answer_begins_at = 0;         // bytes read from the socket before the command in hand
  std::uint64_t copied_bytes = 0;             // of its COPY, which may be of any size
  int times_widened = 0;                      // libpq's buffer, by gather()
};

}  // namespace pgkeep::streaming
