#include "server/health/server_facts.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/store/deletions.h"
#include "server/health/findings.h"
#include "tests/support/denied.h"
#include "tests/support/fake_server.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using test::FakeServer;
using test::FakeSession;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

ServerConfig server_at(const std::string& conninfo) {
  auto server = default_server_config();
  server.name = "main";
  server.active = true;
  server.conninfo = conninfo;
  return server;
}

// ------------------------------------------------------------------------- the live server

/// What `check` says of the connections to a server: what and hint.
std::vector<std::string> said_of(const std::string& conninfo) {
  Config config;
  config.repository = "/nowhere/at/all";
  std::vector<std::string> said;
  for (const auto& finding :
       examine(gather_facts(config, server_at(conninfo), std::nullopt, until_stopped({})), io::now()))
    if (finding.key.ends_with("_connection")) said.push_back(finding.what + " / " + finding.hint);
  return said;
}

std::vector<std::string> said_of_refusal(const std::string& sqlstate, const std::string& message) {
  FakeServer server([&](FakeSession& session) {
    session.read_startup();
    session.error(sqlstate, message);
  });
  return said_of(server.conninfo());
}

TEST(ConnectionFactsTest, SayOfAWrongPasswordThatItIsWrong) {
  const auto said = said_of_refusal("28P01", "password authentication failed for user \"pgkeep\"");
  EXPECT_THAT(said, SizeIs(2));
  EXPECT_THAT(said, Each(AllOf(HasSubstr("check the user and its password"), Not(HasSubstr("pg_hba.conf")))));
}

TEST(ConnectionFactsTest, SayOfAMissingLineThatItIsMissing) {
  EXPECT_THAT(said_of_refusal("28000", "no pg_hba.conf entry"), Each(HasSubstr("pg_hba.conf on the server")));
}

TEST(ConnectionFactsTest, SayOfADatabaseThatIsNotThereHowToNameOne) {
  EXPECT_THAT(said_of_refusal("3D000", "database \"postgres\" does not exist"), Each(HasSubstr("by dbname")));
}

TEST(ConnectionFactsTest, AskOnceWhetherAServerThatIsNotThereIsUp) {
  const auto said = said_of("host=127.0.0.1 port=1 user=pgkeep");
  EXPECT_THAT(said, AllOf(SizeIs(1), Each(HasSubstr("is the server up"))));
}

// ------------------------------------------------------------------------- what is stored

class StoredFactsTest : public ::testing::Test {
 protected:
  StoredFactsTest() {
    config_.repository = directory_.path() / "repository";
    layout_.make();
    catalog::confirm_identity(layout_,
                              {test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(), 8192});
  }
  ServerFacts gather() const {
    return gather_facts(config_, server_at("host=127.0.0.1 port=1 user=pgkeep"), std::nullopt,
                        until_stopped({}));
  }
  static std::string why_unseen(const ServerFacts& facts, const std::string& key) {
    const auto found = std::ranges::find(facts.unseen, key, &Unseen::key);
    return found == facts.unseen.end() ? "" : found->why;
  }

  test::TempDirectory directory_;
  Config config_;
  store::Repository repository_ = store::Repository::open_or_create(directory_.path() / "repository");
  store::ServerLayout layout_ = repository_.server("main");
};

TEST_F(StoredFactsTest, AreGatheredWithoutAServer) {
  const auto facts = gather();
  EXPECT_THAT(facts.unseen, IsEmpty());
  EXPECT_TRUE(facts.repository->is_writable);
  ASSERT_TRUE(facts.stored);
  EXPECT_EQ(facts.stored->identity->system, test::kSampleSystem);
  EXPECT_TRUE(facts.stored->wal);
}

TEST_F(StoredFactsTest, ComeFromTheNextThingWhereOneCannotBeLookedAt) {
  io::write_file_durably(layout_.event_journal(), {});
  const test::Denied journal(directory_.path(), layout_.event_journal());
  const auto facts = gather();
  EXPECT_THAT(why_unseen(facts, "branches"), HasSubstr("Permission denied"));
  EXPECT_THAT(why_unseen(facts, "wal_continuous"), HasSubstr("Permission denied"));
  EXPECT_TRUE(facts.has_seen("wal_conflicts"));
}

TEST_F(StoredFactsTest, HaveABackupThatMayNotBeOpened) {
  const auto folder = layout_.backups() / "20261120T020000Z";
  io::make_directories(folder);
  io::write_file_durably(folder / "backup.json", {});
  const test::Denied record(directory_.path(), folder / "backup.json");
  const auto facts = gather();
  ASSERT_THAT(facts.stored->unread_backups, SizeIs(1));
  EXPECT_TRUE(facts.stored->unread_backups.front().denied);
}

TEST_F(StoredFactsTest, NameTheLineOfAJournalThatIsDamagedInTheMiddle) {
  for (const auto* why : {"one", "two", "three"})
    store::note_deletion(layout_,
                         {.id = {}, .sequence = {}, .record_sha256 = {}, .at = io::now(), .why = why});
  EXPECT_THAT(gather().stored->damaged_journals, IsEmpty());
  auto file = io::File::open_or_create(layout_.deletions());
  const auto content = io::read_whole_file(layout_.deletions(), 1 << 20);
  file.write_at(io::as_bytes("T"), io::as_text(content).find("two"));
  file.close();
  const auto facts = gather();
  EXPECT_THAT(facts.stored->damaged_journals, ElementsAre("line 2 of " + layout_.deletions().native()));
  const auto findings = examine(facts, io::now());
  const auto found = std::ranges::find(findings, "journals", &Finding::key);
  ASSERT_NE(found, findings.end());
  EXPECT_EQ(found->severity, Severity::failed);
  EXPECT_THAT(found->what, HasSubstr("line 2 of " + layout_.deletions().native()));
  EXPECT_THAT(found->hint, HasSubstr("another copy of the repository"));
}

}  // namespace
}  // namespace pgkeep::server
