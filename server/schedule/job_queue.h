#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/schedule/job_plan.h"

namespace pgkeep::server {

/// How many jobs may run at once.
struct JobLimits {
  std::uint64_t backups = 0;   // over the fleet
  std::uint64_t per_host = 0;  // of these, of servers on one host
  std::uint64_t verifications = 0;
  bool operator==(const JobLimits&) const = default;
};

/// A job that is due.
struct QueuedJob {
  std::string server;
  std::string host;  // where the server runs, for the limit
  JobKind kind = JobKind::backup;
  io::TimePoint due;
  std::string why;      // for the log
  bool urgent = false;  // waits for no other on its host: until it is done, nothing newer can be recovered
};

/// Whether two jobs of one server may run at once.
bool may_run_beside(JobKind a, JobKind b);

/// The jobs of a fleet that are due, and those that run. The one that is due the longest begins first, unless
/// the limits keep it back while they let another one begin. Of one server, one job runs at a time, and a
/// verification beside it, which may take long and is in nobody's way; of expiries, two in the fleet. One
/// thread.
class JobQueue {
 public:
  using IsBusy = std::function<bool(const QueuedJob& job)>;
  /// False when a job of this kind waits or runs for the server already; one that waits becomes urgent when
  /// this one is.
  bool add(QueuedJob job);
  /// The next that may begin, which counts as running from now on.
  /// `is_busy`: whether a job is passed over.
  std::optional<QueuedJob> begin_next(const JobLimits& limits, const IsBusy& is_busy = {});
  /// The running job of the server of that kind has ended.
  void end(const std::string& server, JobKind kind);
  /// What waits of the server does so no more.
  void forget(const std::string& server);

  const std::vector<QueuedJob>& waiting() const noexcept { return waiting_; }
  const std::vector<QueuedJob>& running() const noexcept { return running_; }

 private:
  bool may_begin(const QueuedJob& job, const JobLimits& limits) const;

  std::vector<QueuedJob> waiting_;  // by `due`, then by name
  std::vector<QueuedJob> running_;
};

}  // namespace pgkeep::server
