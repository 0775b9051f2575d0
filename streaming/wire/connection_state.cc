#include "streaming/wire/connection_state.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <poll.h>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <sys/eventfd.h>

#include "catalog/io/error.h"
#include "catalog/postgres/versions.h"
#include "streaming/wire/received_bytes.h"
#include "streaming/wire/server_refusal.h"
#include "streaming/wire/server_text.h"

namespace pgkeep::streaming {
namespace {

constexpr int kGatherBytes = 128 << 10;
constexpr std::chrono::microseconds kGatherTime{100};
constexpr int kTimesWidened = 3;  // 64 KiB to 512 KiB

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

postgres::Endpoint name_peer(const PGconn* conn) {
  const auto text = [](const char* value) { return std::string_view(value == nullptr ? "" : value); };
  return postgres::Endpoint(text(PQhost(conn)), text(PQport(conn)));
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

}  // namespace

void WakeUp::operator()() const noexcept {
  ::eventfd_write(fd, 1);
}

Clock::time_point deadline_after(std::chrono::milliseconds time) {
  const auto now = Clock::now();
  return time < kNoDeadline - now ? now + time : kNoDeadline;
}

Connection::State::State(std::stop_token token)
    : stop(std::move(token)), wake(make_eventfd()), on_stop(stop, WakeUp{wake.get()}) {}

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
  PQsetErrorVerbosity(conn.get(), PQERRORS_VERBOSE);  // with SQLSTATE: see server_refusal.h
  PQsetNoticeReceiver(conn.get(), &State::notice, this);

  const auto deadline = timeout ? deadline_after(*timeout) : kNoDeadline;
  auto wants = PQstatus(conn.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (wants != PGRES_POLLING_OK) {
    if (wants == PGRES_POLLING_FAILED) {
      throw_connect_failure(peer.to_string(), PQerrorMessage(conn.get()),
                            PQconnectionNeedsPassword(conn.get()) != 0);
    }
    const bool ready = wait(wants == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
    // A server that never ends to speak is ready each time.
    if (!ready || Clock::now() >= deadline) {
      throw ConnectionLost(
          fmt::format("cannot connect to {}: {} within {} s; check the address, and firewalls on the way",
                      peer, ready ? "the log-in did not end" : "no answer", timeout->count()));
    }
    require_modest_answer();
    wants = PQconnectPoll(conn.get());
  }
  PQsetErrorVerbosity(conn.get(), PQERRORS_DEFAULT);
  if (PQsetnonblocking(conn.get(), 1) != 0)
    throw_lost();  // else a peer that reads nothing would hold us in send()
}

void Connection::State::check_server(bool allow_unknown_major) const {
  const int major = PQserverVersion(conn.get()) / 10000;
  const auto parameter = [this](const char* name) {
    const char* value = PQparameterStatus(conn.get(), name);
    return in_one_line(value == nullptr ? "unknown" : value);
  };
  if (major < postgres::oldest_known_major()) {
    throw Refused(fmt::format("{} runs PostgreSQL {}; pgkeep knows {} to {}: upgrade the server", peer,
                              parameter("server_version"), postgres::oldest_known_major(),
                              postgres::newest_known_major()));
  }
  if (!postgres::formats_known(major) && !allow_unknown_major) {
    throw Refused(fmt::format(
        "{} runs PostgreSQL {}; this pgkeep knows {} to {}: install a newer pgkeep. Until there is one, "
        "`allow_unknown_major: true` lets WAL and backups of the server in unchecked",
        peer, parameter("server_version"), postgres::oldest_known_major(), postgres::newest_known_major()));
  }
  if (parameter("integer_datetimes") != "on") {
    throw Refused(
        fmt::format("{} does not use 64-bit integer timestamps (integer_datetimes is {}), "
                    "so what answers is no PostgreSQL that pgkeep knows",
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

bool Connection::State::wait(short events, Clock::time_point deadline, int descriptor) {
  for (;;) {
    const bool leaving = goodbye != kNoDeadline;
    if (!leaving && stop.stop_requested()) {
      throw Interrupted(fmt::format("{}: {} was given up because a stop was asked for", peer, command));
    }
    if (leaving && Clock::now() >= goodbye) {
      throw ConnectionLost(fmt::format("{}: {} did not end in the time given to it", peer, command));
    }
    if ((events & POLLIN) != 0 && holds_read_bytes()) return true;
    const int socket = PQsocket(conn.get());
    if (socket < 0) throw_lost();
    auto until = std::min(deadline, goodbye);
    // What GSSAPI has decrypted and libpq not yet taken shows nowhere, so look now and then.
    const bool hidden = (events & POLLIN) != 0 && PQgssEncInUse(conn.get()) != 0;
    if (hidden) until = std::min(until, deadline_after(std::chrono::milliseconds(50)));

    std::array<pollfd, 3> fds{pollfd{socket, events, 0}, pollfd{leaving ? -1 : wake.get(), POLLIN, 0},
                              pollfd{descriptor, POLLIN, 0}};
    const int ready = ::poll(fds.data(), fds.size(), poll_timeout(until));
    if (ready < 0 && errno != EINTR) {
      throw Error(fmt::format("{}: poll: {}", peer, std::generic_category().message(errno)));
    }
    if (ready > 0 && (fds[0].revents != 0 || fds[2].revents != 0)) return true;
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
  require_modest_answer();
  if (notice_failure) std::rethrow_exception(std::exchange(notice_failure, nullptr));
}

void Connection::State::flush() {
  for (;;) {
    const int left = PQflush(conn.get());
    if (left == 0) return;
    if (left < 0) throw_lost();
    // The server may be waiting for us to read before it reads.
    await_answer(POLLIN | POLLOUT);
    consume();
  }
}

/// A server that never stops to send is ready each time, so the clock is looked at as well.
void Connection::State::await_answer(short events) {
  if (!wait(events, answer_by) || Clock::now() >= answer_by) throw_silent();
}

/// What libpq keeps of an answer grows with it, and what it keeps of settings and notifications with every
/// message; of a COPY only the message in hand stays.
void Connection::State::require_modest_answer() const {
  const auto read = bytes_read(PQsocket(conn.get()));
  if (read && *read > answer_begins_at + copied_bytes + kMostAnswerBytes) throw_too_much();
}

/// What a message of a COPY takes besides its data: its head, and over an encrypted connection often a record
/// of its own.
std::uint64_t Connection::State::message_overhead() const {
  constexpr std::uint64_t kHead = 5;
  constexpr std::uint64_t kRecord = 64;
  const bool encrypted = PQsslInUse(conn.get()) != 0 || PQgssEncInUse(conn.get()) != 0;
  return kHead + (encrypted ? kRecord : 0);
}

ResultPtr Connection::State::next_raw_result() {
  flush();
  while (PQisBusy(conn.get()) != 0) {
    await_answer(POLLIN);
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
  } catch (const ProtocolError&) {
    // The same for one that continues for ever.
  }
}

/// Waits for COPY data, and lets it gather first: a server sends messages of 32 KiB, and waking us for each
/// of them costs it a fifth of its rate. A Unix socket holds few of them, so there it would wait for us.
/// libpq's buffer holds two of them until it has been asked to read more while it was full; a few such times
/// make it large enough for what gathers, and no larger.
void Connection::State::gather() {
  const int socket = PQsocket(conn.get());
  if (unread_bytes(socket) < kGatherBytes && !is_unix_socket(socket))
    std::this_thread::sleep_for(kGatherTime);
  await_answer(POLLIN);  // without end, unless the COPY is being ended
  consume();
  if (times_widened < kTimesWidened && unread_bytes(PQsocket(conn.get())) >= kGatherBytes) {
    ++times_widened;
    consume();
  }
}

CopyState Connection::State::next_copy_data(io::ByteView& into, bool may_wait) {
  copy_buffer.reset();
  for (bool consumed = false;;) {
    char* data = nullptr;
    const int length = PQgetCopyData(conn.get(), &data, 1);
    copy_buffer.reset(data);
    if (length > 0) {
      copied_bytes += static_cast<std::uint64_t>(length) + message_overhead();
      into = std::as_bytes(std::span(data, static_cast<std::size_t>(length)));
      return CopyState::data;
    }
    if (length == -1) return CopyState::ended;
    if (length < 0) throw_lost();
    // Only now that all messages are taken: reading more before would let libpq's buffer grow.
    if (may_wait) {
      gather();
    } else {
      if (consumed) return CopyState::nothing_yet;
      consume();
      consumed = true;
    }
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

void Connection::State::throw_silent() const {
  throw ConnectionLost(
      fmt::format("{}: {}: the server has not answered for {} s: it hangs, or the network does", peer,
                  command, answer_within.count()));
}

void Connection::State::throw_too_much() const {
  throw ProtocolError(
      fmt::format("{}: {}: the answer has more than {} MiB or {} values, as none of PostgreSQL's has; "
                  "nothing of it is believed. Does the conninfo lead to a PostgreSQL server?",
                  peer, command, kMostAnswerBytes >> 20, kMostAnswerValues));
}

/// Called when an answer is waited for from now on.
void Connection::State::expect_answer() {
  answer_begins_at = bytes_read(PQsocket(conn.get())).value_or(0);
  copied_bytes = 0;
  answer_by = answer_within > std::chrono::seconds::zero() ? deadline_after(answer_within) : kNoDeadline;
}

void Connection::State::throw_lost() const {
  throw ConnectionLost(fmt::format("{}: the connection was lost ({}): {}", peer, command,
                                   in_one_line(PQerrorMessage(conn.get()))));
}

}  // namespace pgkeep::streaming
