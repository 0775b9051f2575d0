// Whatever a server sends that no server should: it is refused with an error that says what, and nothing in
// the archive changes. receive-wal stays up or ends in order; the daemon stays up, and goes on with the
// others.
#include <csignal>
#include <functional>

#include <gmock/gmock.h>

#include "tests/faults/scripted_peer.h"
#include "tests/support/backup_host.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using ::testing::HasSubstr;
/// Segment 5 is archived, and something of segment 6 received, when the server turns bad. By the command that
/// is the parameter.
class HostileServer : public ::testing::TestWithParam<const char*> {
 protected:
  HostileServer() {
    host_.add_server("main", peer_.conninfo());
    Behaviour good;
    good.stream = [](FakeSession& session) {
      send_wal(session, kBegin, sample_wal(kFive));
      send_wal(session, kSixBegin, io::ByteView(sample_six()).first(kOfSix));
      say_goodbye(session);
    };
    peer_.behaves(good);
    auto receiver = start_receiver();
    wait_until([&] { return files().contains(kFiveArchived) && six_is_here(); },
               "the first segment is archived");
    receiver.signal(SIGTERM);
    EXPECT_EQ(receiver.wait().exit_code, 0);
    before_ = files();
  }

  static bool by_daemon() { return GetParam() == std::string_view("serve"); }
  Process start_receiver() const {
    return host_.start_pgkeep(by_daemon() ? std::vector<std::string>{"serve"}
                                          : std::vector<std::string>{"receive-wal", "main"});
  }

  /// All that is kept of a server's WAL, by name.
  std::map<std::string, std::string> files(const std::string& server = "main") const {
    std::map<std::string, std::string> files;
    const auto root = host_.repository() / server;
    for (const auto* place : {"wal", "identity.json"}) {
      std::error_code none;
      for (fs::recursive_directory_iterator at(root / place, none), end; at != end; at.increment(none)) {
        const bool being_made = at->path().extension() == ".tmp";  // and may be gone the next moment
        if (!being_made && at->is_regular_file(none))
          files[at->path().lexically_relative(root).native()] = read_file(at->path());
      }
    }
    files["identity.json"] = read_file(root / "identity.json");
    return files;
  }
  bool six_is_here() const {
    const auto all = files();
    const auto six = all.find("wal/streaming/000000010000000000000006.partial");
    return six != all.end() && six->second.size() == kBytes && six->second[kOfSix - 1] != '\0';
  }

  /// Receives from it until pgkeep has `said` so and has tried again or ended by itself, then stops it.
  Outcome receive(const std::string& said) {
    if (!by_daemon()) return receive_from_it(said);
    const auto name = "neighbour" + std::to_string(++neighbours_);
    Neighbour neighbour;
    host_.add_server(name, neighbour.conninfo());
    auto outcome = receive_from_it(said, [&](Process& daemon) {
      neighbour.go_on();
      wait_until([&] { return files(name).contains(kSixArchived); }, "the good server's WAL goes on");
      EXPECT_EQ(neighbour.streams(), 1);
      EXPECT_TRUE(daemon.running());
    });
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    host_.remove_server(name);
    return outcome;
  }
  Outcome receive_from_it(
      const std::string& said, const std::function<void(Process&)>& look = [](Process&) {}) {
    auto receiver = start_receiver();
    wait_until(
        [&] {
          return (receiver.out() + receiver.err()).find(said) != std::string::npos || !receiver.running();
        },
        "pgkeep says: " + said);
    look(receiver);
    // One that has said why it ends is not disturbed; another tries again.
    const bool ends =
        !by_daemon() && (receiver.out() + receiver.err()).find("pgkeep: error:") != std::string::npos;
    if (!ends) receiver.signal(SIGTERM);
    auto outcome = receiver.wait();
    EXPECT_THAT(outcome.out + outcome.err, HasSubstr(said)) << outcome.text();
    EXPECT_LT(outcome.exit_code, 128) << outcome.text();
    return outcome;
  }
  void refuses(Behaviour bad, const std::string& said) {
    peer_.behaves(std::move(bad));
    receive(said);
    const auto after = files();
    for (const auto& [name, content] : before_) {
      ASSERT_TRUE(after.contains(name)) << name << " is gone";
      EXPECT_TRUE(after.at(name) == content) << name << " was changed";
    }
    for (const auto& file : after) EXPECT_TRUE(before_.contains(file.first)) << file.first << " is new";
  }
  /// A server that begins the stream with these bytes, and waits then.
  static Behaviour sends(const std::string& message) {
    Behaviour bad;
    bad.stream = [message](FakeSession& session) {
      session.copy_data(message);
      session.wait_for_hangup();
    };
    return bad;
  }
  static Behaviour sends_raw(const std::string& bytes) {
    Behaviour bad;
    bad.stream = [bytes](FakeSession& session) { session.raw(bytes); };
    bad.hangs_up = true;
    return bad;
  }
  /// A server that ends the timeline at once, and says so.
  static Behaviour ends_timeline(const Cells& next) {
    Behaviour bad;
    bad.stream = [next](FakeSession& session) {
      session.copy_data(keepalive());
      session.copy_done();
      for (auto message = session.read_message(); message && message->first != 'c';) {
        message = session.read_message();
      }
      session.rows({"next_tli", "next_tli_startpos"}, {next});
      session.complete();
      session.complete("START_REPLICATION");
      session.ready();
    };
    return bad;
  }
  static Behaviour is(Cells system) {
    Behaviour bad;
    bad.system = std::move(system);
    return bad;
  }

  Peer peer_;
  BackupHost host_;
  std::map<std::string, std::string> before_;
  int neighbours_ = 0;
};

INSTANTIATE_TEST_SUITE_P(By, HostileServer, ::testing::Values("receive-wal", "serve"),
                         [](const auto& command) { return command.index == 0 ? "receive_wal" : "serve"; });

// ------------------------------------------------------------------------------------ in the stream

TEST_P(HostileServer, CannotSendWalToAnotherPlace) {
  const auto wal = sample_six();
  for (const auto start : {kSixBegin + 8192, kBegin, std::uint64_t{0}, 100 * kBytes}) {
    refuses(sends(wal_message(start, io::ByteView(wal).first(8192))), "none of it was kept");
  }
}

TEST_P(HostileServer, CannotSendWalPastTheLastPosition) {
  refuses(sends(wal_message(std::uint64_t(-100), sample_wal(kFive))), "past the last LSN");
}

TEST_P(HostileServer, CannotSendOtherBytesThanBefore) {
  refuses(sends(wal_message(kSixBegin, sample_six(1))), "other bytes");
}

TEST_P(HostileServer, CannotSendMessagesOfAnUnknownKind) {
  refuses(sends("z" + std::string(30, '\0')), "unknown type 0x7a");
}

TEST_P(HostileServer, CannotSendMessagesThatAreTooShort) {
  refuses(sends("w" + std::string(10, '\0')), "WAL data message of 11 bytes");
  refuses(sends("k" + std::string(16, '\0')), "keepalive message of 17 bytes");
}

TEST_P(HostileServer, CannotSendWhatIsNoMessage) {
  refuses(sends_raw("d\x7f\xff\xff\xff" + std::string(1000, 'x')), "connection was lost");
  refuses(sends_raw("d\0\0\0\3"s), "lost synchronization");
  refuses(sends_raw("\x01\0\0\0\4"s), "unexpected response from server");
}

TEST_P(HostileServer, CannotKeepTheReceiverFromStopping) {
  Behaviour bad;
  bad.stream = [](FakeSession& session) {
    for (;;) session.copy_data(keepalive());  // ends when nobody listens any more
  };
  peer_.behaves(bad);
  auto receiver = start_receiver();
  wait_until([&] { return peer_.streams() > 0; }, "the stream has begun");
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  EXPECT_TRUE(files() == before_);
}

TEST_P(HostileServer, CannotHaveASegmentOfAnotherClusterArchived) {
  Behaviour bad;
  bad.stream = [](FakeSession& session) {
    auto other = sample_wal(kFive.next().next());
    io::store_le(other.data() + 24, kSampleSystem.value() + 1);
    send_wal(session, kSixBegin, sample_six());
    send_wal(session, kSixBegin + kBytes, other);
    session.wait_for_hangup();
  };
  peer_.behaves(bad);
  receive("it was not archived");
  const auto after = files();
  EXPECT_TRUE(after.contains(kSixArchived));
  EXPECT_FALSE(after.contains("wal/00000001/00000000/000000010000000000000007.zst"));
}

// ---------------------------------------------------------------------------- the end of a timeline

TEST_P(HostileServer, CannotEndATimelineWhereItWasNot) {
  refuses(ends_timeline({"2", "0/F0000000"}), "says that timeline 1 continues at 0/F0000000");
  refuses(ends_timeline({"1", "0/600000"}), "says that timeline 1 continues");
}

TEST_P(HostileServer, CannotEndATimelineWithoutSayingHow) {
  refuses(ends_timeline({"two", "0/600000"}), "without saying where it continues");
  refuses(ends_timeline({std::nullopt, std::nullopt}), "without saying where it continues");
}

TEST_P(HostileServer, CannotPlantAHistory) {
  auto bad = ends_timeline({"2", "0/600000"});
  bad.history = {"../../../planted", "1\t0/600000\tpromoted\n"};
  refuses(bad, "../../../planted");
  bad.history = {"00000002.history", "no history\n"};
  refuses(bad, "00000002.history");
  bad.history = {"00000002.history", "1\t0/500000\tpromoted\n"};
  refuses(bad, "says otherwise");
  bad.history = {"00000002.history", std::nullopt};
  refuses(bad, "TIMELINE_HISTORY");
}

TEST_P(HostileServer, CannotPlantAHistoryAtLogin) {
  auto bad = is({kSampleSystem.to_string(), "2", "0/700000", std::nullopt});
  bad.history = {"../00000002.history", "1\t0/600000\tpromoted\n"};
  refuses(bad, "../00000002.history");
  bad.history = {"00000002.history", "no history\n"};
  refuses(bad, "00000002.history");
}

// ----------------------------------------------------------------------------------------- at login

TEST_P(HostileServer, CannotBeAnotherCluster) {
  refuses(is({"7400000000000000002", "1", "0/700000", std::nullopt}), "7400000000000000002");
}

TEST_P(HostileServer, CannotChangeItsSegmentSize) {
  Behaviour bad;
  bad.segment_size = "16MB";
  refuses(bad, "segment");
  bad.segment_size = "17MB";
  refuses(bad, "17MB");
}

TEST_P(HostileServer, CannotSayNonsenseOfItself) {
  const auto system = kSampleSystem.to_string();
  refuses(is({"x", "1", "0/700000", std::nullopt}), "IDENTIFY_SYSTEM");
  refuses(is({system, "0", "0/700000", std::nullopt}), "IDENTIFY_SYSTEM");
  refuses(is({system, "1", "nowhere", std::nullopt}), "IDENTIFY_SYSTEM");
  refuses(is({system}), "IDENTIFY_SYSTEM");
}

TEST_P(HostileServer, CannotAnswerWithoutEnd) {
  Behaviour bad;
  bad.endless_rows = "IDENTIFY_SYSTEM";
  refuses(bad, "the answer has more than");
}

TEST_P(HostileServer, CannotSayNonsenseOfTheSlot) {
  Behaviour bad;
  bad.slot = {"physical", "nowhere", "1"};
  refuses(bad, "restart_lsn is \"nowhere\"");
  bad.slot = {"physical", "0/600000", "-1"};
  refuses(bad, "restart_tli is \"-1\"");
  bad.slot = {"physical"};
  refuses(bad, "READ_REPLICATION_SLOT");
}

}  // namespace
}  // namespace pgkeep::test
