#include "server/config/config.h"

#include <filesystem>
#include <fstream>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "server/config/config_docs.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kMinimal = "repository: /srv/pgkeep\nservers:\n  main:\n    conninfo: host=pg1\n";

class ConfigTest : public ::testing::Test {
 protected:
  /// Writes a file beside the main one, readable by its owner only.
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    const auto path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << content;
    std::filesystem::permissions(path,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return path;
  }
  Config load(std::string_view content) const { return load_config(write("pgkeep.yaml", content)); }
  /// What is said about a configuration, without the folder's name.
  std::string error_of(std::string_view content) const {
    return error_of_file(write("pgkeep.yaml", content));
  }
  std::string error_of_file(const std::filesystem::path& file) const {
    try {
      load_config(file);
    } catch (const UsageError& error) {
      std::string message = error.what();
      const auto folder = directory_.path().native() + "/";
      for (auto at = message.find(folder); at != message.npos; at = message.find(folder))
        message.erase(at, folder.size());
      return message;
    }
    return "no error";
  }

  test::TempDirectory directory_;
};

TEST_F(ConfigTest, TakesTheDefaultsForWhatIsNotSaid) {
  const auto config = load(kMinimal);
  ASSERT_EQ(config.servers.size(), 1u);
  const auto& main = config.servers[0];
  EXPECT_EQ(config.repository, "/srv/pgkeep");
  EXPECT_EQ(main.name, "main");
  EXPECT_EQ(main.slot, "pgkeep");
  EXPECT_EQ(main.application_name, "pgkeep");
  EXPECT_TRUE(main.active);
  EXPECT_TRUE(main.create_slot);
  EXPECT_EQ(main.checkpoint, Checkpoint::fast);
  EXPECT_EQ(main.compression_level, 1u);
  EXPECT_EQ(main.connect_timeout, std::chrono::seconds(10));
}

TEST_F(ConfigTest, ReadsEveryKeyOfAServer) {
  const auto config = load(R"(
repository: /srv/pgkeep
servers:
  main:
    conninfo: host=pg1
    description: orders database
    active: no
    slot: kept_here
    create_slot: manual
    application_name: backup1
    connect_timeout: 3s
    status_interval: 500ms
    longest_retry: 5min
    checkpoint: spread
    max_rate: 50MiB
    verify_checksums: off
    compression_level: 7
    backup_workers: 2
)");
  const auto& main = config.servers.at(0);
  EXPECT_EQ(main.description, "orders database");
  EXPECT_FALSE(main.active);
  EXPECT_EQ(main.slot, "kept_here");
  EXPECT_FALSE(main.create_slot);
  EXPECT_EQ(main.application_name, "backup1");
  EXPECT_EQ(main.connect_timeout, std::chrono::seconds(3));
  EXPECT_EQ(main.status_interval, std::chrono::milliseconds(500));
  EXPECT_EQ(main.longest_retry, std::chrono::minutes(5));
  EXPECT_EQ(main.checkpoint, Checkpoint::spread);
  EXPECT_EQ(main.max_rate, std::uint64_t{50} << 20);
  EXPECT_FALSE(main.verify_checksums);
  EXPECT_EQ(main.compression_level, 7u);
  EXPECT_EQ(main.backup_workers, 2u);
}

TEST_F(ConfigTest, ReadsAPolicyFromItsSection) {
  const auto config = load(
      "repository: /srv/pgkeep\n"
      "defaults:\n  watch_interval: 5s\n  protect_primary:\n    retain_at_most: 20GiB\n"
      "servers:\n  a: {conninfo: host=a}\n  b: {conninfo: host=b, protect_primary: {retain_at_most: 0}}\n");
  EXPECT_EQ(config.servers.at(0).watch_interval, std::chrono::seconds(5));
  EXPECT_EQ(config.servers.at(0).retain_at_most, std::uint64_t{20} << 30);
  EXPECT_EQ(config.servers.at(1).retain_at_most, 0u);
}

TEST_F(ConfigTest, RefusesAWalWindowThatIsShorterThanTheRecoveryWindow) {
  const auto with = [](const std::string& defaults, const std::string& own) {
    return "repository: /srv/pgkeep\ndefaults:\n  retention: " + defaults +
           "\nservers:\n  a: {conninfo: host=a, retention: " + own + "}\n";
  };
  EXPECT_EQ(
      error_of(with("{recovery_window: 14d}", "{wal_window: 7d}")),
      "pgkeep.yaml:5: servers.a: retention.wal_window is 7 d, and retention.recovery_window 14 d, every moment "
      "of which needs its WAL; make wal_window as long at least, or leave it out");
  EXPECT_EQ(error_of(with("{recovery_window: 14d, wal_window: 7d}", "{recovery_window: 7d}")), "no error");
  EXPECT_EQ(error_of(with("{recovery_window: 14d, wal_window: 7d}", "{wal_window: 0}")), "no error");
}

TEST_F(ConfigTest, ReadsAPolicyFromASectionOfASection) {
  const auto config = load(
      "repository: /srv/pgkeep\n"
      "defaults:\n  retention: {redundancy: 3, recovery_window: 14d, keep: {daily: 14, yearly: 2}}\n"
      "servers:\n  a: {conninfo: host=a}\n  b: {conninfo: host=b, retention: {keep: {daily: 0}, grace: 0}}\n");
  catalog::RetentionPolicy policy{.redundancy = 3,
                                  .recovery_window = std::chrono::days(14),
                                  .daily = 14,
                                  .yearly = 2,
                                  .grace = std::chrono::days(1)};
  EXPECT_EQ(config.servers.at(0).retention, policy);
  policy.daily = 0;
  policy.grace = {};
  EXPECT_EQ(config.servers.at(1).retention, policy);
}

/// An operator takes away the signs before what he wants; two keys of one section are in one then.
TEST_F(ConfigTest, ReadsTheSampleWithAllThatIsCommentedOut) {
  const std::regex key_that_is_commented_out("(^|\n)( *)#(?! \\S)");
  const auto all = std::regex_replace(sample_configuration(), key_that_is_commented_out, "$1$2");
  const auto main = load(all).servers.at(0);
  EXPECT_EQ(main.retention.redundancy, 3u);
  EXPECT_EQ(main.retention.yearly, 2u);
  EXPECT_EQ(main.pushed_most_files, 10'000u);
}

TEST_F(ConfigTest, NamesTheWholePlaceOfAMistakeInASection) {
  const std::string head = "repository: /srv/pgkeep\nservers:\n  a:\n    conninfo: host=a\n    ";
  EXPECT_THAT(error_of(head + "protect_primary: {retain_at_least: 1GiB}\n"),
              HasSubstr("servers.a.protect_primary.retain_at_least: unknown key; "
                        "did you mean protect_primary.retain_at_most?"));
  EXPECT_THAT(error_of(head + "protect_primary: 20GiB\n"), HasSubstr("servers.a.protect_primary: a section"));
  EXPECT_THAT(error_of(head + "protect_primary.retain_at_most: 20GiB\n"), HasSubstr("unknown key"));
}

TEST_F(ConfigTest, LetsAServersOwnValueWinOverTheDefaultsWhereverTheyStand) {
  const auto config = load(
      "servers:\n  a: {conninfo: host=a}\n  b: {conninfo: host=b, compression_level: 9}\n"
      "defaults:\n  compression_level: 3\nrepository: /srv/pgkeep\n");
  EXPECT_EQ(config.servers.at(0).compression_level, 3u);
  EXPECT_EQ(config.servers.at(1).compression_level, 9u);
}

TEST_F(ConfigTest, ListsServersByName) {
  const auto config =
      load("repository: /srv/pgkeep\nservers:\n  b: {conninfo: host=b}\n  a: {conninfo: host=a}\n");
  EXPECT_EQ(config.servers.at(0).name, "a");
  EXPECT_EQ(config.servers.at(1).name, "b");
}

TEST_F(ConfigTest, IncludesFilesRelativeToItself) {
  write("conf.d/a.yaml", "servers:\n  a: {conninfo: host=a}\n");
  write("conf.d/b.yaml", "servers:\n  b: {conninfo: host=b}\n");
  write("conf.d/empty.yaml", "");
  write("conf.d/not-included.txt", "nonsense: [");
  const auto config =
      load("repository: /srv/pgkeep\ninclude: conf.d/*.yaml\ndefaults: {compression_level: 4}\n");
  ASSERT_EQ(config.servers.size(), 2u);
  EXPECT_EQ(config.servers[1].conninfo, "host=b");
  EXPECT_EQ(config.servers[1].compression_level, 4u);
}

TEST_F(ConfigTest, TakesAPatternWithoutMatchesAndRefusesAFileThatIsMissing) {
  EXPECT_THAT(load("repository: /srv/pgkeep\ninclude: conf.d/*.yaml\n").servers, IsEmpty());
  EXPECT_THAT(error_of("repository: /srv/pgkeep\ninclude: [conf.d/a.yaml]\n"),
              HasSubstr("pgkeep.yaml:2: include: there is no conf.d/a.yaml"));
}

struct Wrong {
  std::string_view content;
  std::string_view said;
};

TEST_F(ConfigTest, SaysPlaceAndRemedyOfWhatIsWrong) {
  const std::vector<Wrong> table{
      {"repository: /r\nservers:\n  main:\n    conninfo: host=a\n    compresion_level: 3\n",
       "pgkeep.yaml:5: servers.main.compresion_level: unknown key; did you mean compression_level?"},
      {"repository: /r\nserver:\n", "pgkeep.yaml:2: server: unknown key; did you mean servers?"},
      {"repository: /r\nwholly_unlike: 1\n", "wholly_unlike: unknown key; see docs/configuration.md"},
      {"repository: /r\nslot: a\n", "pgkeep.yaml:2: slot: belongs into `defaults` or into a server"},
      {"repository: /r\ndefaults:\n  conninfo: host=a\n",
       "pgkeep.yaml:3: defaults.conninfo: belongs into each server, not into the defaults"},
      {"repository: /r\nservers:\n  main:\n    conninfo: host=a\n    compression_level: high\n",
       "pgkeep.yaml:5: servers.main.compression_level: a number from 1 to 19 is expected, not 'high'"},
      {"repository: /r\nservers:\n  main:\n    conninfo: host=a\n    compression_level: 20\n",
       "servers.main.compression_level: 20 is out of range: a number from 1 to 19 is expected"},
      {"repository: /r\ndefaults:\n  max_rate: 5 parsecs\n", "pgkeep.yaml:3: defaults.max_rate: a size"},
      {"repository: /r\ndefaults:\n  max_rate: 4KiB\n", "from 32 KiB to 1 GiB, or 0: no limit is expected"},
      {"repository: /r\ndefaults:\n  connect_timeout: soon\n", "defaults.connect_timeout: a duration"},
      {"repository: /r\ndefaults:\n  active: maybe\n",
       "defaults.active: true or false is expected, not 'maybe'"},
      {"repository: /r\ndefaults:\n  checkpoint: slow\n", "fast or spread is expected, not 'slow'"},
      {"repository: /r\ndefaults:\n  slot: Kept-Here\n", "pgkeep.yaml:3: defaults.slot: "},
      {"repository: /r\ndefaults:\n  slot:\n", "defaults.slot: has no value"},
      {"repository: /r\ndefaults:\n  slot: [a, b]\n", "defaults.slot: one value is expected, not a list"},
      {"repository: /r\nservers:\n  main:\n    conninfo: hots=a\n", "pgkeep.yaml:4: servers.main.conninfo: "},
      {"repository: /r\nservers:\n  main:\n    slot: a\n", "pgkeep.yaml:3: servers.main: has no conninfo"},
      {"repository: /r\nservers:\n  main:\n", "pgkeep.yaml:3: servers.main: has no conninfo"},
      {"repository: /r\nservers:\n  main: host=a\n", "servers.main: a section of keys"},
      {"repository: /r\nservers: [a]\n", "pgkeep.yaml:2: servers: a section of keys"},
      {"repository: /r\nservers:\n  main:\n    conninfo: host=a\n  main:\n    conninfo: host=b\n",
       "pgkeep.yaml:5: servers.main: stands here twice, first at pgkeep.yaml:3"},
      {"repository: /r\nrepository: /s\n",
       "pgkeep.yaml:2: repository: stands here twice, first at pgkeep.yaml:1"},
      {"repository: /r\nservers:\n  ../x:\n    conninfo: host=a\n",
       "pgkeep.yaml:3: servers.../x: '../x' cannot be the name of a server"},
      {"repository: /r\nservers:\n  all:\n    conninfo: host=a\n", "'all' cannot be the name of a server"},
      {"servers:\n  main:\n    conninfo: host=a\n", "repository: is missing"},
      {"repository: backups\n", "pgkeep.yaml:1: repository: an absolute path is expected, not 'backups'"},
      {"", "`repository:` and `servers:` are expected"},
      {"repository: [\n", "not valid YAML"},
      {"repository: /r\nservers:\n  main:\n   conninfo: 'host=a\n", "not valid YAML"},
      {"repository: /r\n---\nrepository: /s\n", "holds 2 YAML documents"},
      {"repository: /r\n[a, b]: 1\n", "pgkeep.yaml:2: a name is expected here"},
      {"- repository: /r\n", "pgkeep.yaml:1: `repository:` and `servers:` are expected"},
      {"repository: [/r, /s]\n", "pgkeep.yaml:1: repository: one value is expected, not a list"},
      {"repository:\n", "pgkeep.yaml:1: repository: has no value"},
      {"repository: /r\ndefaults: 7\n", "pgkeep.yaml:2: defaults: a section of keys"},
      {"repository: /r\ninclude: {a: b}\n",
       "pgkeep.yaml:2: include: one value is expected, not a section of keys"},
      {"repository: /r\ninclude: [[a]]\n", "pgkeep.yaml:2: include: a list of single values is expected"},
      {"repository: /r\ndefaults:\n  slot: a\n  checkpoint: fast\n  slot: b\n",
       "pgkeep.yaml:5: defaults.slot: stands here twice, first at pgkeep.yaml:3; remove one"},
  };
  for (const auto& [content, said] : table) EXPECT_THAT(error_of(content), HasSubstr(said)) << content;
}

TEST_F(ConfigTest, TakesSectionsWithNothingInThem) {
  const auto config = load(
      "repository: /srv/pgkeep\ndefaults:\ninclude:\nservers:\n  a:\n    conninfo: host=a\n    "
      "protect_primary:\n");
  EXPECT_EQ(config.servers.at(0).retain_at_most, 0u);
  EXPECT_THAT(load("repository: /srv/pgkeep\nservers:\n").servers, IsEmpty());
}

TEST_F(ConfigTest, TakesTheDotsOutOfThePathOfTheRepository) {
  EXPECT_EQ(load("repository: /srv/./pgkeep/../backups\n").repository, "/srv/backups");
}

TEST_F(ConfigTest, IncludesSeveralPatternsInTheirOrder) {
  write("b.yaml", "servers: {b: {conninfo: host=b}}\n");
  write("conf.d/a.yaml", "servers: {a: {conninfo: host=a}}\n");
  const auto absolute = (directory_ / "b.yaml").native();
  const auto config = load("repository: /srv/pgkeep\ninclude: ['conf.d/?.yaml', " + absolute + "]\n");
  ASSERT_EQ(config.servers.size(), 2u);
  EXPECT_EQ(config.servers[0].name, "a");
}

TEST_F(ConfigTest, NamesFileAndLineOfAMistakeInAnIncludedFile) {
  const std::vector<Wrong> table{
      {"servers:\n  a:\n    conninfo: host=a\n    slto: b\n",
       "conf.d/a.yaml:4: servers.a.slto: unknown key; did you mean slot?"},
      {"servers:\n  a:\n    conninfo: host=a\n    max_rate: 1KiB\n",
       "conf.d/a.yaml:4: servers.a.max_rate: 1KiB is out of range"},
      {"severs:\n", "conf.d/a.yaml:1: severs: unknown key; did you mean servers?"},
      {"repository: /s\n", "conf.d/a.yaml:1: repository: belongs into pgkeep.yaml"},
      {"include: b.yaml\n", "conf.d/a.yaml:1: include: belongs into pgkeep.yaml"},
      {"host=a\n", "conf.d/a.yaml:1: a section of keys"},
      {"servers: [\n", "conf.d/a.yaml:"},
  };
  for (const auto& [content, said] : table) {
    write("conf.d/a.yaml", content);
    EXPECT_THAT(error_of("repository: /r\ninclude: conf.d/*.yaml\n"), HasSubstr(said)) << content;
  }
}

TEST_F(ConfigTest, LooksAtWhoMayReadThePasswordOfAnIncludedFile) {
  const auto file = write("conf.d/a.yaml", "servers:\n  a: {conninfo: host=a password=hush}\n");
  std::filesystem::permissions(file,
                               std::filesystem::perms::owner_read | std::filesystem::perms::others_read);
  EXPECT_THAT(error_of("repository: /r\ninclude: conf.d/*.yaml\n"),
              HasSubstr("conf.d/a.yaml:2: servers.a.conninfo: holds a password"));
}

TEST_F(ConfigTest, RefusesAServerThatAnotherFileHasToo) {
  write("conf.d/more.yaml", "servers:\n\n  main: {conninfo: host=b}\n");
  EXPECT_THAT(
      error_of("repository: /r\ninclude: conf.d/*.yaml\nservers:\n  main: {conninfo: host=a}\n"),
      HasSubstr(
          "conf.d/more.yaml:3: servers.main: a second server of this name, the first is at pgkeep.yaml:4"));
}

TEST_F(ConfigTest, RefusesAllButServersInAnIncludedFile) {
  write("conf.d/more.yaml", "defaults: {slot: a}\n");
  EXPECT_THAT(error_of("repository: /r\ninclude: conf.d/*.yaml\n"),
              HasSubstr("conf.d/more.yaml:1: defaults: belongs into pgkeep.yaml"));
}

TEST_F(ConfigTest, RefusesAPasswordThatOthersCanRead) {
  const auto file =
      write("pgkeep.yaml", "repository: /r\nservers:\n  main:\n    conninfo: host=a password=hush\n");
  EXPECT_EQ(load_config(file).servers.size(), 1u);
  for (const auto reader : {std::filesystem::perms::group_read, std::filesystem::perms::others_read}) {
    std::filesystem::permissions(file, std::filesystem::perms::owner_read | reader);
    const auto said = error_of_file(file);
    EXPECT_THAT(said, HasSubstr("pgkeep.yaml:4: servers.main.conninfo: holds a password"));
    EXPECT_THAT(said, HasSubstr("chmod 600"));
    EXPECT_THAT(said, Not(HasSubstr("hush")));
  }
}

TEST_F(ConfigTest, LetsOthersReadAFileWithoutPassword) {
  const auto file = write("pgkeep.yaml", kMinimal);
  std::filesystem::permissions(file,
                               std::filesystem::perms::owner_read | std::filesystem::perms::others_read);
  EXPECT_EQ(load_config(file).servers.size(), 1u);
}

TEST_F(ConfigTest, NamesTheFileThatIsMissing) {
  EXPECT_THAT(error_of_file(directory_ / "none.yaml"),
              AllOf(HasSubstr("none.yaml"), HasSubstr("name the configuration with -c FILE")));
}

TEST_F(ConfigTest, TellsTheWholePathOfItsFile) {
  const auto file = write("pgkeep.yaml", kMinimal);
  std::filesystem::create_directory(directory_ / "conf.d");
  EXPECT_EQ(load_config(directory_ / "conf.d" / ".." / "pgkeep.yaml").file, file);
}

TEST_F(ConfigTest, ReadsSchedulesInTheFormsThatOperatorsWrite) {
  const auto config = load(R"(repository: /srv/pgkeep
limits: {backups: 4}
defaults:
  schedule: {backup: 02:00, expire: after backup, spread: 2h}
  timezone: Europe/Berlin
  windows: {never: ["08:00-18:00 Mon-Fri", "23:00-24:00"]}
servers:
  a: {conninfo: host=pg1}
  b: {conninfo: host=pg2, schedule: {backup: {every: 6h}}, windows: {never: 12:00-13:00}}
  c: {conninfo: host=pg3, schedule: {backup: {cron: "0 2 * * *"}, expire: never}}
)");
  EXPECT_EQ(config.limits, (JobLimits{.backups = 4, .per_host = 1, .verifications = 1}));
  const auto& a = config.servers[0].schedule;
  EXPECT_EQ(a.backup.text(), "02:00");
  EXPECT_TRUE(a.expire.is_after_backup());
  EXPECT_EQ(a.spread, std::chrono::hours(2));
  EXPECT_EQ(a.zone.name(), "Europe/Berlin");
  EXPECT_EQ(a.never.size(), 2U);
  const auto& b = config.servers[1].schedule;
  EXPECT_EQ(b.backup.text(), "every 6h");
  EXPECT_TRUE(b.expire.is_after_backup());
  EXPECT_EQ(b.never.size(), 1U);
  EXPECT_EQ(config.servers[2].schedule.backup.text(), "cron 0 2 * * *");
  EXPECT_FALSE(config.servers[2].schedule.expire.is_set());
}

TEST_F(ConfigTest, ReadsBandwidthByWindowsOfTheDay) {
  const auto config = load(R"(repository: /srv/pgkeep
defaults:
  bandwidth: {"08:00-20:00 Mon-Fri": 20MiB/s, 20:00-22:00: 50MiB/s}
servers:
  a: {conninfo: host=pg1}
  b: {conninfo: host=pg2, bandwidth: 00:00-24:00 0}
  c: {conninfo: host=pg3, bandwidth: [08:00-20:00 Mon-Fri 20MiB/s, 20:00-22:00 50MiB/s]}
)");
  const auto& limits = config.servers[0].bandwidth;
  ASSERT_EQ(limits.size(), 2U);
  EXPECT_EQ(limits[0].window().text(), "08:00-20:00 Mon-Fri");
  EXPECT_EQ(limits[0].bytes_a_second(), 20U << 20);
  EXPECT_EQ(limits[1].bytes_a_second(), 50U << 20);
  EXPECT_EQ(config.servers[1].bandwidth.at(0).bytes_a_second(), 0U);
  EXPECT_EQ(config.servers[2].bandwidth, limits);
}

TEST_F(ConfigTest, SaysWhatIsWrongWithABandwidth) {
  const std::string head = "repository: /srv/pgkeep\nservers:\n  a:\n    conninfo: host=pg1\n    ";
  EXPECT_THAT(error_of(head + "bandwidth: 20MiB/s\n"),
              HasSubstr("servers.a.bandwidth: a window of the day and a rate"));
  EXPECT_THAT(error_of(head + "bandwidth: {}\n"),
              HasSubstr("servers.a.bandwidth: a window of the day and a rate"));
  EXPECT_THAT(error_of(head + "bandwidth: {noon: 20MiB/s}\n"), HasSubstr("'noon' is no time window"));
  EXPECT_THAT(error_of(head + "bandwidth: {\"08:00-20:00\": 1B/s}\n"), HasSubstr("'1B/s' is no rate"));
}

TEST_F(ConfigTest, SaysWhatIsWrongWithASchedule) {
  const std::string head = "repository: /srv/pgkeep\nservers:\n  a:\n    conninfo: host=pg1\n    ";
  EXPECT_THAT(error_of(head + "schedule: {backup: tonight}\n"),
              HasSubstr("servers.a.schedule.backup: a time"));
  EXPECT_THAT(error_of(head + "schedule: {backup: {each: 6h}}\n"),
              HasSubstr("one of `every`, `cron` or `calendar`"));
  EXPECT_THAT(error_of(head + "schedule: {backup: after backup}\n"),
              HasSubstr("a backup cannot come after each backup"));
  EXPECT_THAT(error_of(head + "schedule: {vacuum: 02:00}\n"), HasSubstr("unknown key"));
  EXPECT_THAT(error_of(head + "timezone: Atlantis\n"), HasSubstr("a time zone (Europe/Berlin) is expected"));
  EXPECT_THAT(error_of(head + "windows: {never: [noon]}\n"), HasSubstr("servers.a.windows.never"));
  EXPECT_THAT(error_of("repository: /srv/pgkeep\nlimits: {backups: 0}\n"), HasSubstr("out of range"));
  EXPECT_THAT(error_of("repository: /srv/pgkeep\nlimits: {backup: 2}\n"), HasSubstr("unknown key"));
}

TEST_F(ConfigTest, ReadsWhereToAnswerOverHttp) {
  const auto config = load(std::string(kMinimal) + R"(http:
  listen: "[::]:8432"
  token_file: /etc/pgkeep/http.token
  certificate: /etc/pgkeep/http.crt
  key: /etc/pgkeep/http.key
)");
  ASSERT_TRUE(config.http.listen);
  EXPECT_EQ(config.http.listen->text(), "[::]:8432");
  EXPECT_FALSE(config.http.listen->is_loopback());
  EXPECT_EQ(config.http.token_file, "/etc/pgkeep/http.token");
  EXPECT_EQ(config.http.key, "/etc/pgkeep/http.key");
  EXPECT_EQ(load(kMinimal).http.listen, std::nullopt);
}

TEST_F(ConfigTest, LetsNoOtherHostReadTheFleetWithoutATokenAndTls) {
  const auto error = [&](const std::string& keys) {
    return error_of(std::string(kMinimal) + "http: {" + keys + "}\n");
  };
  const std::string tls = ", certificate: /c, key: /k";
  EXPECT_EQ(error("listen: 127.0.0.1:8432"), "no error");
  EXPECT_EQ(error("listen: '[::1]:8432'"), "no error");
  EXPECT_EQ(error("listen: 0.0.0.0:8432, token_file: /t" + tls), "no error");
  for (const std::string& keys : {std::string(), std::string(", token_file: /t"), tls})
    EXPECT_THAT(error("listen: 0.0.0.0:8432" + keys), HasSubstr("http: other hosts can reach 0.0.0.0:8432"));
}

TEST_F(ConfigTest, SaysWhatIsWrongWithHttp) {
  const auto error = [&](const std::string& keys) {
    return error_of(std::string(kMinimal) + "http: {" + keys + "}\n");
  };
  for (const auto* listen :
       {"8432", "localhost:8432", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "'::1:8432'"})
    EXPECT_THAT(error("listen: " + std::string(listen)), HasSubstr("http.listen: an IP address and a port"))
        << listen;
  EXPECT_THAT(error("token_file: /t"), HasSubstr("has no `listen`"));
  EXPECT_THAT(error("listen: 127.0.0.1:1, key: /k"), HasSubstr("belong together"));
  EXPECT_THAT(error("listen: 127.0.0.1:1, token_file: t"), HasSubstr("an absolute path is expected"));
  EXPECT_THAT(error("listen: 127.0.0.1:1, port: 1"), HasSubstr("unknown key"));
  EXPECT_THAT(error_of(std::string(kMinimal) + "http.listen: 127.0.0.1:1\n"), HasSubstr("unknown key"));
}

TEST_F(ConfigTest, ReadsWhoGetsTheReportAndWhen) {
  const auto config = load(std::string(kMinimal) + R"(mail:
  to: '"Doe, J." <j@example.org>, ops@example.org'
  from: pgkeep@backup.example.org
  smtp: smtp://mail.example.org:587
  user: pgkeep
  password_file: /etc/pgkeep/mail.password
  heartbeat: https://hc.example.org/ping/c0ffee
schedule: {report: "06:30", timezone: Europe/Berlin}
)");
  EXPECT_EQ(config.mail.to, "\"Doe, J.\" <j@example.org>, ops@example.org");
  EXPECT_EQ(config.mail.password_file, "/etc/pgkeep/mail.password");
  EXPECT_EQ(config.schedule.report.text(), "06:30");
  EXPECT_EQ(config.schedule.zone.name(), "Europe/Berlin");
  EXPECT_FALSE(load(kMinimal).schedule.report.is_set());
}

TEST_F(ConfigTest, SaysWhatIsWrongWithMail) {
  const auto error = [&](const std::string& keys) {
    return error_of(std::string(kMinimal) + "mail: {" + keys + "}\n");
  };
  EXPECT_EQ(error("to: a@b"), "no error");
  EXPECT_THAT(error("to: nobody"), HasSubstr("mail.to: an address has an @"));
  EXPECT_THAT(error("to: \"a@b\\nBcc: x@y\""), HasSubstr("printable"));
  EXPECT_THAT(error("from: a@b"), HasSubstr("has no `to`"));
  EXPECT_THAT(error("to: a@b, smtp: mail.example.org"), HasSubstr("smtp:// or smtps://"));
  EXPECT_THAT(error("to: a@b, smtp: 'smtp://u:secret@h'"),
              AllOf(HasSubstr("`mail.user`"), Not(HasSubstr("secret"))));
  EXPECT_THAT(error("to: a@b, smtp: 'smtp://h', user: u"), HasSubstr("belong together"));
  EXPECT_THAT(error("to: a@b, user: u, password_file: /p"), HasSubstr("no `smtp`"));
  EXPECT_THAT(error("to: a@b, heartbeat: hc.example.org"), HasSubstr("https://"));
}

TEST_F(ConfigTest, SaysWhatIsWrongWithTheScheduleOfTheFleet) {
  const auto error = [&](const std::string& more) { return error_of(std::string(kMinimal) + more); };
  EXPECT_THAT(error("schedule: {report: '06:30'}\n"), HasSubstr("name who gets it"));
  EXPECT_THAT(error("mail: {to: a@b}\nschedule: {report: after backup}\n"), HasSubstr("say when"));
  EXPECT_THAT(error("schedule: {backup: '02:00'}\n"), HasSubstr("belongs into `defaults` or into a server"));
}

TEST(ServerNameTest, IsANameForAFolder) {
  for (const auto* good : {"main", "pg-1.example", "A_1", "x"})
    EXPECT_THAT(why_not_a_server_name(good), IsEmpty());
  for (const auto* bad : {"", ".", "..", ".hidden", "-x", "a/b", "a b", "é", "all", "repository.json"})
    EXPECT_THAT(why_not_a_server_name(bad), Not(IsEmpty())) << bad;
  EXPECT_THAT(why_not_a_server_name(std::string(65, 'x')), Not(IsEmpty()));
}

}  // namespace
}  // namespace pgkeep::server
