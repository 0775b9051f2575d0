#include "tests/support/backup_host.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include "tests/support/daemon_report.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace fs = std::filesystem;
namespace {

bool sends(const PostgresCluster& cluster, int streams) {
  return cluster.value(
             "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pgkeep'"
             " AND state = 'streaming'") == std::to_string(streams);
}

/// Who receives WAL, once it does.
Process started(Process receiver, const PostgresCluster& cluster, int streams) {
  wait_until(
      [&] {
        if (!receiver.running()) throw std::runtime_error("pgkeep ended: " + receiver.wait().text());
        return sends(cluster, streams);
      },
      "pgkeep is streaming");
  return receiver;
}

}  // namespace

BackupHost::BackupHost(fs::path repository)
    : repository_(repository.empty() ? files_ / "repository" : std::move(repository)),
      config_file_(files_ / "pgkeep.yaml"),
      program_(PGKEEP_BINARY) {
  ::chmod(files_.path().c_str(), 0755);  // a server that is recovered here runs as another user
  write_config();
}

BackupHost::BackupHost(const PostgresCluster& cluster) : BackupHost() {
  add_server("main", cluster.conninfo());
}

void BackupHost::add_server(const std::string& name, const std::string& conninfo,
                            const std::map<std::string, std::string>& keys) {
  Server server{name, keys};
  server.keys["conninfo"] = conninfo;
  server.keys.try_emplace("slot", "pgkeep");
  servers_.push_back(std::move(server));
  write_config();
}

void BackupHost::remove_server(const std::string& name) {
  std::erase_if(servers_, [&](const Server& server) { return server.name == name; });
  write_config();
}

void BackupHost::install_program() {
  const auto copy = files_ / "pgkeep";
  fs::copy_file(program_, copy);
  ::chmod(copy.c_str(), 0755);
  program_ = copy;
}

void BackupHost::set_conninfo(const std::string& name, const std::string& conninfo) {
  set_key(name, "conninfo", conninfo);
}

void BackupHost::set_key(const std::string& name, const std::string& key, const std::string& value) {
  for (auto& server : servers_)
    if (server.name == name) server.keys[key] = value;
  write_config();
}

void BackupHost::set_top(const std::string& lines) {
  top_ = lines;
  write_config();
}

void BackupHost::write_config() const {
  std::ofstream stream(config_file_);
  // The tester's disk may be nearly full.
  stream << "repository: " << repository_.native() << "\n" << top_ << "\ndefaults: {reserve: 0}\nservers:\n";
  for (const auto& server : servers_) {
    stream << "  " << server.name << ":\n";
    for (const auto& [key, value] : server.keys) stream << "    " << key << ": " << value << '\n';
  }
  if (!stream.flush()) throw std::runtime_error("cannot write " + config_file_.native());
  ::chmod(config_file_.c_str(), 0600);
}

Command BackupHost::command(const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {program_, "-c", config_file_};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return {std::move(argv), {{"TZ", "UTC"}}};
}

Outcome BackupHost::pgkeep(const std::vector<std::string>& arguments) const {
  return run(command(arguments));
}

std::string BackupHost::pgkeep_or_throw(const std::vector<std::string>& arguments) const {
  return run_or_throw(command(arguments));
}

Process BackupHost::start_pgkeep(const std::vector<std::string>& arguments) const {
  return Process(command(arguments));
}

nlohmann::json BackupHost::json(std::vector<std::string> arguments) const {
  arguments.emplace_back("--json");
  const std::string text = pgkeep_or_throw(arguments);
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains("data"))
    throw std::runtime_error(
        fmt::format("{}: not the JSON document that is promised:\n{}", fmt::join(arguments, " "), text));
  return document.at("data");
}

std::vector<std::string> BackupHost::backup_ids(const std::string& server) const {
  std::vector<std::string> ids;
  for (const auto& backup : json({"list-backups", server}))
    if (backup.at("status") == "DONE") ids.push_back(backup.at("id"));
  std::ranges::sort(ids);  // an id is its start time
  return ids;
}

std::string BackupHost::backup(const std::string& server, const std::vector<std::string>& options) const {
  std::vector<std::string> arguments = {"backup", server};
  arguments.insert(arguments.end(), options.begin(), options.end());
  pgkeep_or_throw(arguments);
  return backup_ids(server).back();
}

Process BackupHost::receive_wal(const PostgresCluster& cluster, const std::string& server) const {
  return started(start_pgkeep({"receive-wal", server}), cluster, 1);
}

Process BackupHost::serve(const PostgresCluster& cluster, int streams) const {
  return started(start_pgkeep({"serve"}), cluster, streams);
}

nlohmann::json BackupHost::stream_state(const std::string& server) const {
  const auto report = daemon_report(repository_);
  for (const auto& reported : report.at("servers"))
    if (reported.at("name") == server) return reported.at("stream");
  throw std::runtime_error("the daemon does not know " + server);
}

fs::path BackupHost::recover(const std::string& backup, const std::string& directory_name,
                             const std::vector<std::string>& options) const {
  const fs::path destination = scratch(directory_name);
  std::vector<std::string> arguments = {"recover", "main", backup, destination};
  arguments.insert(arguments.end(), options.begin(), options.end());
  pgkeep_or_throw(arguments);
  return destination;
}

std::uint64_t BackupHost::stored_bytes() const {
  std::uint64_t total = 0;
  for (const auto& entry : fs::recursive_directory_iterator(repository_)) {
    const bool is_index = entry.path().filename().native().starts_with("catalog.db");
    if (entry.is_regular_file() && !is_index) total += entry.file_size();
  }
  return total;
}

PostgresCluster recover_and_start(const BackupHost& host, int major, const std::string& backup,
                                  const std::string& directory_name,
                                  const std::vector<std::string>& options) {
  auto recovered = PostgresCluster::adopt(major, host.recover(backup, directory_name, options));
  recovered.start();
  recovered.wait_until_recovered();
  return recovered;
}

void wait_until_streaming(const PostgresCluster& cluster, int streams) {
  wait_until([&] { return sends(cluster, streams); }, "pgkeep is streaming");
}

void wait_until_flushed(const PostgresCluster& cluster, const std::string& lsn) {
  const std::string wanted = lsn.empty() ? cluster.current_lsn() : lsn;
  wait_until(
      [&] {
        return cluster.value(fmt::format("SELECT count(*) FROM pg_stat_replication WHERE application_name = "
                                         "'pgkeep' AND flush_lsn >= '{}'",
                                         wanted)) == "1";
      },
      "the WAL receiver has reported " + wanted + " as flushed");
}

}  // namespace pgkeep::test
