#include "recover/recovery_settings.h"

#include <algorithm>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/plan_fixture.h"

namespace pgkeep::recover {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

constexpr std::string_view kPlainMain = "max_connections = 50\n";

RecoveryPlan plan(int major_version = 18, const RecoveryTarget& target = {}) {
  store::BackupRecord record(id_of(10));
  record.major_version = major_version;
  record.start.timeline = postgres::TimelineId(1);
  return {.request = request(target),
          .backup = record,
          .timeline = postgres::TimelineId(2),
          .histories = {postgres::TimelineId(2)}};
}

/// The value that PostgreSQL would take: the last one.
std::optional<std::string> value_of(const RecoverySettings& settings, std::string_view name) {
  std::optional<std::string> value;
  for (const auto& line : parse_conf(settings.auto_conf)) {
    if (line.name == name) value = line.value;
  }
  return value;
}

TEST(RecoverySettingsTest, RecoversToTheEndOfTheTimelineFromPgWal) {
  const auto settings = make_settings(plan(), "", kPlainMain);
  EXPECT_EQ(value_of(settings, "restore_command"), "false");
  EXPECT_EQ(value_of(settings, "recovery_target_timeline"), std::nullopt);
  EXPECT_EQ(value_of(settings, "recovery_target_action"), std::nullopt);
}

TEST(RecoverySettingsTest, SetsNothingThatIsSoAnyway) {
  const auto settings =
      make_settings(plan(18, {.where = TargetXid{"7"}}), "archive_mode = on\n",
                    "archive_command = ''\nlog_directory = 'log'\nrecovery_target_action = pause\n");
  EXPECT_EQ(value_of(settings, "archive_mode"), std::nullopt);
  EXPECT_THAT(settings.changed, Contains(HasSubstr("archive_mode = 'off' (was set")));
  for (const auto* name : {"archive_command", "log_directory", "recovery_target_inclusive", "hot_standby",
                           "recovery_target_action", "primary_conninfo", "max_connections"})
    EXPECT_EQ(value_of(settings, name), std::nullopt) << name;
  EXPECT_THAT(settings.overrides, IsEmpty());
}

TEST(RecoverySettingsTest, TellsHowToTakeBackEveryLineThatItWrote) {
  for (const std::string_view main : {"", "archive_mode = on\nhot_standby = off\nmax_connections = 10\n"}) {
    LeastSettings least;
    least.demand("max_connections", 500);
    const auto settings =
        make_settings(plan(14, {.where = TargetXid{"7"}}), "work_mem = '8MB'\n", main, least);
    auto all = settings.resets;
    all.insert(all.end(), settings.overrides.begin(), settings.overrides.end());
    std::size_t written = 0;
    for (const auto& line : parse_conf(settings.auto_conf)) {
      if (line.name.empty() || line.name == "work_mem") continue;
      ++written;
      EXPECT_THAT(all, Contains(StartsWith("ALTER SYSTEM RESET " + line.name + ";"))) << line.name;
      EXPECT_THAT(settings.changed, Contains(HasSubstr(line.name + " = "))) << line.name;
    }
    EXPECT_GE(written, 4u);
  }
}

TEST(RecoverySettingsTest, SetsNothingThatTheVersionHasByItself) {
  LeastSettings least;
  least.demand("max_locks_per_transaction", 128);
  EXPECT_EQ(value_of(make_settings(plan(19), "", kPlainMain, least), "max_locks_per_transaction"),
            std::nullopt);
  EXPECT_EQ(value_of(make_settings(plan(18), "", kPlainMain, least), "max_locks_per_transaction"), "128");
}

TEST(RecoverySettingsTest, GivesReplayTheRoomThatTheServerHad) {
  LeastSettings least;
  least.demand("max_connections", 150);
  least.demand("max_connections", 120);
  least.demand("max_wal_senders", 10);
  least.demand("max_prepared_transactions", 5);
  const auto settings = make_settings(plan(), "max_connections = '90'\n", kPlainMain, least);
  EXPECT_EQ(value_of(settings, "max_connections"), "150");
  EXPECT_EQ(value_of(settings, "max_prepared_transactions"), "5");
  EXPECT_EQ(value_of(settings, "max_wal_senders"), std::nullopt);  // PostgreSQL's default is enough
  EXPECT_THAT(settings.changed, Contains(HasSubstr("max_connections = '150'")));
  const auto enough =
      make_settings(plan(), "", "max_connections = 200\nmax_prepared_transactions = 5\n", least);
  EXPECT_EQ(value_of(enough, "max_connections"), std::nullopt);
  EXPECT_EQ(value_of(enough, "max_prepared_transactions"), std::nullopt);
  // An included file may have less than the line that we see.
  const auto included = make_settings(plan(), "", "max_connections = 200\ninclude 'x.conf'\n", least);
  EXPECT_EQ(value_of(included, "max_connections"), "150");
}

TEST(RecoverySettingsTest, MakesAPauseReadable) {
  const RecoveryTarget pausing{.where = TargetXid{"7"}};
  const RecoveryTarget opening{.where = TargetXid{"7"}, .action = TargetAction::promote};
  const std::string_view off = "hot_standby = off\n";
  EXPECT_EQ(value_of(make_settings(plan(18, pausing), "", off), "hot_standby"), "on");
  EXPECT_EQ(value_of(make_settings(plan(18, pausing), off, kPlainMain), "hot_standby"), "on");
  EXPECT_EQ(value_of(make_settings(plan(18, pausing), "", ""), "hot_standby"), "on");
  EXPECT_EQ(value_of(make_settings(plan(18, opening), "", off), "hot_standby"), std::nullopt);
  EXPECT_EQ(value_of(make_settings(plan(18, pausing), "", "hot_standby = on\n"), "hot_standby"),
            std::nullopt);
}

TEST(RecoverySettingsTest, WritesNoFileOfTheOriginals) {
  const auto settings =
      make_settings(plan(14), "external_pid_file = '/run/main.pid'\nlog_directory = 'mine'\n",
                    "log_directory = '/var/log/postgresql'\n"
                    "stats_temp_directory = '/run/stats'\nexternal_pid_file = '/run/a.pid'\n");
  EXPECT_EQ(value_of(settings, "external_pid_file"), "");
  EXPECT_EQ(value_of(settings, "stats_temp_directory"), "pg_stat_tmp");
  EXPECT_EQ(value_of(settings, "log_directory"), "mine");
  EXPECT_THAT(settings.changed, Contains(HasSubstr("external_pid_file = '' (was set")));
  EXPECT_EQ(value_of(make_settings(plan(), "", "log_directory = '../log'\n"), "log_directory"), "log");
}

TEST(RecoverySettingsTest, SetsTheTargetLast) {
  struct Row {
    RecoveryTarget target;
    const char* name;
    const char* value;
  };
  const Row rows[] = {
      {{.where = Immediate{}}, "recovery_target", "immediate"},
      {{.where = TargetTime{.time = {}, .text = "2026-11-20 02:00:00+00", .zone_assumed = false}},
       "recovery_target_time",
       "2026-11-20 02:00:00+00"},
      {{.where = TargetLsn{lsn("0/500000")}}, "recovery_target_lsn", "0/500000"},
      {{.where = TargetXid{"731"}}, "recovery_target_xid", "731"},
      {{.where = TargetName{"it's"}}, "recovery_target_name", "it's"},
  };
  for (const auto& row : rows) {
    // With postgresql.conf unknown all targets are emptied. PostgreSQL takes an empty one behind a set one
    // for a second target.
    const auto settings = make_settings(plan(18, row.target), "", "");
    EXPECT_EQ(value_of(settings, row.name), row.value);
    EXPECT_EQ(value_of(settings, "recovery_target_action"), "pause");
    const auto lines = parse_conf(settings.auto_conf);
    const auto set = std::ranges::find_if(lines, [&](const auto& l) { return l.name == row.name; });
    EXPECT_TRUE(std::none_of(set, lines.end(), [](const auto& l) {
      return l.name.starts_with("recovery_target") && l.value.empty();
    })) << row.name;
  }
}

TEST(RecoverySettingsTest, KeepsInclusiveAndAction) {
  const auto settings =
      make_settings(plan(18, {.where = TargetXid{"7"}, .inclusive = false, .action = TargetAction::promote}),
                    "", kPlainMain);
  EXPECT_EQ(value_of(settings, "recovery_target_inclusive"), "off");
  EXPECT_EQ(value_of(settings, "recovery_target_action"), "promote");
}

TEST(RecoverySettingsTest, SaysHowToGoOnFromAPause) {
  const auto paused = make_settings(plan(18, {.where = TargetXid{"7"}}), "", kPlainMain);
  EXPECT_THAT(paused.review, Contains(HasSubstr("pg_wal_replay_resume()")));
  EXPECT_THAT(make_settings(plan(), "", kPlainMain).review,
              Not(Contains(HasSubstr("pg_wal_replay_resume()"))));
}

TEST(RecoverySettingsTest, KeepsWhatItDoesNotReplace) {
  const auto settings =
      make_settings(plan(), "# note\nwork_mem = '64MB'\nrestore_command = 'old'\n", kPlainMain);
  EXPECT_THAT(settings.auto_conf, AllOf(HasSubstr("# note\nwork_mem = '64MB'\n"), Not(HasSubstr("old"))));
}

TEST(RecoverySettingsTest, ReplacesItsOwnBlockOfAnEarlierRecovery) {
  const auto once = make_settings(plan(), "work_mem = '64MB'\n", kPlainMain);
  EXPECT_EQ(make_settings(plan(), once.auto_conf, kPlainMain).auto_conf, once.auto_conf);
}

TEST(RecoverySettingsTest, NeutralisesWhatWouldHarmAndSaysSo) {
  struct Row {
    const char* line;
    const char* name;
    const char* value;
  };
  const Row rows[] = {
      {"archive_mode = on", "archive_mode", "off"},
      {"archive_command = 'cp %p /archive/%f'", "archive_command", ""},
      {"archive_library = 'basic_archive'", "archive_library", ""},
      {"synchronous_standby_names = 'pgkeep'", "synchronous_standby_names", ""},
      {"synchronized_standby_slots = 's'", "synchronized_standby_slots", ""},
      {"primary_conninfo = 'host=a password=secret'", "primary_conninfo", ""},
      {"primary_slot_name = 's'", "primary_slot_name", ""},
      {"recovery_end_command = 'x'", "recovery_end_command", ""},
      {"archive_cleanup_command = 'x'", "archive_cleanup_command", ""},
      {"recovery_min_apply_delay = '1h'", "recovery_min_apply_delay", "0"},
      {"recovery_target_xid = '5'", "recovery_target_xid", ""},
  };
  for (const auto& row : rows) {
    const auto in_main = make_settings(plan(), "", std::string(row.line) + "\n");
    EXPECT_EQ(value_of(in_main, row.name), row.value) << row.line;
    EXPECT_THAT(in_main.changed,
                Contains(AllOf(HasSubstr(row.name), HasSubstr("was set"), Not(HasSubstr("secret")))));
    const auto in_auto = make_settings(plan(), std::string(row.line) + "\n", kPlainMain);
    EXPECT_EQ(value_of(in_auto, row.name).value_or(row.value), row.value) << row.line;
    EXPECT_THAT(in_auto.changed, Contains(HasSubstr(row.name)));
  }
}

TEST(RecoverySettingsTest, SaysNothingOfWhatWasNotSet) {
  EXPECT_THAT(make_settings(plan(), "", "archive_mode = off\nprimary_conninfo = ''\n").changed,
              ElementsAre("restore_command = 'false'"));
}

TEST(RecoverySettingsTest, WritesOnlyWhatTheVersionKnows) {
  EXPECT_EQ(value_of(make_settings(plan(14), "", ""), "archive_library"), std::nullopt);
  EXPECT_EQ(value_of(make_settings(plan(15), "", ""), "archive_library"), "");
  EXPECT_EQ(value_of(make_settings(plan(15), "", ""), "promote_trigger_file"), "");
  EXPECT_EQ(value_of(make_settings(plan(16), "", ""), "promote_trigger_file"), std::nullopt);
  EXPECT_EQ(value_of(make_settings(plan(16), "", ""), "synchronized_standby_slots"), std::nullopt);
  EXPECT_EQ(value_of(make_settings(plan(17), "", ""), "synchronized_standby_slots"), "");
}

TEST(RecoverySettingsTest, OverridesWhatAnIncludedFileMaySet) {
  EXPECT_EQ(value_of(make_settings(plan(), "", "include 'x.conf'\n"), "primary_conninfo"), "");
  EXPECT_EQ(value_of(make_settings(plan(), "", kPlainMain), "primary_conninfo"), std::nullopt);
}

TEST(RecoverySettingsTest, PutsPathsOfTheOriginalUnderReview) {
  const auto settings = make_settings(plan(), "",
                                      "hba_file = '/etc/postgresql/pg_hba.conf'\nlog_directory = 'log'\n"
                                      "ssl_key_file = '/etc/ssl/key'\ninclude_dir = 'conf.d'\n"
                                      "include '/etc/pg.conf'\n");
  EXPECT_THAT(settings.review, ElementsAre(HasSubstr("hba_file"), HasSubstr("ssl_key_file"),
                                           HasSubstr("include_dir 'conf.d': comes with the backup"),
                                           HasSubstr("include '/etc/pg.conf': it must exist here"),
                                           HasSubstr("logical subscriptions")));
}

TEST(RecoverySettingsTest, KeepsADataDirectorySettingFromLeadingToTheOriginal) {
  const auto settings = make_settings(plan(), "", "data_directory = '/var/lib/main'\n");
  EXPECT_THAT(settings.start_options, ElementsAre(Pair("data_directory", "/restored/main")));
  EXPECT_THAT(make_settings(plan(), "", kPlainMain).start_options, IsEmpty());
}

TEST(RecoverySettingsTest, SaysTheTimelineByNumberOnlyWhereLatestIsAnother) {
  struct Row {
    std::uint32_t timeline;
    std::vector<std::uint32_t> histories;
    std::optional<std::string> written;
  };
  const Row rows[] = {{1, {}, std::nullopt}, {2, {2}, std::nullopt}, {3, {2, 3}, std::nullopt},
                      {1, {2}, "1"},         {2, {2, 3}, "2"},       {2, {2, 4}, std::nullopt},
                      {4, {2, 4}, "4"},  // PostgreSQL stops looking at the first number that is not there
                      {2, {}, "2"}};
  for (const auto& row : rows) {
    auto some = plan();
    some.timeline = postgres::TimelineId(row.timeline);
    some.histories.clear();
    for (const auto number : row.histories) some.histories.emplace_back(number);
    EXPECT_EQ(value_of(make_settings(some, "", kPlainMain), "recovery_target_timeline"), row.written)
        << row.timeline << " of " << row.histories.size();
  }
}

TEST(RecoverySettingsTest, KeepsTheTimelineThatWasAskedForWhenHistoriesAreFetched) {
  auto fetched = plan();
  fetched.request.wal_mode = WalMode::get_wal;
  EXPECT_EQ(value_of(make_settings(fetched, "", kPlainMain), "recovery_target_timeline"), std::nullopt);
  fetched.request.target.timeline = postgres::TimelineId(2);
  EXPECT_EQ(value_of(make_settings(fetched, "", kPlainMain), "recovery_target_timeline"), "2");
}

TEST(RecoverySettingsTest, DropsTheTimelineOfAnOlderRecovery) {
  EXPECT_EQ(value_of(make_settings(plan(), "recovery_target_timeline = '7'\n", kPlainMain),
                     "recovery_target_timeline"),
            std::nullopt);
  EXPECT_EQ(
      value_of(make_settings(plan(), "", "recovery_target_timeline = '7'\n"), "recovery_target_timeline"),
      "latest");
}

TEST(RecoverySettingsTest, TellsHowToTakeBackWhatItSet) {
  EXPECT_THAT(make_settings(plan(), "", kPlainMain).resets,
              ElementsAre("ALTER SYSTEM RESET restore_command;", "SELECT pg_reload_conf();"));
  auto older = plan(18, {.where = TargetXid{"7"}, .action = TargetAction::promote});
  older.timeline = postgres::TimelineId(1);
  EXPECT_THAT(make_settings(older, "", kPlainMain).resets,
              AllOf(Contains("ALTER SYSTEM RESET recovery_target_timeline;"),
                    Contains("ALTER SYSTEM RESET recovery_target_xid;"),
                    Contains("ALTER SYSTEM RESET recovery_target_action;")));
}

TEST(RecoverySettingsTest, MakesAStandbyThatFollowsTheNewestTimeline) {
  auto standby = plan();
  standby.request.standby = true;
  EXPECT_EQ(value_of(make_settings(standby, "restore_command = 'old'\n", kPlainMain), "restore_command"),
            std::nullopt);
  EXPECT_EQ(value_of(make_settings(standby, "", "restore_command = 'old'\n"), "restore_command"), "");
  EXPECT_EQ(value_of(make_settings(standby, "", kPlainMain), "recovery_target_timeline"), std::nullopt);
  EXPECT_THAT(make_settings(standby, "", kPlainMain).resets, IsEmpty());
  standby.histories = {postgres::TimelineId(2), postgres::TimelineId(3)};
  EXPECT_EQ(value_of(make_settings(standby, "", kPlainMain), "recovery_target_timeline"), "2");
}

TEST(RecoverySettingsTest, FetchesWalWhenAskedTo) {
  auto fetched = plan();
  fetched.request.wal_mode = WalMode::get_wal;
  fetched.request.get_wal_command = "pgkeep get-wal main '%f' > %p";
  EXPECT_EQ(value_of(make_settings(fetched, "", kPlainMain), "restore_command"),
            "pgkeep get-wal main '%f' > %p");
}

}  // namespace
}  // namespace pgkeep::recover
