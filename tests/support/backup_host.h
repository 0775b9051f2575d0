#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/postgres_cluster.h"
#include "tests/support/process.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::test {

/// A backup host: a repository, a pgkeep.yaml (mode 0600) and the built pgkeep, which it runs as a user
/// would. Made for one server named `main`; more can be added. Everything is removed at the end.
class BackupHost {
 public:
  /// No server yet. `repository` is a directory outside when the test wants a special place for it.
  explicit BackupHost(std::filesystem::path repository = {});
  /// Keeps `cluster` as server `main`.
  explicit BackupHost(const PostgresCluster& cluster);

  /// Adds a server; `keys` go into its part of the configuration as they are.
  void add_server(const std::string& name, const std::string& conninfo,
                  const std::map<std::string, std::string>& keys = {});
  /// Takes a server out of the configuration; what is stored of it stays.
  void remove_server(const std::string& name);
  /// From now on runs a copy of pgkeep that every user may run: the build may lie where the server's user, as
  /// which restore_command runs, may not go.
  void install_program();
  /// From now on runs another program than the built pgkeep.
  void use_program(const std::filesystem::path& program) { program_ = program; }
  /// Points a server that is there already somewhere else.
  void set_conninfo(const std::string& name, const std::string& conninfo);
  /// What stands at the top of the configuration beside the servers, in the place of what stood there.
  void set_top(const std::string& lines);
  /// Sets a key of a server that is there already.
  void set_key(const std::string& name, const std::string& key, const std::string& value);
  const std::filesystem::path& repository() const noexcept { return repository_; }
  const std::filesystem::path& config_file() const noexcept { return config_file_; }
  /// A path for something of the test's own, a recovered directory say; nothing is there yet.
  std::filesystem::path scratch(const std::string& name) const { return files_ / name; }

  /// pgkeep with these arguments, whatever comes of it.
  Outcome pgkeep(const std::vector<std::string>& arguments) const;
  /// The same; throws unless the exit code is 0. Returns standard output.
  std::string pgkeep_or_throw(const std::vector<std::string>& arguments) const;
  /// pgkeep in the background.
  Process start_pgkeep(const std::vector<std::string>& arguments) const;
  /// "data" of what the command prints with --json; throws unless the exit code is 0.
  nlohmann::json json(std::vector<std::string> arguments) const;

  /// Takes a base backup; the id of it.
  std::string backup(const std::string& server = "main", const std::vector<std::string>& options = {}) const;
  /// Ids of all complete ones that list-backups names, oldest first.
  std::vector<std::string> backup_ids(const std::string& server = "main") const;
  /// Starts the WAL receiver and waits until `cluster` sees it streaming.
  Process receive_wal(const PostgresCluster& cluster, const std::string& server = "main") const;
  /// Starts the daemon and waits until `cluster` sees as many of its streams.
  Process serve(const PostgresCluster& cluster, int streams = 1) const;
  /// What the running daemon says of the stream of a server: catalog/records/stream_state.h as JSON.
  nlohmann::json stream_state(const std::string& server = "main") const;
  /// Recovers into a new directory, which is returned. Throws unless the exit code is 0.
  std::filesystem::path recover(const std::string& backup, const std::string& directory_name,
                                const std::vector<std::string>& options = {}) const;
  /// What the repository takes on disk, without the index (the files are what a backup costs).
  std::uint64_t stored_bytes() const;

 private:
  void write_config() const;
  Command command(const std::vector<std::string>& arguments) const;

  struct Server {
    std::string name;
    std::map<std::string, std::string> keys;
  };
  TempDirectory files_;
  std::filesystem::path repository_;
  std::filesystem::path config_file_;
  std::filesystem::path program_;
  std::vector<Server> servers_;
  std::string top_;
};

/// Recovers as BackupHost::recover() does, starts what comes of it and waits until recovery has ended.
PostgresCluster recover_and_start(const BackupHost& host, int major, const std::string& backup,
                                  const std::string& directory_name,
                                  const std::vector<std::string>& options = {});

/// Waits until `cluster` sends WAL to pgkeep in as many streams as that, whoever receives them.
void wait_until_streaming(const PostgresCluster& cluster, int streams = 1);

/// Waits until the receiver has reported `lsn` of `cluster` (all that is flushed there now, when empty) as
/// flushed.
void wait_until_flushed(const PostgresCluster& cluster, const std::string& lsn = {});

}  // namespace pgkeep::test
