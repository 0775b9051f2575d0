#include "tests/unit/streaming/receive/scripted_wire.h"

#include <algorithm>
#include <poll.h>
#include <stdexcept>

#include "catalog/io/error.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {

using postgres::Lsn;
using streaming::CopyState;

void ScriptedWire::waits_until_flushed(Lsn lsn) {
  waits_until([this, lsn] { return !statuses_.empty() && statuses_.back().flushed >= lsn; });
}

void ScriptedWire::then(std::function<void()> act) {
  waits_until([act = std::move(act)] {
    act();
    return true;
  });
}

std::vector<Lsn> ScriptedWire::flushes() const {
  std::vector<Lsn> flushes;
  for (const auto& status : statuses_) {
    if (flushes.empty() || flushes.back() != status.flushed) flushes.push_back(status.flushed);
  }
  return flushes;
}

CopyState ScriptedWire::poll(io::ByteView& into) {
  if (script_.empty() && repeated_) {
    require_patience();
    into = *repeated_;
    return CopyState::data;
  }
  if (script_.empty() || std::holds_alternative<Condition>(script_.front())) return CopyState::nothing_yet;
  const auto step = std::move(script_.front());
  script_.pop_front();
  if (std::holds_alternative<Ends>(step)) return CopyState::ended;
  if (std::holds_alternative<Breaks>(step)) throw ConnectionLost("the script breaks the connection");
  last_ = std::get<io::ByteVector>(step);
  into = last_;
  return CopyState::data;
}

bool ScriptedWire::wait_readable(std::chrono::milliseconds at_most, int descriptor) {
  if (script_.empty()) throw Interrupted("the script is over");
  const auto* condition = std::get_if<Condition>(&script_.front());
  if (condition == nullptr) return true;
  if ((*condition)()) {
    script_.pop_front();
    return true;
  }
  require_patience();
  pollfd fd{descriptor, POLLIN, 0};
  const auto pause = std::min(at_most, std::chrono::milliseconds(100));
  return ::poll(&fd, 1, static_cast<int>(pause.count())) > 0;
}

void ScriptedWire::send(io::ByteView message) {
  if (message.size() != 34) throw std::runtime_error("not a status message");
  const auto lsn_at = [&](std::size_t at) { return Lsn(io::load_be<std::uint64_t>(&message[at])); };
  statuses_.push_back({lsn_at(1), lsn_at(9), message[33] != std::byte{0}});
  if (look_) look_(statuses_.back());
}

void ScriptedWire::end() {
  if (ended_) ended_();
}

void ScriptedWire::require_patience() const {
  if (Clock::now() - begun_ > kPatience) throw std::runtime_error("the stream never did what was waited for");
}

io::ByteVector wal_message(Lsn start, io::ByteView data) {
  io::ByteVector message(25);
  message[0] = std::byte{'w'};
  io::store_be(&message[1], start.value());
  io::store_be(&message[9], start.value() + data.size());
  message.insert(message.end(), data.begin(), data.end());
  return message;
}

io::ByteVector keepalive(bool reply_now, Lsn server_end) {
  io::ByteVector message(18);
  message[0] = std::byte{'k'};
  io::store_be(&message[1], server_end.value());
  message[17] = std::byte{reply_now};
  return message;
}

}  // namespace pgkeep::test
