// WAL that a server pushes by archive_command: the second way in, beside the stream.
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>

#include "catalog/io/hashing.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/postgres/wal_record.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"
#include "tests/support/small_disk.h"
#include "tests/support/ssh_server.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

void replace(std::string& text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  if (at == text.npos) throw std::runtime_error(what + " is not in: " + text);
  text.replace(at, what.size(), with);
}

/// The line for postgresql.conf that the help of put-wal shows, for the hosts of this test.
std::string documented_archive_command(const BackupHost& host, const SshServer& ssh) {
  const auto help = run_or_throw({{PGKEEP_BINARY, "help", "put-wal"}});
  const std::string begin = "    archive_command = '";
  const auto at = help.find(begin + "ssh");
  if (at == help.npos) throw std::runtime_error("no archive_command over ssh in:\n" + help);
  auto line = help.substr(at + begin.size());
  line.resize(line.find("'\n"));
  replace(line, "ssh -o BatchMode=yes pgkeep@backuphost", ssh.command());
  replace(line, " pgkeep -q",
          std::string(" ") + PGKEEP_BINARY + " -c " + host.config_file().native() + " -q");
  return line;
}

const std::map<std::string, std::string> kArchiving{{"archive_mode", "on"}, {"archive_command", ""}};

class PutWal : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    PGKEEP_NEEDS_POSTGRES(GetParam());
    if (!SshServer::available()) GTEST_SKIP() << "no sshd here: run etc/install-deps --tests";
  }

  static void push_by(const std::string& archive_command, const PostgresCluster& source) {
    source.execute("ALTER SYSTEM SET archive_command = '" + archive_command + "'");
    source.execute("SELECT pg_reload_conf()");
  }
  /// The segment that was in use.
  static std::string close_segment(const PostgresCluster& source) {
    source.execute("SELECT pg_logical_emit_message(false, 'test', 'something to close')");
    auto name = source.value("SELECT pg_walfile_name(pg_current_wal_lsn())");
    source.execute("SELECT pg_switch_wal()");
    return name;
  }
  static void wait_until_pushed(const PostgresCluster& source, const std::string& name) {
    wait_until(
        [&] {
          return source.value("SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name = '" + name +
                              ".done'") == "1";
        },
        name + " is archived, as the server sees it");
  }
  static std::string segment_content(const PostgresCluster& source, const std::string& name) {
    return read_file(source.data_directory() / "pg_wal" / name);
  }
};
PGKEEP_FOR_EACH_VERSION(PutWal);

TEST_P(PutWal, TakesWhatTheDocumentedArchiveCommandPushes) {
  const auto source = PostgresCluster::create(GetParam(), {.settings = kArchiving});
  const BackupHost host(source);
  const SshServer ssh;
  ssh.let_postgres_in();
  host.backup();
  push_by(documented_archive_command(host, ssh), source);
  source.execute("CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 10000) AS n");
  const auto closed = close_segment(source);
  wait_until_pushed(source, closed);
  EXPECT_EQ(source.value("SELECT failed_count FROM pg_stat_archiver"), "0") << source.log_tail();
  // Nothing received it: it waits until somebody speaks for it.
  EXPECT_EQ(host.pgkeep({"get-wal", "main", closed}).exit_code, 1);
  EXPECT_THAT(host.pgkeep_or_throw({"recover", "main", "latest", host.scratch("none"), "--dry-run"}),
              HasSubstr("pgkeep adopt-wal main"));
  host.pgkeep_or_throw({"adopt-wal", "main"});
  EXPECT_TRUE(host.pgkeep_or_throw({"get-wal", "main", closed}) == segment_content(source, closed));
  EXPECT_EQ(contents(recover_and_start(host, GetParam(), "latest", "recovered")), contents(source));
  const auto backup_files = source.value(
      "SELECT string_agg(replace(name, '.done', ''), ' ') FROM pg_ls_archive_statusdir() WHERE name LIKE "
      "'%.backup.done'");
  ASSERT_FALSE(backup_files.empty());
  EXPECT_THAT(host.pgkeep_or_throw({"get-wal", "main", backup_files}), HasSubstr("START WAL LOCATION"));
}

TEST_P(PutWal, TakesHistoryAndLastSegmentOfAPromotedStandby) {
  auto primary = PostgresCluster::create(GetParam(), {.settings = kArchiving});
  BackupHost host(primary);
  const SshServer ssh;
  ssh.let_postgres_in();
  push_by(documented_archive_command(host, ssh), primary);
  host.backup();
  auto standby = PostgresCluster::standby_of(primary);
  // What it does not push before it is lost nobody would: nothing receives it here.
  wait_until(
      [&] {
        return primary.value("SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'") ==
               "0";
      },
      "all complete segments are pushed");
  primary.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n");
  const auto last = primary.value("SELECT pg_walfile_name(pg_current_wal_lsn())");
  wait_until([&] { return standby.value("SELECT to_regclass('t') IS NOT NULL") == "t"; },
             "the standby has the table");
  primary.lose();
  standby.promote();
  wait_until_pushed(standby, "00000002.history");
  wait_until_pushed(standby, last + ".partial");
  const auto closed = close_segment(standby);
  wait_until_pushed(standby, closed);
  EXPECT_THAT(host.pgkeep_or_throw({"get-wal", "main", last + ".partial"}), SizeIs(16u << 20));
  // What is only pushed makes no timeline the newest.
  EXPECT_EQ(host.json({"list-wal", "main"})[0].at("ranges").back().at("timeline"), 1);
  host.pgkeep_or_throw({"adopt-wal", "main", closed});
  EXPECT_EQ(contents(recover_and_start(host, GetParam(), "latest", "recovered")), contents(standby));
}

TEST_P(PutWal, GoesTogetherWithTheStreamOfTheSameSegments) {
  const auto source =
      PostgresCluster::create(GetParam(), {.initdb = {"--wal-segsize=1"}, .settings = kArchiving});
  const BackupHost host(source);
  const SshServer ssh;
  ssh.let_postgres_in();
  push_by(documented_archive_command(host, ssh), source);
  auto receiver = host.receive_wal(source);
  host.backup();
  source.pgbench_init(1);
  source.pgbench(500);
  const auto closed = close_segment(source);
  wait_until_pushed(source, closed);
  wait_until_flushed(source);
  EXPECT_TRUE(receiver.running());
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  EXPECT_THAT(host.json({"wal-conflicts", "main"}), IsEmpty());
  EXPECT_THAT(host.json({"pushed-wal", "main"}), IsEmpty());
  EXPECT_EQ(source.value("SELECT failed_count FROM pg_stat_archiver"), "0") << source.log_tail();
  EXPECT_EQ(contents(recover_and_start(host, GetParam(), "latest", "recovered")), contents(source));
}

TEST_P(PutWal, FillsAGapOfTheStream) {
  const auto source =
      PostgresCluster::create(GetParam(), {.initdb = {"--wal-segsize=1"}, .settings = kArchiving});
  const BackupHost host(source);
  const SshServer ssh;
  ssh.let_postgres_in();
  push_by(documented_archive_command(host, ssh), source);
  {
    auto receiver = host.receive_wal(source);
    host.backup();
    receiver.signal(SIGTERM);
    receiver.wait();
  }
  host.pgkeep_or_throw({"drop-slot", "main"});
  // By now the server has removed what comes next, unless it was archived.
  std::string missing;
  for (int i = 0; i < 8; ++i) {
    const auto closed = close_segment(source);
    if (missing.empty()) missing = closed;
    wait_until_pushed(source, closed);
  }
  source.execute("CHECKPOINT");
  source.execute("CHECKPOINT");
  ASSERT_EQ(source.value("SELECT count(*) FROM pg_ls_waldir() WHERE name = '" + missing + "'"), "0");
  auto receiver = host.receive_wal(source);
  source.execute("CREATE TABLE after_the_gap AS SELECT generate_series(1, 1000) AS n");
  close_segment(source);  // the segment after the gap is what proves the pushed ones
  wait_until_flushed(source);
  wait_until([&] { return host.json({"list-wal", "main"})[0].at("gaps").empty(); }, "the gap is filled");
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  EXPECT_THAT(host.pgkeep_or_throw({"list-wal", "main", "--events"}), HasSubstr("adopted: "));
  EXPECT_THAT(host.json({"pushed-wal", "main"}), IsEmpty());
  EXPECT_EQ(contents(recover_and_start(host, GetParam(), "latest", "recovered")), contents(source));
}

// A copy of the host starts with the same archive_command while the server itself is idle.
TEST_P(PutWal, WhatACopyOfTheHostPushesIsAConflictAndNothingAcknowledgedIsMissing) {
  auto source = PostgresCluster::create(GetParam(), {.initdb = {"--wal-segsize=1"}, .settings = kArchiving});
  const BackupHost host(source);
  const SshServer ssh;
  ssh.let_postgres_in();
  push_by(documented_archive_command(host, ssh), source);
  source.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n");
  host.backup();
  source.stop();
  const auto copy_directory = source.make_directory("copy") / "data";
  run_or_throw({.argv = {"cp", "-a", source.data_directory().native(), copy_directory.native()}});
  source.start();
  auto receiver = host.receive_wal(source);
  wait_until_flushed(source);
  {
    auto copy = PostgresCluster::adopt(GetParam(), copy_directory);
    copy.start();
    for (int i = 0; i < 3; ++i) {
      copy.execute("INSERT INTO t SELECT generate_series(5001, 5100)");
      close_segment(copy);
    }
    // The former, unless the server has written a record meanwhile.
    wait_until(
        [&] {
          return !host.json({"pushed-wal", "main"}).empty() || !host.json({"wal-conflicts", "main"}).empty();
        },
        "the copy has pushed");
  }
  std::string last;
  for (int i = 0; i < 5; ++i) {
    source.execute("INSERT INTO t SELECT generate_series(1001, 3000)");
    last = close_segment(source);
  }
  wait_until_pushed(source, last);
  wait_until_flushed(source);
  wait_until([&] { return host.json({"pushed-wal", "main"}).empty(); }, "nothing waits any more");
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0) << receiver.err();
  EXPECT_THAT(host.json({"wal-conflicts", "main"}), ::testing::Not(IsEmpty()));
  EXPECT_EQ(contents(recover_and_start(host, GetParam(), "latest", "recovered")), contents(source));
}

/// Segments of a server that nothing is received from, pushed from files.
class PutWalFile : public ::testing::Test {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(18); }

  struct Segment {
    std::string name;
    fs::path file;
    std::string sha256;
  };
  /// Closed segments of a new cluster of 1 MiB segments, copied to `host`, which knows the cluster.
  static std::vector<Segment> segments_of(const PostgresCluster& source, const BackupHost& host, int number) {
    host.backup();
    std::vector<Segment> segments;
    for (int i = 0; i < number; ++i) {
      source.execute("CREATE TABLE t" + std::to_string(i) + " AS SELECT generate_series(1, 3000)");
      const auto name = source.value("SELECT pg_walfile_name(pg_current_wal_lsn())");
      source.execute("SELECT pg_switch_wal()");
      const auto file = host.scratch("segment-" + name);
      fs::copy_file(source.data_directory() / "pg_wal" / name, file);
      segments.push_back({name, file, sha256_of(file)});
    }
    return segments;
  }
  static PostgresCluster small_segments() {
    return PostgresCluster::create(18, {.initdb = {"--wal-segsize=1"}});
  }
  static std::string sha256_of(const fs::path& file) {
    return run_or_throw({{"sha256sum", file}}).substr(0, 64);
  }
  static Outcome put(const BackupHost& host, const Segment& segment) {
    return host.pgkeep({"put-wal", "main", segment.name, "--sha256", segment.sha256, "--file", segment.file});
  }
  /// As ssh would: from a pipe.
  static Outcome put_from(const BackupHost& host, const std::string& producer, const std::string& name,
                          const std::string& options) {
    return run({{"sh", "-c",
                 producer + " | " + PGKEEP_BINARY + " -c " + host.config_file().native() + " put-wal main " +
                     name + " " + options}});
  }
  /// Another segment of that name, as sound.
  static Segment forged(const BackupHost& host, const Segment& segment) {
    auto content = read_file(segment.file);
    io::ByteVector wal(content.size());
    std::memcpy(wal.data(), content.data(), wal.size());
    // The first record that begins in it, of another transaction.
    const auto continued = io::load_le<std::uint32_t>(wal.data() + 16);
    auto* record = wal.data() + postgres::kWalLongPageHeaderBytes + (continued + 7) / 8 * 8;
    const auto length = io::load_le<std::uint32_t>(record);
    if (record + length > wal.data() + postgres::kWalBlockBytes)
      throw std::runtime_error("the first record of " + segment.name + " is longer than its page");
    record[4] ^= std::byte{1};
    const auto payload = io::ByteView(record, length).subspan(postgres::kWalRecordHeaderBytes);
    io::store_le(record + postgres::kWalRecordCrcAt,
                 io::crc32c(io::ByteView(record, postgres::kWalRecordCrcAt), io::crc32c(payload)));
    std::memcpy(content.data(), wal.data(), wal.size());
    const auto file = host.scratch("forged-" + segment.name);
    std::ofstream(file, std::ios::binary) << content;
    return {segment.name, file, sha256_of(file)};
  }
  /// The names of the segments that wait.
  static std::vector<std::string> waiting(const BackupHost& host) {
    std::vector<std::string> names;
    for (const auto& one : host.json({"pushed-wal", "main"})) names.push_back(one.at("name"));
    return names;
  }
  static std::string stored(const BackupHost& host, const std::string& name) {
    return host.pgkeep_or_throw({"get-wal", "main", name});
  }
  static std::vector<std::string> leftovers(const BackupHost& host) {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(host.repository() / "main" / "wal"))
      if (entry.path().extension() == ".tmp") found.push_back(entry.path());
    return found;
  }
};

TEST_F(PutWalFile, AcceptsTheSameAgainAndSaysNothing) {
  const auto source = small_segments();
  const BackupHost host(source);
  const auto segments = segments_of(source, host, 2);
  for (const auto& segment : {segments[0], segments[1], segments[1]}) {
    const auto outcome = put(host, segment);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    EXPECT_EQ(outcome.out + outcome.err, "");
  }
  EXPECT_THAT(waiting(host), SizeIs(2));
  host.pgkeep_or_throw({"adopt-wal", "main"});
  EXPECT_THAT(waiting(host), IsEmpty());
  for (const auto& segment : segments)
    EXPECT_TRUE(stored(host, segment.name) == read_file(segment.file)) << segment.name;
}

TEST_F(PutWalFile, WhatIsForgedWhileNothingIsReceivedIsAConflictWhenTheStreamComes) {
  const auto source = small_segments();
  const BackupHost host(source);
  const auto segments = segments_of(source, host, 4);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(put(host, forged(host, segments[i])).exit_code, 0);
  EXPECT_THAT(waiting(host), SizeIs(3));
  auto receiver = host.receive_wal(source);
  source.execute("CREATE TABLE t AS SELECT generate_series(1, 1000)");
  wait_until_flushed(source);
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0) << receiver.err();
  EXPECT_THAT(waiting(host), IsEmpty());
  EXPECT_EQ(host.json({"wal-conflicts", "main"}).size(), 3u);
  EXPECT_EQ(contents(recover_and_start(host, 18, "latest", "recovered")), contents(source));
}

TEST_F(PutWalFile, WhatGoesPastTheLimitIsRefusedAndRoomIsMadeByHand) {
  const auto source = small_segments();
  BackupHost host;
  host.add_server("main", source.conninfo(), {{"pushed_wal", "{most_files: 2}"}});
  const auto segments = segments_of(source, host, 4);
  for (std::size_t i = 1; i < 3; ++i) EXPECT_EQ(put(host, segments[i]).exit_code, 0);
  const auto refused = put(host, segments[3]);
  EXPECT_EQ(refused.exit_code, 6) << refused.text();
  EXPECT_THAT(refused.err, HasSubstr("pgkeep pushed-wal main"));
  EXPECT_THAT(host.pgkeep({"adopt-wal", "main"}).text(), HasSubstr("nothing that waits can be taken"));
  host.pgkeep_or_throw({"pushed-wal", "main", segments[1].name, "--delete"});
  EXPECT_EQ(put(host, segments[3]).exit_code, 0);
  EXPECT_THAT(waiting(host), ::testing::ElementsAre(segments[2].name, segments[3].name));
}

TEST_F(PutWalFile, RefusesAnotherOneUntilSomebodyDecides) {
  const auto source = small_segments();
  const BackupHost host(source);
  const auto segments = segments_of(source, host, 2);
  const auto& segment = segments.back();
  const auto other = forged(host, segment);
  for (const auto& one : segments) EXPECT_EQ(put(host, one).exit_code, 0);
  host.pgkeep_or_throw({"adopt-wal", "main"});
  const auto refused = put(host, other);
  EXPECT_EQ(refused.exit_code, 6) << refused.text();
  EXPECT_THAT(refused.err, HasSubstr("pgkeep wal-conflicts main " + segment.name));
  const auto conflicts = host.json({"wal-conflicts", "main"});
  ASSERT_EQ(conflicts.size(), 1u);
  EXPECT_EQ(conflicts[0].at("sha256"), other.sha256);
  EXPECT_EQ(conflicts[0].at("pushed").at("timeline"), 1);
  EXPECT_THAT(host.pgkeep_or_throw({"wal-conflicts", "main", segment.name}), HasSubstr(other.sha256));

  host.pgkeep_or_throw({"wal-conflicts", "main", segment.name, "--keep", "pushed"});
  EXPECT_TRUE(stored(host, segment.name) == read_file(other.file));
  EXPECT_EQ(put(host, other).exit_code, 0);
  EXPECT_EQ(put(host, segment).exit_code, 6);
  host.pgkeep_or_throw({"wal-conflicts", "main", segment.name, "--keep", "pushed"});
  EXPECT_TRUE(stored(host, segment.name) == read_file(segment.file));

  host.pgkeep_or_throw({"wal-conflicts", "main", segment.name, "--keep", "stored"});
  EXPECT_EQ(put(host, other).exit_code, 0);
  EXPECT_TRUE(stored(host, segment.name) == read_file(segment.file));
  EXPECT_EQ(host.json({"wal-conflicts", "main"})[0].at("settled"), true);
  EXPECT_EQ(host.pgkeep({"wal-conflicts", "main", segment.name, "--keep", "stored"}).exit_code, 3);
}

TEST_F(PutWalFile, KeepsNothingOfWhatWasCutOrChangedOnTheWay) {
  const auto source = small_segments();
  const BackupHost host(source);
  const auto segment = segments_of(source, host, 2).back();
  const auto sum = "--sha256 " + segment.sha256;
  for (const auto& producer : {"head -c 500000 " + segment.file.native(), std::string("true"),
                               "cat " + segment.file.native() + " /etc/hostname"}) {
    const auto outcome = put_from(host, producer, segment.name, sum);
    EXPECT_THAT(outcome.exit_code, ::testing::AllOf(::testing::Gt(0), ::testing::Lt(126))) << outcome.text();
  }
  EXPECT_EQ(put_from(host, "cat " + segment.file.native(), segment.name, "--sha256 " + std::string(64, 'a'))
                .exit_code,
            1);
  EXPECT_EQ(put_from(host, "cat " + segment.file.native(), segment.name, "").exit_code, 2);
  EXPECT_EQ(host.pgkeep({"get-wal", "main", segment.name}).exit_code, 1);
  EXPECT_THAT(leftovers(host), IsEmpty());
  EXPECT_EQ(put_from(host, "cat " + segment.file.native(), segment.name, sum).exit_code, 0);
}

TEST_F(PutWalFile, IsTheForcedCommandOfAnSshKey) {
  const auto source = small_segments();
  const BackupHost host(source);
  const auto segment = segments_of(source, host, 2).back();
  const auto ask = [&](const std::string& line) {
    return run({{"sh", "-c",
                 std::string("exec ") + PGKEEP_BINARY + " -c " + host.config_file().native() +
                     " -q put-wal main --from-ssh < " + segment.file.native()},
                {{"SSH_ORIGINAL_COMMAND", line}}});
  };
  for (const auto& wrong : std::vector<std::string>{
           "", "sh", "pgkeep -q put-wal other " + segment.name + " --sha256 " + segment.sha256,
           "pgkeep -q put-wal main " + segment.name + " --sha256 " + segment.sha256 + "; id",
           "pgkeep -c /tmp/x put-wal main " + segment.name + " --sha256 " + segment.sha256})
    EXPECT_EQ(ask(wrong).exit_code, 2) << wrong;
  EXPECT_EQ(host.pgkeep({"get-wal", "main", segment.name}).exit_code, 1);
  const auto outcome = ask("pgkeep -q put-wal main " + segment.name + " --sha256 " + segment.sha256);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_THAT(waiting(host), ::testing::ElementsAre(segment.name));
}

TEST_F(PutWalFile, WantsAServerThatIsKnown) {
  const auto source = small_segments();
  const BackupHost host(source);
  const auto segment = segments_of(source, host, 1).back();
  const BackupHost other(source);
  EXPECT_EQ(put(other, segment).exit_code, 3);
  EXPECT_FALSE(fs::exists(other.repository() / "main"));
}

TEST_F(PutWalFile, IsRefusedByAFullDiskAndTakenWhenThereIsRoom) {
  if (!SmallDisk::available()) GTEST_SKIP() << "this process may not mount: run the tests as root";
  const auto source = small_segments();
  SmallDisk disk(64);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo());
  const auto segment = segments_of(source, host, 2).back();
  const auto ballast = disk.path() / "ballast";
  EXPECT_NE(run({{"dd", "if=/dev/zero", "of=" + ballast.native(), "bs=4096"}}).exit_code, 0);
  const auto outcome = put(host, segment);
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("No space left on device"));
  fs::remove(ballast);
  EXPECT_THAT(leftovers(host), IsEmpty());
  EXPECT_EQ(put(host, segment).exit_code, 0);
  EXPECT_THAT(waiting(host), ::testing::ElementsAre(segment.name));
}

TEST_F(PutWalFile, KilledAtAnyMomentLeavesTheSegmentWholeOrNothing) {
  const auto source = small_segments();
  const BackupHost host(source);
  const auto segments = segments_of(source, host, 12);
  std::mt19937 dice(20'261'120);
  std::uniform_int_distribution<int> moment(1, 60);
  for (const auto& segment : segments) {
    auto pushing = host.start_pgkeep(
        {"put-wal", "main", segment.name, "--sha256", segment.sha256, "--file", segment.file});
    // Here time itself is what is tested: the moment at which the kill comes.
    std::this_thread::sleep_for(std::chrono::milliseconds(moment(dice)));
    pushing.signal(SIGKILL);
    pushing.wait();
  }
  for (const auto& segment : segments) EXPECT_EQ(put(host, segment).exit_code, 0);
  EXPECT_THAT(waiting(host), SizeIs(segments.size()));
  host.pgkeep_or_throw({"adopt-wal", "main"});
  for (const auto& segment : segments)
    EXPECT_TRUE(stored(host, segment.name) == read_file(segment.file)) << segment.name;
  EXPECT_THAT(leftovers(host), IsEmpty());
  EXPECT_THAT(host.json({"wal-conflicts", "main"}), IsEmpty());
}

}  // namespace
}  // namespace pgkeep::test
