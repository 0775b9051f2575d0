#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/port_lease.h"
#include "tests/support/postgres_session.h"
#include "tests/support/process.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::test {

/// True when tests/provision has made that major version runnable.
bool is_provisioned(int major);

/// One line for GTEST_SKIP().
std::string how_to_provision(int major);

/// Gives what lies under `path` to the user that PostgreSQL runs as.
void give_to_postgres(const std::filesystem::path& path);

enum class Shutdown { fast, immediate };

struct ClusterOptions {
  std::vector<std::string> initdb = {};              // more options of initdb
  std::map<std::string, std::string> settings = {};  // into postgresql.conf, so they travel with a backup
};

/// A PostgreSQL cluster on loopback, with data checksums and without fsync (no test cuts the machine's
/// power). Everyone is trusted, as role postgres, replication included. Called as root, it runs as user
/// postgres, else as the caller. Port, socket directory and addresses are given at each start, not in the
/// files, so a copy of the directory can run beside it. Stopped and removed at the end; failures come with
/// the end of the server's log.
class PostgresCluster {
 public:
  /// A new, empty, running cluster.
  static PostgresCluster create(int major, const ClusterOptions& options = {});
  /// A running standby of `primary`, copied by pg_basebackup.
  static PostgresCluster standby_of(const PostgresCluster& primary);
  /// A stopped cluster whose data directory exists already, say because it was recovered. The directory stays
  /// at the end. `overrides` are settings given at start.
  static PostgresCluster adopt(int major, const std::filesystem::path& data_directory,
                               const std::map<std::string, std::string>& overrides = {});
  PostgresCluster(PostgresCluster&&) noexcept = default;
  PostgresCluster& operator=(PostgresCluster&&) = delete;
  ~PostgresCluster();

  int major() const noexcept { return major_; }
  int port() const noexcept { return port_->number(); }
  const std::filesystem::path& data_directory() const noexcept { return data_directory_; }
  /// A new directory beside the data directory, owned by the server's user: for a tablespace, say.
  std::filesystem::path make_directory(const std::string& name) const;
  std::string conninfo(const std::string& database = "postgres", const std::string& user = "postgres") const;

  void start();
  /// Starts, and returns false when the server refuses or ends, say because a recovery target is not reached.
  bool try_start();
  void stop(Shutdown mode = Shutdown::fast);
  void restart();
  /// kill -9 of the postmaster: the other processes find themselves alone and leave.
  void kill9();
  /// kill -9, and the data directory and the tablespaces are gone for good.
  void lose();
  void promote();
  void wait_until_recovered();
  void append_to_conf(const std::string& line, const std::string& file = "postgresql.conf") const;

  PostgresSession session(const std::string& database = "postgres") const;
  std::vector<Row> rows(const std::string& query, const std::string& database = "postgres") const;
  std::string value(const std::string& query, const std::string& database = "postgres") const;
  void execute(const std::string& query, const std::string& database = "postgres") const;
  std::string current_lsn() const;  // of the end of flushed WAL

  /// A program of this version; `arguments` begin with its name. With `connect`, it gets -h, -p and -U.
  Command program(std::vector<std::string> arguments, bool connect = false) const;
  /// Throws when pg_verifybackup finds that the data directory, not started yet, is not what its
  /// backup_manifest says, or does not have the WAL that it names; the latter only where this version has its
  /// own pg_waldump.
  void verify_backup() const;
  /// Takes over all of a cluster of an older major version, by pg_upgrade; both are stopped, and this one is
  /// new.
  void upgrade_from(const PostgresCluster& old) const;
  void pgbench_init(int scale) const;
  /// A fixed number of transactions, run to the end.
  void pgbench(int transactions, const std::vector<std::string>& options = {}) const;
  /// Load that lasts until the process is dropped.
  Process pgbench_throughout() const;

  std::string log() const;
  std::string log_tail(std::size_t lines = 25) const;

 private:
  PostgresCluster(int major, std::filesystem::path data_directory);

  int major_;
  std::filesystem::path bin_;
  std::unique_ptr<TempDirectory> home_;  // socket, log, and unless adopted the data
  std::unique_ptr<PortLease> port_;
  std::filesystem::path data_directory_;
  std::map<std::string, std::string> overrides_;
};

}  // namespace pgkeep::test
