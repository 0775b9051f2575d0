#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "catalog/io/guarded.h"
#include "tests/support/fake_server.h"
#include "tests/support/sample_wal.h"

namespace pgkeep::test {

using Cells = std::vector<FakeSession::Cell>;

inline constexpr postgres::TimelineId kOne(1);
inline constexpr postgres::WalSegment kFive{kOne, 5};
inline constexpr auto kBytes = kSampleSegmentBytes;
inline constexpr std::uint64_t kBegin = 5 * kBytes;
inline constexpr std::uint64_t kSixBegin = 6 * kBytes;
inline constexpr std::size_t kOfSix = 16384;  // what is received of segment 6

/// With a commit in what is received of it: then it is known again when it comes once more.
inline io::ByteVector sample_six(std::uint8_t salt = 0) {
  auto wal = sample_wal(kFive.next(), salt);
  put_sample_commit(wal, kFive.next(), postgres::Lsn(kSixBegin + 1000), 817'000'000'000'000);
  return wal;
}

inline constexpr const char* kFiveArchived = "wal/00000001/00000000/000000010000000000000005.zst";
inline constexpr const char* kSixArchived = "wal/00000001/00000000/000000010000000000000006.zst";

inline std::string wal_message(std::uint64_t start, io::ByteView data) {
  std::string message(25, '\0');
  message[0] = 'w';
  auto* bytes = reinterpret_cast<std::byte*>(message.data());
  io::store_be(bytes + 1, start);
  io::store_be(bytes + 9, start + data.size());
  message += io::as_text(data);
  return message;
}

inline std::string keepalive() {
  std::string message(18, '\0');
  message[0] = 'k';
  message[17] = 1;  // answer at once
  return message;
}

/// Plays along when the client ends the stream.
inline void say_goodbye(FakeSession& session) {
  while (const auto message = session.read_message()) {
    if (message->first != 'c') continue;
    session.copy_done();
    session.complete("START_STREAMING");
    session.complete("START_REPLICATION");
    return session.ready();
  }
}

/// In messages as large as a server's.
inline void send_wal(FakeSession& session, std::uint64_t start, io::ByteView data) {
  constexpr std::size_t kMessage = 128u << 10;
  for (std::size_t at = 0; at < data.size(); at += kMessage) {
    session.copy_data(wal_message(start + at, data.subspan(at, std::min(kMessage, data.size() - at))));
  }
}

/// What a server is and does: a good one, until something of it is changed.
struct Behaviour {
  Cells system{kSampleSystem.to_string(), "1", postgres::Lsn(kSixBegin + kOfSix).to_string(), std::nullopt};
  Cells slot{"physical", postgres::Lsn(kBegin).to_string(), "1"};
  std::string segment_size = "1MB";
  Cells history{"00000002.history", "1\t0/600000\tpromoted\n"};
  /// After CopyBoth.
  std::function<void(FakeSession&)> stream = [](FakeSession& session) { session.wait_for_hangup(); };
  bool hangs_up = false;     // then
  std::string endless_rows;  // the question that is answered with rows without end
};

/// Answers as a PostgreSQL 18 does.
class Peer {
 public:
  std::string conninfo() const { return server_.conninfo() + " dbname=postgres"; }
  void behaves(Behaviour behaviour) {
    behaviour_.with([&](auto& now) { now = std::move(behaviour); });
    streams_ = 0;
  }
  /// Times that WAL was asked for since then.
  int streams() const { return streams_; }

 private:
  void serve(FakeSession& session) {
    const auto now = behaviour_.with([](const auto& behaviour) { return behaviour; });
    session.read_startup();
    session.welcome();
    for (auto query = session.read_query(); !query.empty(); query = session.read_query()) {
      if (query == now.endless_rows) answer_without_end(session);
      if (!query.starts_with("START_REPLICATION")) {
        answer(session, now, query);
        continue;
      }
      ++streams_;
      session.copy_both();
      now.stream(session);
      if (now.hangs_up) return;
    }
  }
  /// Until the client hangs up, which ends the script.
  [[noreturn]] static void answer_without_end(FakeSession& session) {
    session.rows({"column"}, {});
    const std::string value(8000, 'x');
    std::string row(11, '\0');
    row[0] = 'D';
    auto* bytes = reinterpret_cast<std::byte*>(row.data());
    io::store_be<std::uint32_t>(bytes + 1, static_cast<std::uint32_t>(row.size() - 1 + value.size()));
    io::store_be<std::uint16_t>(bytes + 5, 1);
    io::store_be<std::uint32_t>(bytes + 7, static_cast<std::uint32_t>(value.size()));
    row += value;
    for (;;) session.raw(row);
  }
  static void answer(FakeSession& session, const Behaviour& now, const std::string& query) {
    const auto row = [&](const Cells& cells) {
      session.answer(std::vector<std::string>(cells.size(), "column"), {cells});
    };
    if (query == "IDENTIFY_SYSTEM") return row(now.system);
    if (query.starts_with("READ_REPLICATION_SLOT")) return row(now.slot);
    if (query.starts_with("TIMELINE_HISTORY")) return row(now.history);
    if (query == "SHOW in_hot_standby") return row({"off"});
    if (query == "SHOW block_size") return row({"8192"});
    if (query == "SHOW wal_segment_size") return row({now.segment_size});
    if (query.starts_with("SELECT pg_catalog.set_config")) return row({""});
    session.error("42501", "permission denied");
    session.ready();
  }

  io::Guarded<Behaviour> behaviour_;
  std::atomic<int> streams_ = 0;
  FakeServer server_{[this](FakeSession& session) { serve(session); }};  // last: it uses the others
};

/// A good server beside the bad one. It goes on with its segment 6 when it is told to, in the same stream.
class Neighbour {
 public:
  Neighbour() {
    Behaviour good;
    good.stream = [this](FakeSession& session) {
      send_wal(session, kBegin, sample_wal(kFive));
      goes_on_.wait(false);
      send_wal(session, kSixBegin, sample_six());
      say_goodbye(session);
    };
    peer_.behaves(good);
  }
  ~Neighbour() { go_on(); }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;
  std::string conninfo() const { return peer_.conninfo(); }
  int streams() const { return peer_.streams(); }
  void go_on() {
    goes_on_ = true;
    goes_on_.notify_all();
  }

 private:
  std::atomic<bool> goes_on_ = false;
  Peer peer_;  // last: it uses the other
};

}  // namespace pgkeep::test
