#include "server/cli/recovery_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "server/cli/command_line.h"

namespace pgkeep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

class RecoveryRequestTest : public ::testing::Test {
 protected:
  RecoveryRequestTest() {
    server_.name = "main";
    store::BackupRecord backup(store::BackupId::parse("20261120T020000Z").value());
    backup.end = {postgres::TimelineId(3), postgres::Lsn(0x3000100)};
    facts_.backups.push_back(backup);
  }
  recover::RecoveryRequest request(std::vector<std::string> options,
                                   const std::string& backup = "latest") const {
    options.insert(options.begin(), {"main", backup, "/srv/pg"});
    RecoverArguments arguments;
    Syntax syntax;
    arguments.declare(syntax);
    read_arguments("recover", options, syntax);
    return make_recovery_request(arguments, server_, facts_, "/etc/pgkeep/pgkeep.yaml");
  }
  std::string refusal(const std::vector<std::string>& options, const std::string& backup = "latest") const {
    try {
      request(options, backup);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "accepted";
  }

  ServerConfig server_ = default_server_config();
  recover::RecoveryFacts facts_{};
};

TEST_F(RecoveryRequestTest, GoesToTheEndOfTheWalWhenNothingIsSaid) {
  const auto plain = request({});
  EXPECT_EQ(plain.server, "main");
  EXPECT_EQ(plain.backup->to_string(), "20261120T020000Z");
  EXPECT_EQ(plain.destination, "/srv/pg");
  EXPECT_FALSE(plain.target.has_target());
  EXPECT_EQ(plain.target.timeline, std::nullopt);
  EXPECT_EQ(plain.wal_mode, recover::WalMode::lay_down);
  EXPECT_EQ(plain.jobs, 0u);
}

TEST_F(RecoveryRequestTest, LeavesTheBackupToThePlanForAuto) {
  EXPECT_EQ(request({"--target-lsn", "0/4000000"}, "auto").backup, std::nullopt);
}

TEST_F(RecoveryRequestTest, TakesTargetActionAndSide) {
  const auto lsn = request({"--target-lsn", "0/4000000", "--target-action", "promote", "--exclusive"});
  EXPECT_EQ(std::get<recover::TargetLsn>(lsn.target.where).lsn, postgres::Lsn(0x4000000));
  EXPECT_EQ(lsn.target.action, recover::TargetAction::promote);
  EXPECT_FALSE(lsn.target.inclusive);
}

TEST_F(RecoveryRequestTest, TakesEveryKindOfTarget) {
  const auto target = [this](const std::vector<std::string>& options) {
    return request(options).target.where;
  };
  EXPECT_EQ(std::get<recover::TargetXid>(target({"--target-xid", "4711"})).xid, "4711");
  EXPECT_EQ(std::get<recover::TargetName>(target({"--target-name", "before it"})).name, "before it");
  EXPECT_TRUE(std::holds_alternative<recover::Immediate>(target({"--target-immediate"})));
  const auto time = std::get<recover::TargetTime>(target({"--target-time", "2026-11-20 03:00:00+01"}));
  EXPECT_EQ(io::format_rfc3339(time.time), "2026-11-20T02:00:00Z");
}

TEST_F(RecoveryRequestTest, TakesAFolderBelowTheCurrentOneAndNoDots) {
  RecoverArguments arguments;
  arguments.backup = "latest";
  arguments.destination = "new/../pg";
  EXPECT_EQ(make_recovery_request(arguments, server_, facts_, "/etc/pgkeep.yaml").destination,
            std::filesystem::current_path() / "pg");
  arguments.remote_ssh_command = "ssh pg2";
  EXPECT_THROW(make_recovery_request(arguments, server_, facts_, "/etc/pgkeep.yaml"), UsageError);
}

TEST_F(RecoveryRequestTest, ACommandForALineThatWasSetAsideHasToNameTheLine) {
  RecoverArguments arguments;
  arguments.backup = "latest";
  arguments.destination = "/srv/pg";
  arguments.get_wal = true;
  arguments.get_wal_command = "fetch %f %p";
  EXPECT_THROW(make_recovery_request(arguments, server_, facts_, "/etc/pgkeep.yaml", 2), UsageError);
  arguments.get_wal_command = "fetch --line 2 %f %p";
  EXPECT_NO_THROW(make_recovery_request(arguments, server_, facts_, "/etc/pgkeep.yaml", 2));
}

TEST_F(RecoveryRequestTest, MakesAStandbyAndRunsSoManyJobsWhenAsked) {
  const auto standby = request({"--standby-mode", "--jobs", "3"});
  EXPECT_TRUE(standby.standby);
  EXPECT_EQ(standby.jobs, 3u);
  EXPECT_FALSE(request({}).standby);
}

TEST_F(RecoveryRequestTest, TakesTimelinesByNumberAndByWord) {
  EXPECT_EQ(request({"--target-tli", "2"}).target.timeline, postgres::TimelineId(2));
  EXPECT_EQ(request({"--target-tli", "current"}).target.timeline, postgres::TimelineId(3));
  EXPECT_EQ(request({"--target-tli", "latest"}).target.timeline, std::nullopt);
}

TEST_F(RecoveryRequestTest, TakesTablespacesByNameAndByOriginalLocation) {
  EXPECT_THAT(request({"--tablespace", "cold:/srv/cold", "--tablespace", "/mnt/a:/mnt/b"}).tablespaces,
              ElementsAre(Pair("/mnt/a", "/mnt/b"), Pair("cold", "/srv/cold")));
}

TEST_F(RecoveryRequestTest, BuildsARestoreCommandForThisHost) {
  const auto fetched = request({"--get-wal"});
  EXPECT_EQ(fetched.wal_mode, recover::WalMode::get_wal);
  EXPECT_THAT(fetched.get_wal_command, StartsWith("/"));
  EXPECT_THAT(fetched.get_wal_command, EndsWith(" -q -c /etc/pgkeep/pgkeep.yaml get-wal main %f %p"));
}

TEST_F(RecoveryRequestTest, QuotesPathsForShellAndPostgres) {
  EXPECT_EQ(local_get_wal_command("/opt/my tools/pgkeep", "/etc/100%/pgkeep.yaml", "main"),
            "'/opt/my tools/pgkeep' -q -c /etc/100%%/pgkeep.yaml get-wal main %f %p");
}

TEST_F(RecoveryRequestTest, AsksForTheWalOfALineThatWasSetAside) {
  EXPECT_EQ(local_get_wal_command("/usr/bin/pgkeep", "/etc/pgkeep.yaml", "main", 2),
            "/usr/bin/pgkeep -q -c /etc/pgkeep.yaml get-wal --line 2 main %f %p");
}

TEST_F(RecoveryRequestTest, RefusesWhatDoesNotGoTogether) {
  EXPECT_THAT(refusal({"--target-immediate", "--target-xid", "5"}), HasSubstr("give one target only"));
  EXPECT_THAT(refusal({"--target-action", "promote"}), HasSubstr("needs a target"));
  EXPECT_THAT(refusal({"--target-lsn", "0/4000000", "--target-action", "dance"}),
              HasSubstr("pause or promote or shutdown"));
  EXPECT_THAT(refusal({"--exclusive"}), HasSubstr("--exclusive: needs"));
  EXPECT_THAT(refusal({"--target-immediate", "--exclusive"}), HasSubstr("--exclusive: needs"));
  EXPECT_THAT(refusal({"--target-name", "x", "--exclusive"}), HasSubstr("--exclusive: needs"));
  EXPECT_THAT(refusal({"--target-tli", "x"}), HasSubstr("a timeline's number"));
  EXPECT_THAT(refusal({"--target-tli", "0"}), HasSubstr("a timeline's number"));
  EXPECT_THAT(refusal({"--tablespace", ":/srv/cold"}), HasSubstr("NAME:PATH"));
  EXPECT_THAT(refusal({"--tablespace", "cold:relative"}), HasSubstr("NAME:PATH"));
  EXPECT_THAT(refusal({"--get-wal", "--get-wal-command", "cp %f"}), HasSubstr("must hold %f"));
  EXPECT_THAT(refusal({"--target-tli", "current"}, "auto"), HasSubstr("name the backup"));
  EXPECT_THAT(refusal({"--tablespace", "cold"}), HasSubstr("NAME:PATH"));
  EXPECT_THAT(refusal({"--tablespace", "a:/x", "--tablespace", "a:/y"}), HasSubstr("given twice"));
  EXPECT_THAT(refusal({"--get-wal", "--no-get-wal"}), HasSubstr("exclude each other"));
  EXPECT_THAT(refusal({"--get-wal-command", "cp %f %p"}), HasSubstr("goes with --get-wal"));
  EXPECT_THAT(refusal({"--get-wal", "--get-wal-command", "cp"}), HasSubstr("must hold %f"));
  EXPECT_THAT(refusal({"--get-wal", "--remote-ssh-command", "ssh pg2"}), HasSubstr("--get-wal-command"));
}

TEST_F(RecoveryRequestTest, TakesACommandForAnotherHost) {
  const auto remote =
      request({"--get-wal", "--remote-ssh-command", "ssh pg2", "--get-wal-command", "fetch %f %p"});
  EXPECT_EQ(remote.remote_ssh_command, "ssh pg2");
  EXPECT_EQ(remote.get_wal_command, "fetch %f %p");
}

}  // namespace
}  // namespace pgkeep::server
