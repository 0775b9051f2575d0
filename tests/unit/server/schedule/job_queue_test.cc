#include "server/schedule/job_queue.h"

#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;

constexpr JobLimits kLimits{.backups = 2, .per_host = 1, .verifications = 1};

QueuedJob job(const std::string& server, int minute, JobKind kind = JobKind::backup,
              const std::string& host = "") {
  return {server, host.empty() ? server : host, kind, io::TimePoint(std::chrono::minutes(minute)), ""};
}

std::string begun(JobQueue& queue, const JobLimits& limits = kLimits) {
  const auto next = queue.begin_next(limits);
  return next ? next->server : "nothing";
}

TEST(JobQueueTest, BeginsWhatIsDueTheLongest) {
  JobQueue queue;
  queue.add(job("b", 2));
  queue.add(job("c", 1));
  queue.add(job("a", 2));
  EXPECT_EQ(begun(queue, {3, 1}), "c");
  EXPECT_EQ(begun(queue, {3, 1}), "a");
  EXPECT_EQ(begun(queue, {3, 1}), "b");
}

TEST(JobQueueTest, TakesAJobOnce) {
  JobQueue queue;
  EXPECT_TRUE(queue.add(job("a", 1)));
  EXPECT_FALSE(queue.add(job("a", 2)));
  EXPECT_EQ(begun(queue), "a");
  EXPECT_FALSE(queue.add(job("a", 3))) << "it runs";
  queue.end("a", JobKind::backup);
  EXPECT_TRUE(queue.add(job("a", 3)));
}

TEST(JobQueueTest, KeepsTheLimitOfBackups) {
  JobQueue queue;
  for (const auto* name : {"a", "b", "c"}) queue.add(job(name, 1));
  EXPECT_EQ(begun(queue), "a");
  EXPECT_EQ(begun(queue), "b");
  EXPECT_EQ(begun(queue), "nothing");
  queue.end("a", JobKind::backup);
  EXPECT_EQ(begun(queue), "c");
}

TEST(JobQueueTest, LetsAnotherHostGoFirstWhereOneIsBusy) {
  JobQueue queue;
  queue.add(job("a", 1, JobKind::backup, "pg1"));
  queue.add(job("b", 2, JobKind::backup, "pg1"));
  queue.add(job("c", 3, JobKind::backup, "pg2"));
  EXPECT_EQ(begun(queue), "a");
  EXPECT_EQ(begun(queue), "c");
  queue.end("a", JobKind::backup);
  EXPECT_EQ(begun(queue), "b");
}

TEST(JobQueueTest, LetsAnUrgentBackupWaitForNoOtherOnItsHost) {
  JobQueue queue;
  queue.add(job("a", 1, JobKind::backup, "pg1"));
  auto urgent = job("b", 2, JobKind::backup, "pg1");
  urgent.urgent = true;
  queue.add(job("b", 2, JobKind::backup, "pg1"));
  queue.add(urgent);
  EXPECT_EQ(begun(queue), "a");
  EXPECT_EQ(begun(queue), "b");
}

TEST(JobQueueTest, RunsOneJobOfAServerAtATime) {
  JobQueue queue;
  queue.add(job("a", 1));
  queue.add(job("a", 2, JobKind::expire));
  EXPECT_EQ(begun(queue), "a");
  EXPECT_EQ(begun(queue), "nothing");
  queue.end("a", JobKind::backup);
  EXPECT_EQ(queue.begin_next(kLimits)->kind, JobKind::expire);
}

TEST(JobQueueTest, LetsExpiriesRunBesideBackups) {
  JobQueue queue;
  for (const auto* name : {"a", "b"}) queue.add(job(name, 1));
  for (const auto* name : {"c", "d", "e"}) queue.add(job(name, 2, JobKind::expire));
  for (const auto* name : {"a", "b", "c", "d"}) EXPECT_EQ(begun(queue), name);
  EXPECT_EQ(begun(queue), "nothing") << "two expiries at a time";
}

TEST(JobQueueTest, KeepsTheLimitOfVerifications) {
  JobQueue queue;
  for (const auto* name : {"a", "b"}) queue.add(job(name, 1, JobKind::verify));
  queue.add(job("c", 2));
  EXPECT_EQ(begun(queue), "a");
  EXPECT_EQ(begun(queue), "c");
  EXPECT_EQ(begun(queue), "nothing");
  queue.end("a", JobKind::verify);
  EXPECT_EQ(begun(queue), "b");
}

TEST(JobQueueTest, LetsABackupRunBesideAVerificationOfTheServer) {
  JobQueue queue;
  queue.add(job("a", 1, JobKind::verify));
  EXPECT_EQ(begun(queue), "a");
  queue.add(job("a", 2));
  queue.add(job("a", 3, JobKind::expire));
  EXPECT_EQ(queue.begin_next(kLimits)->kind, JobKind::backup);
  EXPECT_EQ(begun(queue), "nothing") << "an expiry waits for the backup";
  queue.end("a", JobKind::backup);
  EXPECT_EQ(queue.begin_next(kLimits)->kind, JobKind::expire);
  EXPECT_EQ(queue.running().size(), 2u);
}

TEST(JobQueueTest, PassesOverAServerThatIsBusyOrForgotten) {
  JobQueue queue;
  queue.add(job("a", 1));
  queue.add(job("b", 2));
  const auto next = queue.begin_next(kLimits, [](const QueuedJob& one) { return one.server == "a"; });
  EXPECT_EQ(next->server, "b");
  queue.forget("a");
  EXPECT_EQ(begun(queue), "nothing");
}

}  // namespace
}  // namespace pgkeep::server
