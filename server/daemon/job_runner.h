#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "catalog/store/repository.h"
#include "server/daemon/followed_runs.h"
#include "server/daemon/supervisor.h"
#include "server/schedule/job_queue.h"
#include "streaming/receive/back_off.h"

namespace pgkeep::server {

/// Runs what is due for the servers of the fleet: the jobs of their schedules, and a base backup when lost
/// WAL has cut the newest one off from the end of what is held. What is due is decided from the files of a
/// server each time, once more before it begins, so that a restart, or a command that did it meanwhile, comes
/// to the same decision. A job that fails is tried again with growing pauses. WAL for a backup comes by the
/// daemon's stream alone, and a backup waits until that runs. Threads: any.
class JobRunner {
 public:
  /// Borrows the supervisor.
  JobRunner(store::Repository repository, const Supervisor& supervisor, const JobLimits& limits);
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;
  /// Stops the jobs that run.
  ~JobRunner();

  /// Holds for what begins from now on.
  void set_limits(const JobLimits& limits);
  /// The server has changed perhaps: it is looked at soon, and a job of one that is not in service any more
  /// is stopped. Asks nothing of others, so that a caller may hold a lock.
  void consider(const std::string& server);
  /// What is being done or why the last job failed; empty: nothing.
  std::string report(const std::string& server) const;
  /// Asks it to end; false when it has not after that time, because the disk hangs.
  bool finish(std::chrono::milliseconds at_most);

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kFirstPause{10};
  static constexpr std::chrono::hours kLongestPause{1};
  /// Of the files that a decision depends on. An event may come in the same tick of the file system's clock
  /// as the one before it; then the journal has grown.
  struct Signature {
    std::filesystem::file_time_type journal_changed;
    std::uintmax_t journal_bytes = 0;
    std::filesystem::file_time_type backups_changed;
    bool operator==(const Signature&) const = default;
  };
  static Signature signature_of(const store::ServerLayout& layout);
  /// The pause after a failure, which grows with each further one. The journal of runs has its own, for what
  /// the schedule calls for; this is for what no journal knows.
  class Retry {
   public:
    std::chrono::milliseconds failed() {
      const auto pause = back_off_.next();
      not_before_ = Clock::now() + pause;
      return pause;
    }
    void succeeded() {
      back_off_.reset();
      not_before_ = {};
    }
    std::chrono::milliseconds left() const {
      return std::chrono::ceil<std::chrono::milliseconds>(not_before_ - Clock::now());
    }

   private:
    streaming::BackOff back_off_{kFirstPause, kLongestPause};
    Clock::time_point not_before_;
  };
  struct Server;
  /// Of a backup that an operator has deleted, see deletion_due(). Looked for again when a run was recorded
  /// since, as one is by `delete` and by all that ends it.
  struct Deletion {
    std::uint64_t journal_bytes = 0;
    catalog::RetentionPolicy policy;
    JobTiming expire;
    std::optional<io::TimePoint> due;
  };
  static std::optional<io::TimePoint> deletion_of(const Supervised& server, Server& state);
  /// What is known of a server. Belongs to the thread that works on it: of one that verifies it, which may be
  /// beside another, it is another.
  struct Server {
    Server(store::ServerLayout layout, bool of_verification)
        : runs(std::move(layout)), verifies(of_verification) {}
    FollowedRuns runs;
    bool verifies;
    std::optional<Deletion> deletion;
    std::optional<Signature> whole;  // on these files: no WAL is lost that calls for a backup
    Retry look;                      // at what is due
    std::map<JobKind, Retry> retries{{JobKind::backup, {}}, {JobKind::expire, {}}, {JobKind::verify, {}}};
  };
  struct Decision {
    std::vector<QueuedJob> jobs;        // that may begin now
    std::optional<io::TimePoint> next;  // when there may be another
    std::string report;                 // why what is due does not begin
  };
  using Work = std::variant<std::monostate, std::string, QueuedJob>;  // to end; to look at a server; to do

  void work(const std::stop_token& stop);
  Work next_work(const std::stop_token& stop);
  void work_on(const std::string& name, const QueuedJob* job, const std::stop_token& stop);
  void give_back(const std::string& server, const QueuedJob* job);
  void examine(const Supervised& server, Server& state);
  static bool put_off_what_pauses(Decision& decision, const Server& state);
  static std::optional<std::string> why_wal_calls(const Supervised& server, Server& state);
  Decision decide(const Supervised& server, Server& state) const;
  Decision decide_by_schedule(const Supervised& server, Server& state) const;
  static QueuedJob queued(const Supervised& server, JobKind kind, io::TimePoint due, std::string why);
  void run(const Supervised& server, JobKind kind, Server& state, const std::stop_token& stop);
  void forget(const std::string& server, const QueuedJob* job);
  Server& state_of(const Supervised& server, const QueuedJob* job);
  bool is_verifying(const std::string& server) const;
  void look_again(const std::string& server, std::optional<io::TimePoint> at);
  void say(const std::string& server, std::string report);

  void watch(const std::stop_token& stop);
  void stop_job_of_gone(const std::string& name);
  void ask_for_what_is_due();
  void name_those_in_a_window();

  store::Repository repository_;
  const Supervisor* supervisor_;

  mutable std::mutex mutex_;  // guards the following
  std::condition_variable_any changed_;
  JobLimits limits_;
  JobQueue queue_;
  std::map<std::string, std::string> reports_;
  std::set<std::string> asked_;
  std::set<std::string> in_doubt_;   // asked for while they were worked on: they may be gone
  std::set<std::string> in_window_;  // jobs that run into a window, which was said
  std::map<std::string, io::TimePoint> look_again_;
  // By the name of the server; what verifies it, by verifying().
  std::map<std::string, std::stop_source> worked_on_;
  std::map<std::string, Server> servers_;
  std::size_t ended_ = 0;              // of the threads that work
  std::vector<std::jthread> threads_;  // last, with the next: they use all of the above
  std::jthread watch_;
};

}  // namespace pgkeep::server
