#include "server/schedule/job_queue.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace pgkeep::server {
namespace {

constexpr std::uint64_t kMostExpiries = 2;

}  // namespace

bool may_run_beside(JobKind a, JobKind b) {
  return (a == JobKind::verify) != (b == JobKind::verify);
}

bool JobQueue::add(QueuedJob job) {
  const auto is_same = [&](const QueuedJob& other) {
    return other.server == job.server && other.kind == job.kind;
  };
  if (const auto same = std::ranges::find_if(waiting_, is_same); same != waiting_.end()) {
    same->urgent = same->urgent || job.urgent;
    return false;
  }
  if (std::ranges::any_of(running_, is_same)) return false;
  const auto order = [](const QueuedJob& one) { return std::tie(one.due, one.server, one.kind); };
  const auto place = std::ranges::upper_bound(waiting_, order(job), {}, order);
  waiting_.insert(place, std::move(job));
  return true;
}

bool JobQueue::may_begin(const QueuedJob& job, const JobLimits& limits) const {
  const auto is_in_the_way = [&](const QueuedJob& other) {
    return other.server == job.server && !may_run_beside(other.kind, job.kind);
  };
  if (std::ranges::any_of(running_, is_in_the_way)) return false;
  std::uint64_t alike = 0;
  std::uint64_t on_host = 0;
  for (const auto& other : running_) {
    if (other.kind != job.kind) continue;
    ++alike;
    if (other.host == job.host) ++on_host;
  }
  if (job.kind == JobKind::expire) return alike < kMostExpiries;
  if (job.kind == JobKind::verify) return alike < limits.verifications;
  return alike < limits.backups && (job.urgent || on_host < limits.per_host);
}

std::optional<QueuedJob> JobQueue::begin_next(const JobLimits& limits, const IsBusy& is_busy) {
  const auto next = std::ranges::find_if(
      waiting_, [&](const QueuedJob& job) { return may_begin(job, limits) && !(is_busy && is_busy(job)); });
  if (next == waiting_.end()) return std::nullopt;
  running_.push_back(std::move(*next));
  waiting_.erase(next);
  return running_.back();
}

void JobQueue::end(const std::string& server, JobKind kind) {
  std::erase_if(running_, [&](const QueuedJob& job) { return job.server == server && job.kind == kind; });
}

void JobQueue::forget(const std::string& server) {
  std::erase_if(waiting_, [&](const QueuedJob& job) { return job.server == server; });
}

}  // namespace pgkeep::server
