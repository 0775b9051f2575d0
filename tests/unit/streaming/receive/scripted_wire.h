#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "streaming/receive/wal_stream.h"

namespace pgkeep::test {

/// What a status message says.
struct Status {
  postgres::Lsn written;
  postgres::Lsn flushed;
  bool asks = false;
};

/// Plays what a server sends, and remembers what it is sent. When the script is over, stop is asked.
class ScriptedWire final : public streaming::WalWire {
 public:
  void sends(io::ByteVector message) { script_.emplace_back(std::move(message)); }
  void ends() { script_.emplace_back(Ends{}); }
  void breaks() { script_.emplace_back(Breaks{}); }
  /// Sends nothing more until this holds, which is asked whenever the stream has read all; throws when it
  /// never does.
  void waits_until(std::function<bool()> condition) { script_.emplace_back(std::move(condition)); }
  void waits_until_flushed(postgres::Lsn lsn);
  /// When the stream has read all there is.
  void then(std::function<void()> act);
  /// Then nothing but this, without ever a pause; a stream that does not look up from it fails.
  void repeats(io::ByteVector message) { repeated_ = std::move(message); }
  void on_end(std::function<void()> act) { ended_ = std::move(act); }
  void on_status(std::function<void(const Status&)> look) { look_ = std::move(look); }

  const std::vector<Status>& statuses() const { return statuses_; }
  /// The flush positions reported, each once.
  std::vector<postgres::Lsn> flushes() const;
  std::size_t steps_left() const { return script_.size(); }

  streaming::CopyState poll(io::ByteView& into) override;
  bool wait_readable(std::chrono::milliseconds at_most, int descriptor) override;
  void send(io::ByteView message) override;
  void end() override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Ends {};
  struct Breaks {};
  using Condition = std::function<bool()>;
  void require_patience() const;

  std::deque<std::variant<io::ByteVector, Ends, Breaks, Condition>> script_;
  std::optional<io::ByteVector> repeated_;
  io::ByteVector last_;
  std::vector<Status> statuses_;
  std::function<void(const Status&)> look_;
  std::function<void()> ended_;
  Clock::time_point begun_ = Clock::now();
};

io::ByteVector wal_message(postgres::Lsn start, io::ByteView data);
io::ByteVector keepalive(bool reply_now, postgres::Lsn server_end = {});

}  // namespace pgkeep::test
