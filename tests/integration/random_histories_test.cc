// Whatever happens to servers at random, a recovery gives what one server really had, with all that was
// acknowledged, or is refused; and each refusal has a way out.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "tests/integration/two_hosts.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/chance.h"
#include "tests/support/commit_writers.h"
#include "tests/support/known_histories.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

constexpr int kStepsOfAHistory = 9;
constexpr int kSwitch = -1;  // in place of a number of bytes

void copy_files(const fs::path& from, const fs::path& to) {
  run_or_throw({.argv = {"cp", "-a", from.native(), to.native()}});
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string in_one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of('\n');
  return text.substr(text.rfind('\n', end) + 1, end - text.rfind('\n', end));
}

/// The receiver of the backup host: the daemon, or receive-wal of the one server.
class Receiver {
 public:
  Receiver(const BackupHost& host, bool is_daemon) : host_(&host), is_daemon_(is_daemon) {}

  std::string name() const { return is_daemon_ ? "serve" : "receive-wal"; }
  bool runs() { return process_ && process_->running(); }
  void start() {
    if (runs()) return;
    if (!is_daemon_) {
      process_.emplace(host_->start_pgkeep({"receive-wal", "main"}));
      return;
    }
    process_.emplace(host_->start_pgkeep({"serve"}));
    wait_until([&] { return host_->pgkeep({"reload"}).exit_code == 0; }, "the daemon answers");
  }
  void end(int signal) {
    if (!process_) return;
    process_->signal(signal);
    process_->wait();
    process_.reset();
  }
  void follow_configuration() {
    if (!runs()) return;
    if (is_daemon_) {
      host_->pgkeep_or_throw({"reload"});
    } else {
      end(SIGTERM);
      start();
    }
  }
  /// Why nothing is received until somebody decides.
  std::optional<std::string> refusal() {
    if (!is_daemon_) return runs() ? std::nullopt : std::optional(last_line(process_->wait().err));
    const auto stream = host_->stream_state();
    if (stream.at("phase") != "blocked") return std::nullopt;
    return stream.at("cause").get<std::string>();
  }

 private:
  const BackupHost* host_;
  bool is_daemon_;
  std::optional<Process> process_ = {};
};

/// A server with what the test knows of it.
struct Server {
  std::unique_ptr<PostgresCluster> cluster;
  History* history;

  const std::string& name() const { return history->name; }
  bool runs() const { return fs::exists(cluster->data_directory() / "postmaster.pid"); }
};

/// Files of a server that was shut down, and the history they hold.
struct Snapshot {
  fs::path files;
  const History* history;
  std::size_t commits;
};

/// What happens to the servers under one name: chosen by a seed, and told in words.
class Story {
 public:
  Story(int major, unsigned seed) : major_(major), chance_(seed), receiver_(host_, chance_.coin()) {
    begin();
  }
  void run(int steps) {
    for (int i = 0; i < steps; ++i) happen();
    settle_in_the_end();
  }
  std::string told() const { return fmt::format("{}\n", fmt::join(told_, "\n")); }

 private:
  using Step = void (Story::*)();

  template <typename... Arguments>
  void tell(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    told_.push_back(fmt::format("{}. ", told_.size() + 1) +
                    fmt::format(format, std::forward<Arguments>(arguments)...));
  }

  // What happens.
  void begin();
  void happen();
  void work();
  void take_backup();
  void crash();
  void kill_receiver();
  void stop_receiver();
  void take_snapshot();
  void put_back();
  void fail_over();
  void fork();
  void other_takes_over();
  void go_back_in_time();
  void lose_wal();
  void push_own_wal();
  void push_from_clone();

  // What it is made of.
  void commit_rows(Server& server, bool many);
  void work_again();
  void note_acknowledged();
  void replace_current(Server server, bool keep_old);
  void push_closed_segments(const Server& server);
  PostgresCluster caught_up_standby();
  Server promoted(std::unique_ptr<PostgresCluster> cluster);
  fs::path stopped_copy();

  // What is asked of pgkeep.
  Outcome command(const std::vector<std::string>& arguments);
  void follow_current(const std::string& known_refusal = {});
  std::optional<std::string> refusal(const std::string& known);
  void find_a_way_out(const std::string& refusal);
  void begin_new_line();
  std::optional<std::vector<int>> recover(const std::string& backup);
  void check_latest();
  void check_a_backup();
  void settle_in_the_end();
  static void expect_all(const std::vector<int>& wanted, const std::vector<int>& ids,
                         const std::string& what);

  int major_;
  Chance chance_;
  BackupHost host_;
  Receiver receiver_;
  KnownHistories known_;
  Server current_;               // the one that the conninfo leads to
  std::optional<Server> other_;  // one that was left, or is a twin
  std::vector<Snapshot> snapshots_;
  std::vector<int> work_;          // since the last snapshot: bytes of ballast, or a WAL switch
  std::vector<int> acknowledged_;  // by pgkeep, to the server that it followed last
  std::vector<std::string> told_;
  int directories_ = 0;
};

void Story::begin() {
  current_ = {
      std::make_unique<PostgresCluster>(PostgresCluster::create(
          major_, {.initdb = {"--wal-segsize=1"},
                   .settings = {{"autovacuum", "off"}, {"max_wal_size", "64MB"}, {"min_wal_size", "2MB"}}})),
      nullptr};
  current_.history = &known_.begin(*current_.cluster);
  host_.add_server("main", current_.cluster->conninfo(), {{"longest_retry", "1s"}});
  tell("server {} of PostgreSQL {} begins, with {} at the backup host", current_.name(), major_,
       receiver_.name());
  receiver_.start();
  wait_until_streaming(*current_.cluster);
  take_backup();
}

void Story::happen() {
  const std::vector<std::pair<int, Step>> steps = {
      {6, &Story::work},
      {2, &Story::take_backup},
      {2, &Story::crash},
      {1, &Story::kill_receiver},
      {2, &Story::stop_receiver},
      {snapshots_.size() < 3 ? 3 : 0, &Story::take_snapshot},
      {snapshots_.empty() ? 0 : 4, &Story::put_back},
      {2, &Story::fail_over},
      {2, &Story::fork},
      {other_ ? 3 : 0, &Story::other_takes_over},
      {acknowledged_.size() > 1 ? 3 : 0, &Story::go_back_in_time},
      {1, &Story::lose_wal},
      {2, &Story::push_own_wal},
      {3, &Story::push_from_clone},
      {2, &Story::check_latest},
      {1, &Story::check_a_backup},
  };
  (this->*chance_.one_of(steps))();
}

void Story::commit_rows(Server& server, bool many) {
  const auto first = known_.last_id() + 1;
  for (int rows = chance_.number(1, many ? 8 : 4); rows > 0; --rows) {
    const bool heavy = chance_.number(1, 4) == 1;
    work_.push_back(heavy ? 1000 * chance_.number(100, 900) : chance_.number(0, 100));
    known_.commit(*server.cluster, *server.history, work_.back());
  }
  const bool switches = chance_.number(1, 4) == 1;
  if (switches) {
    work_.push_back(kSwitch);
    server.cluster->execute("SELECT pg_switch_wal()");
  }
  tell("{} commits rows {} to {}, up to {}{}", server.name(), first, known_.last_id(),
       server.cluster->current_lsn(), switches ? ", where it switches WAL" : "");
}

void Story::work() {
  commit_rows(current_, true);
  note_acknowledged();
}

Outcome Story::command(const std::vector<std::string>& arguments) {
  const auto outcome = host_.pgkeep(arguments);
  tell("pgkeep {}: exit code {}{}", fmt::join(arguments, " "), outcome.exit_code,
       outcome.exit_code == 0 ? "" : ": " + in_one_line(outcome.err));
  EXPECT_TRUE(outcome.exit_code == 0 || !outcome.err.empty()) << "a refusal without its reason";
  EXPECT_LT(outcome.exit_code, 126) << outcome.text();
  return outcome;
}

void Story::take_backup() {
  command({"backup", "main"});
  note_acknowledged();
}

void Story::crash() {
  note_acknowledged();
  const bool kill = chance_.coin();
  tell("{} is {} and starts again", current_.name(), kill ? "killed" : "stopped at once");
  if (kill) {
    current_.cluster->kill9();
  } else {
    current_.cluster->stop(Shutdown::immediate);
  }
  current_.cluster->start();
}

void Story::kill_receiver() {
  if (!receiver_.runs()) return stop_receiver();
  note_acknowledged();
  receiver_.end(SIGKILL);
  tell("the receiver is killed and starts again");
  receiver_.start();
}

void Story::stop_receiver() {
  if (receiver_.runs()) {
    note_acknowledged();
    receiver_.end(SIGTERM);
    tell("the receiver ends");
  } else {
    receiver_.start();
    tell("the receiver starts");
    follow_current();
  }
}

fs::path Story::stopped_copy() {
  note_acknowledged();
  const bool in_order = chance_.coin();
  current_.cluster->stop(in_order ? Shutdown::fast : Shutdown::immediate);
  const auto files = host_.scratch(fmt::format("copy-{}", ++directories_));
  copy_files(current_.cluster->data_directory(), files);
  current_.cluster->start();
  return files;
}

void Story::take_snapshot() {
  snapshots_.push_back({stopped_copy(), current_.history, current_.history->commits.size()});
  work_.clear();
  tell("{} is stopped for a snapshot, which holds its first {} rows", current_.name(),
       snapshots_.back().commits);
}

void Story::put_back() {
  const auto& snapshot =
      snapshots_[static_cast<std::size_t>(chance_.number(0, static_cast<int>(snapshots_.size()) - 1))];
  note_acknowledged();
  const bool receives = chance_.coin();
  if (!receives) receiver_.end(SIGTERM);
  current_.cluster->stop(Shutdown::immediate);
  const auto before = current_.name();
  const auto place = current_.cluster->data_directory();
  fs::remove_all(place);
  copy_files(snapshot.files, place);
  current_.cluster->start();
  current_.history = &known_.branch(*snapshot.history, snapshot.commits);
  tell("{} is put back to the snapshot of {} with {} rows, and is {} from now on{}", before,
       snapshot.history->name, snapshot.commits, current_.name(),
       receives ? "" : "; nothing is received meanwhile");
  if (chance_.coin()) work_again();
  for (int more = chance_.number(0, 3); more > 0; --more) commit_rows(current_, true);
  follow_current();
}

/// What differs from the history before need not be in what was written last.
void Story::work_again() {
  const auto first = known_.last_id() + 1;
  for (const int ballast : work_) {
    if (ballast == kSwitch) {
      current_.cluster->execute("SELECT pg_switch_wal()");
    } else {
      known_.commit(*current_.cluster, *current_.history, ballast);
    }
  }
  tell("{} does the same work again: rows {} to {}, up to {}", current_.name(), first, known_.last_id(),
       current_.cluster->current_lsn());
}

/// A server that was a standby; which rows it has is asked of itself.
Server Story::promoted(std::unique_ptr<PostgresCluster> cluster) {
  cluster->promote();
  cluster->wait_until_recovered();
  const auto ids = committed_ids(*cluster);
  if (!begins_with(current_.history->ids(), ids)) throw std::runtime_error("the standby has rows of its own");
  return {std::move(cluster), &known_.branch(*current_.history, ids.size())};
}

void Story::replace_current(Server server, bool keep_old) {
  other_.reset();
  std::swap(current_, server);
  if (keep_old) other_.emplace(std::move(server));
  host_.set_conninfo("main", current_.cluster->conninfo());
  receiver_.follow_configuration();
}

PostgresCluster Story::caught_up_standby() {
  auto standby = PostgresCluster::standby_of(*current_.cluster);
  wait_until_replayed(standby, current_.cluster->current_lsn());
  return standby;
}

void Story::fail_over() {
  auto standby = std::make_unique<PostgresCluster>(caught_up_standby());
  const bool loses = chance_.coin();
  if (loses) {
    standby->execute("ALTER SYSTEM SET primary_conninfo = ''");
    standby->execute("SELECT pg_reload_conf()");
    wait_until([&] { return standby->value("SELECT count(*) FROM pg_stat_wal_receiver") == "0"; },
               "the standby receives no more");
    commit_rows(current_, true);
  }
  note_acknowledged();
  current_.cluster->stop(chance_.coin() ? Shutdown::fast : Shutdown::immediate);
  auto next = promoted(std::move(standby));
  tell("{} is gone; its standby{} is promoted with {} rows and is {}", current_.name(),
       loses ? ", which lacked the newest," : "", next.history->commits.size(), next.name());
  replace_current(std::move(next), true);
  if (chance_.coin()) commit_rows(current_, false);
  follow_current();
}

void Story::fork() {
  auto standby = std::make_unique<PostgresCluster>(caught_up_standby());
  if (chance_.coin()) {
    current_.cluster->execute("SELECT pg_switch_wal()");
    wait_until_replayed(*standby, current_.cluster->current_lsn());
  }
  note_acknowledged();
  current_.cluster->stop(Shutdown::immediate);
  standby->stop();
  const auto files = host_.scratch(fmt::format("copy-{}", ++directories_));
  copy_files(standby->data_directory(), files);
  auto twin = std::make_unique<PostgresCluster>(PostgresCluster::adopt(major_, files));
  standby->start();
  twin->start();
  auto next = promoted(std::move(standby));
  auto rival = promoted(std::move(twin));
  tell("{} is gone; two copies of its standby are promoted with {} rows: {}, which is followed, and {}",
       current_.name(), next.history->commits.size(), next.name(), rival.name());
  replace_current(std::move(next), false);
  other_.emplace(std::move(rival));
  if (chance_.coin()) commit_rows(*other_, true);
  if (chance_.coin()) commit_rows(current_, true);
  follow_current();
}

void Story::other_takes_over() {
  note_acknowledged();
  if (!other_->runs()) other_->cluster->start();
  if (chance_.coin()) commit_rows(*other_, true);
  tell("the conninfo leads to {} in place of {}", other_->name(), current_.name());
  auto next = std::move(*other_);
  replace_current(std::move(next), true);
  if (chance_.coin()) commit_rows(*other_, false);
  follow_current();
}

void Story::go_back_in_time() {
  note_acknowledged();
  // The row after it must be held too: PostgreSQL stops at a record that begins at the target or after it.
  const auto rows = static_cast<std::size_t>(chance_.number(1, static_cast<int>(acknowledged_.size()) - 1));
  if (!begins_with(current_.history->ids(), acknowledged_)) return check_latest();
  const auto lsn = current_.history->commits[rows - 1].end_lsn;
  const auto target = fmt::format("{:X}/{:X}", lsn >> 32, lsn & 0xFFFFFFFF);
  const auto directory = host_.scratch(fmt::format("recovered-{}", ++directories_));
  if (command({"recover", "main", "auto", directory, "--target-lsn", target, "--target-action", "promote"})
          .exit_code != 0)
    return;
  auto cluster = std::make_unique<PostgresCluster>(PostgresCluster::adopt(major_, directory));
  cluster->start();
  cluster->wait_until_recovered();
  cluster->execute("ALTER SYSTEM RESET ALL");  // as the report says, for the standbys
  const auto ids = committed_ids(*cluster);
  auto wanted = acknowledged_;
  wanted.resize(rows);
  EXPECT_EQ(ids, wanted) << "of " << current_.name() << " up to " << target;
  current_.cluster->stop();
  Server next{std::move(cluster), &known_.branch(*current_.history, rows)};
  tell("{}, recovered to the first {} rows of {}, takes its place", next.name(), rows, current_.name());
  replace_current(std::move(next), true);
  if (chance_.coin()) commit_rows(current_, true);
  follow_current();
}

void Story::lose_wal() {
  note_acknowledged();
  receiver_.end(SIGTERM);
  if (command({"drop-slot", "main"}).exit_code != 0) return;
  for (int i = 0; i < 6; ++i) {
    commit_rows(current_, false);
    current_.cluster->execute("SELECT pg_switch_wal(); CHECKPOINT");
  }
  tell("{} has removed WAL that was not received, and is at {}", current_.name(),
       current_.cluster->current_lsn());
  receiver_.start();
  follow_current();
}

/// As its archive_command would. What is refused, a conflict say, is told with its reason.
void Story::push_closed_segments(const Server& server) {
  const auto open = server.cluster->value("SELECT pg_walfile_name(pg_current_wal_lsn())");
  std::vector<fs::path> closed;
  for (const auto& entry : fs::directory_iterator(server.cluster->data_directory() / "pg_wal")) {
    const auto name = entry.path().filename().native();
    // Of its own timeline: what is made ahead has later names than the one in hand.
    if (name.size() == open.size() && name.substr(0, 8) == open.substr(0, 8) && name < open)
      closed.push_back(entry.path());
  }
  std::ranges::sort(closed);
  tell("{} pushes {} WAL segments", server.name(), closed.size());
  for (const auto& file : closed)
    command({"put-wal", "main", file.filename().native(), "--file", file.native(), "--no-checksum"});
}

void Story::push_own_wal() {
  if (chance_.coin()) commit_rows(current_, false);
  push_closed_segments(current_);
  note_acknowledged();
}

/// A copy of the host that starts with the same archive_command, while the server is idle or goes on too.
void Story::push_from_clone() {
  const auto files = stopped_copy();
  Server clone{std::make_unique<PostgresCluster>(PostgresCluster::adopt(major_, files)), nullptr};
  clone.history = &known_.branch(*current_.history, current_.history->commits.size());
  clone.cluster->start();
  tell("a copy of {} starts, and is {}", current_.name(), clone.name());
  const bool receives = chance_.coin();
  if (!receives) receiver_.end(SIGTERM);
  for (int i = chance_.number(1, 3); i > 0; --i) {
    commit_rows(clone, true);
    clone.cluster->execute("SELECT pg_switch_wal()");
  }
  push_closed_segments(clone);
  clone.cluster->stop(Shutdown::immediate);
  if (chance_.coin()) check_latest();
  if (chance_.coin()) commit_rows(current_, true);
  follow_current();
}

/// What pgkeep has reported as flushed to the server that it follows. A server that it refuses is told
/// nothing.
void Story::note_acknowledged() {
  if (!current_.runs()) return;
  const auto flushed = current_.cluster->value(
      "SELECT coalesce(max(flush_lsn), '0/0') FROM pg_stat_replication WHERE application_name = 'pgkeep'");
  if (flushed == "0/0") return;
  auto acknowledged = current_.history->ids_until(lsn_value(flushed));
  if (acknowledged == acknowledged_) return;
  acknowledged_ = std::move(acknowledged);
  tell("pgkeep has acknowledged {} of the {} rows of {} ({})", acknowledged_.size(),
       current_.history->commits.size(), current_.name(), flushed);
}

std::optional<std::string> Story::refusal(const std::string& known) {
  std::optional<std::string> found;
  const auto end = current_.cluster->current_lsn();
  wait_until(
      [&] {
        found = receiver_.refusal();
        if (found && *found != known) return true;
        found.reset();
        return current_.cluster->value(
                   "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pgkeep' AND flush_lsn "
                   ">= '" +
                   end + "'") == "1";
      },
      current_.name() + " is followed, or refused for another reason than: " + known);
  return found;
}

/// Lets pgkeep come to what it makes of the server that the conninfo leads to.
void Story::follow_current(const std::string& known_refusal) {
  receiver_.start();
  if (const auto reason = refusal(known_refusal)) {
    tell("{} is refused: {}", current_.name(), first_line(*reason));
    if (chance_.coin()) check_latest();
    find_a_way_out(*reason);
  } else {
    tell("{} is followed up to its end", current_.name());
    note_acknowledged();
    if (chance_.number(1, 3) == 1) check_latest();
  }
}

void Story::find_a_way_out(const std::string& refusal) {
  const bool other_was_right =
      other_ && other_->runs() && begins_with(other_->history->ids(), acknowledged_) && chance_.coin();
  if (other_was_right) {
    tell("{} was the right one", other_->name());
    auto right = std::move(*other_);
    replace_current(std::move(right), true);
    if (refusal.find("--keep") != std::string::npos) command({"new-line", "main", "--keep"});
    receiver_.start();
    return follow_current(refusal);
  }
  const auto old_line = acknowledged_;
  const auto backups = host_.backup_ids();
  begin_new_line();
  acknowledged_.clear();
  receiver_.start();
  follow_current(refusal);
  if (backups.empty()) return;
  if (const auto ids = recover(backups.back()))
    expect_all(old_line, *ids, "was acknowledged on the line that was set aside");
}

void Story::begin_new_line() {
  // The daemon may be taking a backup, for a gap.
  Outcome outcome;
  wait_until(
      [&] {
        outcome = command({"new-line", "main"});
        return outcome.exit_code == 0 || outcome.err.find("has no backup yet") != std::string::npos;
      },
      "a new line is begun");
  if (outcome.exit_code != 0)
    wait_until([&] { return command({"backup", "main"}).exit_code == 0; }, "it gets its backup");
}

/// The rows of a recovery; nothing when it was refused.
std::optional<std::vector<int>> Story::recover(const std::string& backup) {
  const auto directory = host_.scratch(fmt::format("recovered-{}", ++directories_));
  if (command({"recover", "main", backup, directory}).exit_code != 0) return std::nullopt;
  auto recovered = PostgresCluster::adopt(major_, directory);
  recovered.start();
  recovered.wait_until_recovered();
  const auto ids = committed_ids(recovered);
  recovered.stop(Shutdown::immediate);
  fs::remove_all(directory);
  const auto* of = known_.with(ids);
  EXPECT_NE(of, nullptr) << "no server ever had just the rows " << fmt::format("{}", fmt::join(ids, " "));
  if (of != nullptr) tell("it has the first {} rows of {}", ids.size(), of->name);
  return ids;
}

void Story::expect_all(const std::vector<int>& wanted, const std::vector<int>& ids, const std::string& what) {
  EXPECT_TRUE(begins_with(ids, wanted)) << fmt::format("{} {}, and what was recovered is {}",
                                                       fmt::join(wanted, " "), what, fmt::join(ids, " "));
}

void Story::check_latest() {
  note_acknowledged();
  if (const auto ids = recover("latest")) expect_all(acknowledged_, *ids, "was acknowledged");
}

void Story::check_a_backup() {
  const auto backups = host_.backup_ids();
  recover(backups[static_cast<std::size_t>(chance_.number(0, static_cast<int>(backups.size()) - 1))]);
}

void Story::settle_in_the_end() {
  tell("in the end:");
  commit_rows(current_, true);
  follow_current();
  wait_until([&] { return command({"backup", "main"}).exit_code == 0; }, "a backup can be taken");
  commit_rows(current_, true);
  wait_until_flushed(*current_.cluster);
  note_acknowledged();
  const auto ids = recover("latest");
  ASSERT_TRUE(ids.has_value());
  EXPECT_EQ(*ids, current_.history->ids());
  for (const auto& backup : host_.backup_ids()) recover(backup);
}

/// A few that meet twins, snapshots, clones and lost WAL; or, for a longer night, as many as PGKEEP_HISTORIES
/// says from PGKEEP_SEED on.
std::vector<unsigned> seeds() {
  const char* number = std::getenv("PGKEEP_HISTORIES");
  const auto first = seed_of_environment();
  if (number == nullptr && !first) return {9, 20, 23};
  std::vector<unsigned> result(number == nullptr ? 1 : std::strtoul(number, nullptr, 10));
  std::iota(result.begin(), result.end(), first.value_or(1));
  return result;
}

class RandomHistories : public ::testing::TestWithParam<int> {};
PGKEEP_FOR_EACH_VERSION(RandomHistories);

TEST_P(RandomHistories, AreRecoveredAsOneServerHadThem) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  for (const auto seed : seeds()) {
    Story story(GetParam(), seed);
    try {
      story.run(kStepsOfAHistory);
    } catch (const std::exception& failure) {
      ADD_FAILURE() << failure.what();
    }
    fmt::print("PGKEEP_SEED={} on PostgreSQL {}:\n{}", seed, GetParam(), story.told());
    if (HasFailure()) return;  // of the last one that was told
  }
}

}  // namespace
}  // namespace pgkeep::test
