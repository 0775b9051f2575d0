#include "tests/support/postgres_cluster.h"

#include <fstream>
#include <map>
#include <mutex>
#include <pwd.h>
#include <signal.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "tests/support/new_cluster.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

/// Empty when that version is not provisioned.
fs::path look_for_programs(int major) {
  const Outcome outcome = run({{PGKEEP_SOURCE_DIR "/tests/provision", "-p", std::to_string(major)}});
  return outcome.exit_code == 0 ? outcome.out.substr(0, outcome.out.find('\n')) : "";
}

/// The same, asked once.
fs::path bin_directory(int major) {
  static std::map<int, fs::path> known;
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  const auto [entry, is_new] = known.try_emplace(major);
  if (is_new) entry->second = look_for_programs(major);
  return entry->second;
}

bool is_root() {
  return ::geteuid() == 0;
}

/// PostgreSQL refuses to run as root. setpriv turns into the program, so signals reach it.
std::vector<std::string> as_server_user(std::vector<std::string> argv) {
  if (!is_root()) return argv;
  std::vector<std::string> result = {"setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
                                     "--"};
  result.insert(result.end(), argv.begin(), argv.end());
  return result;
}

std::string quoted(const std::string& value, const std::string& escaped_quote) {
  std::string result = "'";
  for (const char c : value) result += c == '\'' ? escaped_quote : std::string(1, c);
  return result + "'";
}

/// `directory` must let the server's user pass, which a temporary directory does not.
void open_to_postgres(const fs::path& directory) {
  ::chmod(directory.c_str(), 0755);
  give_to_postgres(directory);
}

}  // namespace

bool is_provisioned(int major) {
  return !bin_directory(major).empty();
}

std::string how_to_provision(int major) {
  return fmt::format("PostgreSQL {0} is not here: run tests/provision {0}", major);
}

void give_to_postgres(const fs::path& path) {
  if (!is_root()) return;
  run_or_throw({{"chown", "--recursive", "--no-dereference", "postgres:postgres", path.native()}});
}

PostgresCluster::PostgresCluster(int major, fs::path data_directory)
    : major_(major),
      bin_(bin_directory(major)),
      home_(std::make_unique<TempDirectory>()),
      port_(std::make_unique<PortLease>()),
      data_directory_(data_directory.empty() ? *home_ / "data" : std::move(data_directory)) {
  if (bin_.empty()) throw std::runtime_error(how_to_provision(major));
  open_to_postgres(home_->path());
}

PostgresCluster PostgresCluster::create(int major, const ClusterOptions& options) {
  PostgresCluster cluster(major, {});
  std::vector<std::string> initdb = {"initdb",    "--username",       "postgres",        "--auth=trust",
                                     "--no-sync", "--data-checksums", "--encoding=UTF8", "--locale=C"};
  initdb.insert(initdb.end(), options.initdb.begin(), options.initdb.end());
  make_data_directory(cluster.data_directory_, cluster.program(initdb));
  std::map<std::string, std::string> settings = {{"fsync", "off"},         {"hot_standby", "on"},
                                                 {"jit", "off"},           {"max_wal_senders", "8"},
                                                 {"wal_level", "replica"}, {"max_replication_slots", "8"},
                                                 {"log_timezone", "UTC"},  {"shared_buffers", "64MB"}};
  for (const auto& [name, value] : options.settings) settings[name] = value;
  for (const auto& [name, value] : settings)
    cluster.append_to_conf(fmt::format("{} = {}", name, quoted(value, "''")));
  cluster.start();
  return cluster;
}

PostgresCluster PostgresCluster::standby_of(const PostgresCluster& primary) {
  PostgresCluster standby(primary.major_, {});
  run_or_throw(standby.program({"pg_basebackup", "--pgdata", standby.data_directory_.native(), "--dbname",
                                primary.conninfo(), "--checkpoint=fast", "--wal-method=stream",
                                "--write-recovery-conf", "--no-sync"}));
  // What pg_basebackup has written there may be options that only a newer libpq than the server's knows.
  standby.append_to_conf("primary_conninfo = " + quoted(primary.conninfo(), "''"), "postgresql.auto.conf");
  standby.start();
  return standby;
}

PostgresCluster PostgresCluster::adopt(int major, const fs::path& data_directory,
                                       const std::map<std::string, std::string>& overrides) {
  PostgresCluster cluster(major, data_directory);
  give_to_postgres(data_directory);
  cluster.overrides_ = overrides;
  return cluster;
}

PostgresCluster::~PostgresCluster() {
  try {
    if (home_ != nullptr && fs::exists(data_directory_ / "postmaster.pid")) stop(Shutdown::immediate);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "could not stop the cluster in {}: {}\n", data_directory_.native(), failure.what());
  }
}

fs::path PostgresCluster::make_directory(const std::string& name) const {
  const fs::path path = *home_ / name;
  fs::create_directory(path);
  ::chmod(path.c_str(), 0700);
  give_to_postgres(path);
  return path;
}

std::string PostgresCluster::conninfo(const std::string& database, const std::string& user) const {
  return fmt::format("host=127.0.0.1 port={} user={} dbname={}", port(), user, database);
}

Command PostgresCluster::program(std::vector<std::string> arguments, bool connect) const {
  arguments.front() = bin_ / arguments.front();
  if (connect) {
    const std::vector<std::string> where = {"-h", "127.0.0.1", "-p", std::to_string(port()),
                                            "-U", "postgres"};
    arguments.insert(arguments.begin() + 1, where.begin(), where.end());
  }
  return {as_server_user(std::move(arguments)), {{"HOME", home_->path()}, {"TZ", "UTC"}}};
}

void PostgresCluster::upgrade_from(const PostgresCluster& old) const {
  auto upgrade =
      program({"pg_upgrade", "--old-bindir", old.bin_.native(), "--new-bindir", bin_.native(),
               "--old-datadir", old.data_directory_.native(), "--new-datadir", data_directory_.native(),
               "--username", "postgres", "--no-sync", "--socketdir", home_->path().native()});
  upgrade.directory = home_->path();  // it puts its logs into the current one
  run_or_throw(upgrade);
}

void PostgresCluster::verify_backup() const {
  std::vector<std::string> verify = {"pg_verifybackup", data_directory_.native()};
  if (!fs::exists(bin_ / "pg_waldump")) verify.emplace_back("--no-parse-wal");
  run_or_throw(program(std::move(verify)));
}

bool PostgresCluster::try_start() {
  std::map<std::string, std::string> settings = {{"port", std::to_string(port())},
                                                 {"listen_addresses", "127.0.0.1"},
                                                 {"unix_socket_directories", home_->path().native()}};
  for (const auto& [name, value] : overrides_) settings[name] = value;
  std::string options;
  for (const auto& [name, value] : settings)
    options += fmt::format(" -c {}", quoted(name + "=" + value, R"('\'')"));
  const Outcome outcome =
      run(program({"pg_ctl", "start", "--pgdata", data_directory_.native(), "--log", *home_ / "log", "--wait",
                   "--timeout", std::to_string(kPatience.count()), "--silent", "--options", options}),
          2 * kPatience);
  return outcome.exit_code == 0;
}

void PostgresCluster::start() {
  if (!try_start())
    throw std::runtime_error(fmt::format("PostgreSQL {} did not start:\n{}", major_, log_tail()));
}

void PostgresCluster::stop(Shutdown mode) {
  const Outcome outcome = run(program({"pg_ctl", "stop", "--pgdata", data_directory_.native(), "--wait",
                                       "--silent", "--mode", mode == Shutdown::fast ? "fast" : "immediate"}));
  if (outcome.exit_code != 0)
    throw std::runtime_error(fmt::format("cannot stop PostgreSQL: {}\n{}", outcome.text(), log_tail()));
}

void PostgresCluster::restart() {
  stop();
  start();
}

void PostgresCluster::kill9() {
  const fs::path pid_file = data_directory_ / "postmaster.pid";
  const pid_t postmaster = static_cast<pid_t>(std::stol(read_file(pid_file)));
  ::kill(postmaster, SIGKILL);
  // As an orphan of pg_ctl it is reaped by init; the others notice within moments.
  wait_until([&] { return ::kill(postmaster, 0) != 0; }, "the killed postmaster is gone");
  std::error_code ignored;
  fs::remove(pid_file, ignored);  // else a start could take a recycled pid for the old postmaster
}

void PostgresCluster::lose() {
  kill9();
  const std::vector<fs::path> all = [&] {
    std::vector<fs::path> paths = {data_directory_};
    for (const auto& link : fs::directory_iterator(data_directory_ / "pg_tblspc"))
      paths.push_back(fs::read_symlink(link.path()));
    return paths;
  }();
  // Processes that have not noticed yet may still write, hence again until nothing is left.
  wait_until(
      [&] {
        bool gone = true;
        for (const auto& path : all) {
          std::error_code ignored;
          fs::remove_all(path, ignored);
          gone = gone && !fs::exists(path);
        }
        return gone;
      },
      "the data directory is removed");
}

void PostgresCluster::promote() {
  run_or_throw(program({"pg_ctl", "promote", "--pgdata", data_directory_.native(), "--wait", "--silent"}));
}

void PostgresCluster::wait_until_recovered() {
  wait_until([&] { return value("SELECT pg_is_in_recovery()") == "f"; },
             "recovery has ended:\n" + log_tail());
}

void PostgresCluster::append_to_conf(const std::string& line, const std::string& file) const {
  std::ofstream stream(data_directory_ / file, std::ios::app);
  stream << line << '\n';
  if (!stream.flush()) throw std::runtime_error("cannot write " + (data_directory_ / file).native());
}

PostgresSession PostgresCluster::session(const std::string& database) const {
  return PostgresSession(conninfo(database));
}

std::vector<Row> PostgresCluster::rows(const std::string& query, const std::string& database) const {
  return session(database).rows(query);
}

std::string PostgresCluster::value(const std::string& query, const std::string& database) const {
  return session(database).value(query);
}

void PostgresCluster::execute(const std::string& query, const std::string& database) const {
  session(database).execute(query);
}

std::string PostgresCluster::current_lsn() const {
  return value("SELECT pg_current_wal_flush_lsn()");
}

void PostgresCluster::pgbench_init(int scale) const {
  run_or_throw(
      program({"pgbench", "--initialize", "--quiet", "--scale", std::to_string(scale), "postgres"}, true),
      2 * kPatience);
}

void PostgresCluster::pgbench(int transactions, const std::vector<std::string>& options) const {
  std::vector<std::string> arguments = {"pgbench", "--no-vacuum", "--transactions",
                                        std::to_string(transactions)};
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.emplace_back("postgres");
  run_or_throw(program(arguments, true), 2 * kPatience);
}

Process PostgresCluster::pgbench_throughout() const {
  return Process(program({"pgbench", "--no-vacuum", "--client", "2", "--time", "3600", "postgres"}, true));
}

std::string PostgresCluster::log() const {
  return read_file(*home_ / "log");
}

std::string PostgresCluster::log_tail(std::size_t lines) const {
  const std::string text = log();
  std::size_t start = text.size();
  for (std::size_t i = 0; i <= lines && start != std::string::npos && start > 0; ++i)
    start = text.rfind('\n', start - 1);
  return "--- end of the server's log\n" + text.substr(start == std::string::npos ? 0 : start);
}

}  // namespace pgkeep::test
