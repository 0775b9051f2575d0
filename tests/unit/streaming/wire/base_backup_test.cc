#include "streaming/wire/base_backup.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/fake_server.h"

namespace pgkeep::streaming {
namespace {

using std::string_literals::operator""s;
using test::FakeServer;
using test::FakeSession;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(BaseBackupCommandTest, IsAListOfWordsBefore15) {
  for (const int version : {13, 14}) {
    EXPECT_EQ(
        base_backup_command({}, version),
        "BASE_BACKUP LABEL 'pgkeep' FAST NOWAIT TABLESPACE_MAP MANIFEST 'yes' MANIFEST_CHECKSUMS 'CRC32C'");
    EXPECT_EQ(
        base_backup_command({"it's", false, 1024, false, true}, version),
        "BASE_BACKUP LABEL 'it''s' PROGRESS NOWAIT MAX_RATE 1024 TABLESPACE_MAP NOVERIFY_CHECKSUMS MANIFEST 'yes' MANIFEST_CHECKSUMS 'CRC32C'");
  }
}

TEST(BaseBackupCommandTest, IsAListInParenthesesFrom15) {
  for (const int version : {15, 16, 17, 18, 19}) {
    EXPECT_EQ(base_backup_command({}, version),
              "BASE_BACKUP (LABEL 'pgkeep', CHECKPOINT 'fast', WAIT 0, TABLESPACE_MAP, MANIFEST 'yes', "
              "MANIFEST_CHECKSUMS 'CRC32C')");
    EXPECT_EQ(
        base_backup_command({"it's", false, 1024, false, true}, version),
        "BASE_BACKUP (LABEL 'it''s', PROGRESS, CHECKPOINT 'spread', WAIT 0, MAX_RATE 1024, TABLESPACE_MAP, "
        "VERIFY_CHECKSUMS 0, MANIFEST 'yes', MANIFEST_CHECKSUMS 'CRC32C')");
  }
}

BaseBackupOptions with_label(std::string label) {
  BaseBackupOptions options;
  options.label = std::move(label);
  return options;
}

BaseBackupOptions with_rate(std::uint32_t kib) {
  BaseBackupOptions options;
  options.max_rate_kib = kib;
  return options;
}

TEST(BaseBackupCommandTest, RefusesALabelThatForgesLines) {
  for (const auto& label : {"a\nSTART TIMELINE: 9"s, "a\r"s, "a\0b"s, std::string(1025, 'a')}) {
    EXPECT_THROW(base_backup_command(with_label(label), 18), UsageError);
  }
  EXPECT_NO_THROW(base_backup_command(with_label(std::string(1024, 'a')), 18));
}

TEST(BaseBackupCommandTest, RefusesRatesThatPostgresRefuses) {
  for (const std::uint32_t rate : {0u, 31u, 1048577u}) {
    EXPECT_THROW(base_backup_command(with_rate(rate), 18), UsageError) << rate;
  }
  EXPECT_NO_THROW(base_backup_command(with_rate(32), 18));
  EXPECT_NO_THROW(base_backup_command(with_rate(1048576), 18));
}

class Recorder : public BaseBackupSink {
 public:
  void started(const postgres::WalPosition& start, const std::vector<Tablespace>& tablespaces) override {
    story = fmt::format("start {}/{}", start.timeline.to_string(), start.lsn.to_string());
    for (const auto& t : tablespaces) {
      story +=
          fmt::format(" ({} {} {})", t.oid, t.location, t.size_bytes ? std::to_string(*t.size_bytes) : "-");
    }
  }
  void archive_begins(const Tablespace& tablespace) override {
    story += fmt::format(" <{} ", tablespace.oid);
  }
  void archive_data(io::ByteView bytes) override { story += io::as_text(bytes); }
  void archive_ends() override { story += ">"; }
  void manifest_data(io::ByteView bytes) override {
    story += fmt::format(" manifest:{}", io::as_text(bytes));
  }

  std::string story;
};

/// Plays a server's base backup; the parts are there to be replaced.
struct Script {
  std::string version = "18.6";
  std::function<void(FakeSession&)> tablespaces = [](FakeSession& session) {
    session.rows({"spcoid", "spclocation", "size"},
                 {{"16384", "/ssd", "8"}, {std::nullopt, std::nullopt, std::nullopt}});
  };
  std::vector<std::string> messages{
      "n16384.tar\0/ssd\0"s, "dab", "p\0\0\0\0\0\0\0\x02"s, "dc", "nbase.tar\0\0"s, "dmain", "m", "d{}"};
  std::function<void(FakeSession&)> end = [](FakeSession& session) {
    session.rows({"recptr", "tli"}, {{"0/3000100", "7"}});
    session.complete("SELECT");
    session.complete("BASE_BACKUP");
    session.ready();
  };

  std::optional<std::size_t> breaks_off_after;  // that many messages, by an error

  void play(FakeSession& session) const {
    session.read_startup();
    session.welcome(version);
    session.read_query();
    session.rows({"recptr", "tli"}, {{"0/3000028", "7"}});
    session.complete("SELECT");
    tablespaces(session);
    session.complete("SELECT");
    send_archives(session);
    if (!breaks_off_after) end(session);
    session.wait_for_hangup();
  }
  void break_off(FakeSession& session) const {
    session.copy_out();
    for (std::size_t i = 0; i < *breaks_off_after; ++i) session.copy_data(messages.at(i));
    session.error("42501", "could not open file \"./server.key\": Permission denied");
    session.ready();
  }
  void send_archives(FakeSession& session) const {
    if (breaks_off_after) return break_off(session);
    if (version.starts_with("18")) {
      session.copy_out();
      for (const auto& message : messages) session.copy_data(message);
      session.copy_done();
      return;
    }
    for (const auto& archive : messages) {
      session.copy_out();
      session.copy_data(archive.substr(0, 1));
      session.copy_data(archive.substr(1));
      session.copy_done();
    }
  }
};

BaseBackupEnd run(const Script& script, std::string* story = nullptr) {
  FakeServer server([&script](FakeSession& session) { script.play(session); });
  auto connection = Connection::open({server.conninfo()}, ConnectionKind::physical, {});
  Recorder recorder;
  try {
    const auto end = run_base_backup(connection, {}, recorder);
    if (story != nullptr) *story = recorder.story;
    return end;
  } catch (...) {  // thrown on: the test looks at both
    if (story != nullptr) *story = recorder.story;
    throw;
  }
}

TEST(BaseBackupTest, ReceivesTheMessagesOf15AndLater) {
  std::string story;
  const auto end = run({}, &story);
  EXPECT_EQ(story, "start 7/0/3000028 (16384 /ssd 8192) (0  -) <16384 abc> <0 main> manifest:{}");
  EXPECT_EQ(end.end, (postgres::WalPosition{postgres::TimelineId(7), postgres::Lsn(0x300'0100)}));
  EXPECT_EQ(end.checksum_failure, std::nullopt);
}

TEST(BaseBackupTest, ReceivesOneCopyAnArchiveBefore15) {
  Script script;
  script.version = "13.16";
  script.messages = {"abc", "main", "{}"};
  std::string story;
  run(script, &story);
  EXPECT_EQ(story, "start 7/0/3000028 (16384 /ssd 8192) (0  -) <16384 abc> <0 main> manifest:{ manifest:}");
}

TEST(BaseBackupTest, KeepsABackupWithDamagedPagesAndSaysSo) {
  Script script;
  script.end = [](FakeSession& session) {
    session.rows({"recptr", "tli"}, {{"0/3000100", "7"}});
    session.complete("SELECT");
    session.error("XX001", "checksum verification failure during base backup");
    session.ready();
  };
  EXPECT_THAT(run(script).checksum_failure.value(), HasSubstr("checksum verification failure"));
}

TEST(BaseBackupTest, FailsOnAnyOtherErrorAtTheEnd) {
  Script script;
  script.end = [](FakeSession& session) {
    session.rows({"recptr", "tli"}, {{"0/3000100", "7"}});
    session.complete("SELECT");
    session.error("55000", "the standby was promoted during online backup");
    session.ready();
  };
  EXPECT_THAT([&] { run(script); }, ThrowsMessage<ServerError>(HasSubstr("promoted")));
}

TEST(BaseBackupTest, FailsOnDamagedPagesWithoutAnEndPosition) {
  Script script;
  script.end = [](FakeSession& session) {
    session.error("XX001", "invalid page");
    session.ready();
  };
  EXPECT_THROW(run(script), ServerError);
}

TEST(BaseBackupTest, FailsWithTheServersOwnErrorWhereverItBreaksOff) {
  Script script;
  for (std::size_t messages = 0; messages <= script.messages.size(); ++messages) {
    script.breaks_off_after = messages;
    EXPECT_THAT([&] { run(script); }, ThrowsMessage<ServerError>(HasSubstr("server.key"))) << messages;
  }
}

TEST(BaseBackupTest, TakesNoArchiveForWholeThatAnErrorBreaksOff) {
  for (const auto* version : {"13.16", "18.6"}) {
    Script script;
    script.version = version;
    script.breaks_off_after = 2;
    std::string story;
    EXPECT_THAT([&] { run(script, &story); }, ThrowsMessage<ServerError>(HasSubstr("server.key"))) << version;
    EXPECT_THAT(story, ::testing::Not(HasSubstr(">"))) << version;
  }
}

TEST(BaseBackupTest, FailsWithoutTheFinalCompletion) {
  Script script;
  script.end = [](FakeSession& session) {
    session.rows({"recptr", "tli"}, {{"0/3000100", "7"}});
    session.complete("SELECT");
    session.ready();
  };
  EXPECT_THAT([&] { run(script); }, ThrowsMessage<ProtocolError>(HasSubstr("not completed")));
}

TEST(BaseBackupTest, RefusesArchivesThatAreNotDue) {
  using Messages = std::vector<std::string>;
  for (const auto& messages : {
           Messages{"nbase.tar\0\0"s},                                              // out of order
           Messages{"n../../etc/passwd\0\0"s},                                      // not a name
           Messages{"n16384.tar.gz\0/ssd\0"s},                                      // not asked for
           Messages{"n\0\0"s},                                                      //
           Messages{"n16384.tar\0/ssd\0"s, "nbase.tar\0\0"s, "n16385.tar\0/x\0"s},  // one too many
           Messages{"n16384.tar\0/ssd\0"s, "nbase.tar\0\0"s, "m",
                    "n16384.tar\0/ssd\0"s},                              // after the manifest
           Messages{"n16384.tar\0/ssd\0"s, "m"},                         // one too few
           Messages{"n16384.tar\0/ssd\0"s, "nbase.tar\0\0"s, "m", "m"},  // two manifests
           Messages{"n16384.tar\0/ssd\0"s, "nbase.tar\0\0"s},            // no manifest
           Messages{"dabc"},                                             // data of nothing
           Messages{"x"},                                                // unknown
           Messages{},
       }) {
    Script script;
    script.messages = messages;
    script.end = &FakeSession::ready;
    EXPECT_THROW(run(script), ProtocolError) << (messages.empty() ? "none" : messages.back());
  }
}

TEST(BaseBackupTest, RefusesListsOfTablespacesThatCannotBe) {
  using Rows = std::vector<std::vector<FakeSession::Cell>>;
  const std::vector<FakeSession::Cell> main{std::nullopt, std::nullopt, std::nullopt};
  for (const auto& rows :
       {Rows{}, Rows{{"16384", "/ssd", "1"}}, Rows{main, {"16384", "/ssd", "1"}}, Rows{main, main},
        Rows{{"0", "/ssd", "1"}, main}, Rows{{"../1", "/ssd", "1"}, main},
        Rows{{"16384", std::nullopt, "1"}, main}, Rows{{std::nullopt, std::nullopt, "-1"}},
        Rows{{std::nullopt, std::nullopt, "18446744073709551615"}}}) {
    Script script;
    script.tablespaces = [&](FakeSession& session) { session.rows({"spcoid", "spclocation", "size"}, rows); };
    script.messages = {};
    script.end = &FakeSession::ready;
    EXPECT_THROW(run(script), ProtocolError);
  }
}

TEST(BaseBackupTest, IsLostWithItsConnection) {
  FakeServer server([](FakeSession& session) {
    session.read_startup();
    session.welcome();
    session.read_query();
    session.rows({"recptr", "tli"}, {{"0/3000028", "7"}});
    session.complete("SELECT");
  });
  auto connection = Connection::open({server.conninfo()}, ConnectionKind::physical, {});
  Recorder recorder;
  EXPECT_THROW(run_base_backup(connection, {}, recorder), ConnectionLost);
}

}  // namespace
}  // namespace pgkeep::streaming
