#pragma once

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/backup_host.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {

// What the stories of servers with more than one host have in common.

inline std::string conninfo_of(const PostgresCluster& first, const PostgresCluster& second) {
  return fmt::format(
      "host=127.0.0.1,127.0.0.1 port={},{} user=postgres dbname=postgres target_session_attrs=read-write",
      first.port(), second.port());
}

/// The kinds of the events in the server's journal, oldest first.
inline std::vector<std::string> events(const BackupHost& host) {
  std::vector<std::string> kinds;
  std::ifstream journal(host.repository() / "main" / "events.jsonl");
  for (std::string line; std::getline(journal, line);) {
    kinds.push_back(nlohmann::json::parse(line).at("kind").get<std::string>());
  }
  return kinds;
}

inline void end_in_order(Process& receiver) {
  receiver.signal(SIGTERM);
  const auto outcome = receiver.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
}

inline void add_rows(const PostgresCluster& cluster, int first, int last) {
  if (cluster.value("SELECT to_regclass('rows') IS NULL") == "t")
    cluster.execute("CREATE TABLE rows (id int, note text)");
  cluster.execute(
      fmt::format("INSERT INTO rows SELECT i, md5(i::text) FROM generate_series({}, {}) i", first, last));
}

inline std::string count_rows(const PostgresCluster& cluster) {
  return cluster.value("SELECT count(*) FROM rows");
}

inline void wait_until_replayed(const PostgresCluster& standby, const std::string& lsn) {
  wait_until([&] { return standby.value("SELECT pg_last_wal_replay_lsn() >= '" + lsn + "'::pg_lsn") == "t"; },
             "the standby has caught up");
}

}  // namespace pgkeep::test
