// The times that pgkeep reads in WAL are those that PostgreSQL's own pg_waldump reads there.
#include <algorithm>
#include <csignal>
#include <map>
#include <regex>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "catalog/index/server_catalog.h"
#include "catalog/io/file.h"
#include "catalog/postgres/wal_records.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/segment_rows.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using postgres::WalMoment;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::uint64_t kSegmentBytes = 1u << 20;

class WalTimes : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  static PostgresCluster make_cluster() {
    return PostgresCluster::create(GetParam(), {.initdb = {"--wal-segsize=1"},
                                                .settings = {{"max_prepared_transactions", "5"},
                                                             {"track_commit_timestamp", "on"},
                                                             {"wal_level", "logical"},
                                                             {"wal_keep_size", "256MB"}}});
  }
  /// All kinds of ends that a transaction can have.
  static void make_history(const PostgresCluster& cluster) {
    cluster.pgbench_init(1);
    cluster.pgbench(500, {"--client", "2"});
    auto session = cluster.session();
    session.execute("CREATE TABLE t (id int)");
    session.execute("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'kept'");
    session.execute("BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'dropped'");
    session.execute("COMMIT PREPARED 'kept'");
    session.execute("ROLLBACK PREPARED 'dropped'");
    session.execute("BEGIN; INSERT INTO t VALUES (3); ROLLBACK");
    // Many subtransactions, whose numbers stand in the record of the commit.
    session.execute(
        "DO $$ BEGIN FOR i IN 1..3000 LOOP BEGIN INSERT INTO t VALUES (i); EXCEPTION WHEN division_by_zero "
        "THEN NULL; END; END LOOP; END $$");
    session.execute("BEGIN; SAVEPOINT a; INSERT INTO t VALUES (4); ROLLBACK TO a; COMMIT");
    session.execute("SELECT pg_replication_origin_create('elsewhere')");
    session.execute("SELECT pg_replication_origin_session_setup('elsewhere')");
    session.execute("INSERT INTO t VALUES (5)");
    session.execute("SELECT pg_replication_origin_session_reset()");
    session.execute("DROP TABLE t");  // with invalidations
    session.execute("SELECT pg_create_restore_point('a point to come back to')");
    session.execute("SELECT pg_switch_wal()");
    session.execute("CREATE TABLE after_the_switch (id int)");
    session.execute("SELECT pg_switch_wal()");
  }
};
PGKEEP_FOR_EACH_VERSION(WalTimes);

/// A line each: "commit 0/1234 2026-11-20T02:00:00.123456Z".
using Moments = std::vector<std::string>;

Moments read_by_pgkeep(const fs::path& file, postgres::WalSegment segment) {
  const postgres::WalSegmentSize size(kSegmentBytes);
  Moments found;
  postgres::WalRecordWalker walker(
      segment.begin(size), size, {.moment = [&](const WalMoment& moment) {
        if (moment.kind == WalMoment::Kind::restore_point) {
          found.push_back(fmt::format("point {} {}", moment.begin.to_string(), moment.name));
        } else {
          found.push_back(fmt::format("{} {} {}", moment.kind == WalMoment::Kind::commit ? "commit" : "abort",
                                      moment.begin.to_string(), io::format_rfc3339(moment.time)));
        }
      }});
  walker.feed(io::read_whole_file(file, kSegmentBytes));
  EXPECT_EQ(walker.defect(), std::nullopt) << file;
  return found;
}

/// Of the records that begin in these files.
Moments read_by_pg_waldump(const PostgresCluster& cluster, const std::vector<std::string>& files) {
  auto command = cluster.program({"pg_waldump"});
  command.argv.insert(command.argv.end(), files.begin(), files.end());
  command.environment["TZ"] = "UTC";
  // Exit code 1 where the last record goes on in the next segment, which it was not told of.
  std::istringstream lines(run(command).out);
  const std::regex ended(R"(lsn: (\S+), .*desc: (COMMIT|ABORT)(?:_PREPARED \d+:)? (\S+) (\S+) UTC.*)");
  const std::regex point(R"(lsn: (\S+), .*desc: RESTORE_POINT (.*))");
  Moments found;
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    const auto lsn = [&] { return postgres::Lsn::parse(match[1].str()).value().to_string(); };
    if (std::regex_search(line, match, ended)) {
      const auto time = io::parse_rfc3339(match[3].str() + " " + match[4].str() + "Z").value();
      found.push_back(fmt::format("{} {} {}", match[2] == "COMMIT" ? "commit" : "abort", lsn(),
                                  io::format_rfc3339(time)));
    } else if (std::regex_search(line, match, point)) {
      found.push_back(fmt::format("point {} {}", lsn(), match[2].str()));
    }
  }
  return found;
}

/// Of the records that end in a file: with one that begins in the file before it, if that is given.
Moments ending_in(const PostgresCluster& cluster, const fs::path& before, const fs::path& file) {
  auto moments = read_by_pg_waldump(cluster, {file});
  if (before.empty()) return moments;
  const auto of_both = read_by_pg_waldump(cluster, {before, file});
  const auto of_the_first = read_by_pg_waldump(cluster, {before});
  if (of_both.size() > of_the_first.size() + moments.size())
    moments.insert(moments.begin(), of_both.at(of_the_first.size()));
  return moments;
}

/// The complete segments in a pg_wal, by name.
std::map<postgres::WalSegment, fs::path> segments_before(const PostgresCluster& cluster,
                                                         const std::string& lsn) {
  const postgres::WalSegmentSize size(kSegmentBytes);
  std::map<postgres::WalSegment, fs::path> found;
  for (const auto& entry : fs::directory_iterator(cluster.data_directory() / "pg_wal")) {
    const auto segment = postgres::WalSegment::parse(entry.path().filename().native(), size);
    if (segment && segment->end(size) <= postgres::Lsn::parse(lsn)) found.emplace(*segment, entry.path());
  }
  return found;
}

TEST_P(WalTimes, AreThoseThatPgWaldumpTells) {
  const auto cluster = make_cluster();
  make_history(cluster);
  const auto segments = segments_before(cluster, cluster.current_lsn());
  ASSERT_GT(segments.size(), 3u);
  Moments all;
  for (const auto& [segment, path] : segments) {
    const auto moments = read_by_pgkeep(path, segment);
    EXPECT_EQ(moments, read_by_pg_waldump(cluster, {path})) << path;
    all.insert(all.end(), moments.begin(), moments.end());
  }
  EXPECT_GT(all.size(), 1000u);
  EXPECT_THAT(all, Contains(HasSubstr("a point to come back to")));
  EXPECT_GE(std::ranges::count_if(all, [](const auto& m) { return m.starts_with("abort"); }), 3);
}

TEST_P(WalTimes, OfEachReceivedSegmentAreInTheIndexAndSurviveItsLoss) {
  const auto cluster = make_cluster();
  const BackupHost host(cluster);
  auto receiver = host.receive_wal(cluster);
  make_history(cluster);
  wait_until_flushed(cluster);
  receiver.signal(SIGTERM);
  ASSERT_EQ(receiver.wait().exit_code, 0);

  const store::ServerLayout layout(host.repository() / "main");
  const auto rows = test::rows_of(catalog::ServerCatalog::open(layout));
  const auto files = segments_before(cluster, cluster.current_lsn());
  ASSERT_GT(rows.size(), 3u);
  fs::path before;
  for (const auto& row : rows) {
    ASSERT_TRUE(files.contains(row.segment));
    const auto& file = files.at(row.segment);
    catalog::CommitTimes expected{.known = true};
    for (const auto& moment : ending_in(cluster, before, file)) {
      if (moment.starts_with("point")) continue;
      expected.add(io::parse_rfc3339(moment.substr(moment.rfind(' ') + 1)).value());
    }
    EXPECT_EQ(row.commits, expected) << file;
    before = file;
  }

  for (const auto& entry : fs::directory_iterator(host.repository() / "main"))
    if (entry.path().filename().native().starts_with("catalog.db")) fs::remove(entry.path());
  host.pgkeep_or_throw({"rebuild-catalog", "main"});
  EXPECT_EQ(test::rows_of(catalog::ServerCatalog::open(layout)), rows);
}

}  // namespace
}  // namespace pgkeep::test
