#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "catalog/io/guarded.h"
#include "tests/support/postgres_cluster.h"

namespace pgkeep::test {

/// Sessions that commit one row after the other into table `commits` and remember which the server
/// acknowledged.
class CommitWriters {
 public:
  /// Makes the table and starts. Each row carries `ballast_bytes` besides, for more WAL.
  CommitWriters(const PostgresCluster& cluster, int sessions, int ballast_bytes = 0);
  CommitWriters(const CommitWriters&) = delete;
  CommitWriters& operator=(const CommitWriters&) = delete;
  /// Ends the sessions, also those that wait for the server.
  ~CommitWriters();

  std::size_t acknowledged_so_far() const;
  /// Returns once `more` commits have been acknowledged.
  void wait_for(std::size_t more) const;
  /// Ends the sessions after the row in hand.
  void stop();
  /// Waits until the sessions have ended, by stop() or because the server is gone.
  void join() { threads_.clear(); }
  /// Rows whose commit was acknowledged; those up to `flushed` only, when given. Call after join().
  std::set<int> acknowledged() const;
  std::set<int> acknowledged_before(const std::string& flushed_lsn) const;

 private:
  struct Commit {
    std::uint64_t lsn;  // at or after the end of its commit record
    int id;
  };
  struct Log {
    std::set<int> acknowledged;
    std::vector<Commit> commits;
  };
  void write(PostgresSession& session, int first, int step, const std::stop_token& stop);

  const int ballast_bytes_;
  io::Guarded<Log> log_;
  std::vector<std::jthread> threads_;
};

/// What the table holds now.
std::set<int> committed_rows(const PostgresCluster& cluster);

/// "16/B374D848" as a number.
std::uint64_t lsn_value(const std::string& text);

}  // namespace pgkeep::test
