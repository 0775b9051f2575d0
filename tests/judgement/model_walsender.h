#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "tests/judgement/model_server.h"
#include "tests/support/fake_server.h"

namespace pgkeep::test {

/// How a server sends its WAL while pgkeep is connected.
struct Sending {
  /// What it has flushed when pgkeep connects, and what it has once that was received.
  postgres::Lsn flushed;
  postgres::Lsn flushed_then;
  /// It breaks the connection off after so many bytes, once; or sends all.
  std::optional<std::uint64_t> cut_after = {};
  std::uint64_t message_bytes = 128u << 10;
};

/// Answers pgkeep over loopback as the walsender of PostgreSQL 18 does, with the WAL of one ModelServer at a
/// time. Threads: serve() and end() are called by one, while nothing is connected.
class ModelWalsender {
 public:
  ModelWalsender()
      : wire_([this](FakeSession& session) { play(session); }, FakeServer::Connections::at_once) {}

  std::string conninfo() const { return wire_.conninfo(); }
  /// `server` has to stay as it is until end(), but for its slot, which is moved on here. `caught_up` is
  /// called when all of it was received.
  void serve(ModelServer& server, const Sending& sending, std::function<void()> caught_up);
  /// Waits until no connection is left. Returns the highest position that was reported as flushed since
  /// serve(), and whether a stream sent any WAL.
  std::pair<postgres::Lsn, bool> end();

 private:
  struct Stream;
  void play(FakeSession& session);
  void play_physical(FakeSession& session);
  void play_sql(FakeSession& session);
  bool answer(FakeSession& session, const std::string& query);
  void read_slot(FakeSession& session);
  void create_slot(FakeSession& session);
  bool start_replication(FakeSession& session, const std::string& query);
  bool send_wal(FakeSession& session, Stream& stream);
  bool send_piece(FakeSession& session, Stream& stream);
  bool read_message(FakeSession& session, Stream& stream);
  void take_status(const std::string& body, const Stream& stream);
  void finish(FakeSession& session, const Stream& stream);
  postgres::Lsn flushed();

  std::mutex mutex_;  // guards what follows
  ModelServer* server_ = nullptr;
  Sending sending_;
  std::uint64_t sent_ = 0;
  postgres::Lsn reported_;
  bool streamed_any_ = false;
  std::function<void()> caught_up_;
  int connections_ = 0;
  std::condition_variable all_gone_;

  FakeServer wire_;  // last: its threads use the others
};

}  // namespace pgkeep::test
