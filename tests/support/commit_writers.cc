#include "tests/support/commit_writers.h"

#include <memory>
#include <stdexcept>

#include <fmt/format.h>

#include "tests/support/wait_until.h"

namespace pgkeep::test {

CommitWriters::CommitWriters(const PostgresCluster& cluster, int sessions, int ballast_bytes)
    : ballast_bytes_(ballast_bytes) {
  cluster.execute("CREATE TABLE commits (id int, ballast text)");
  for (int i = 0; i < sessions; ++i) {
    auto session = std::make_shared<PostgresSession>(cluster.session());  // shared: std::function copies
    threads_.emplace_back(
        [this, session, i, sessions](const std::stop_token& stop) { write(*session, i, sessions, stop); });
  }
}

CommitWriters::~CommitWriters() {
  stop();
}

void CommitWriters::stop() {
  for (auto& thread : threads_) thread.request_stop();
}

void CommitWriters::write(PostgresSession& session, int first, int step, const std::stop_token& stop) {
  try {
    for (int id = first; !stop.stop_requested(); id += step) {
      session.execute(fmt::format("INSERT INTO commits VALUES ({}, repeat('x', {}))", id, ballast_bytes_));
      log_.with([&](Log& log) { log.acknowledged.insert(id); });
      const auto lsn = lsn_value(session.value("SELECT pg_current_wal_insert_lsn()"));
      log_.with([&](Log& log) { log.commits.push_back({lsn, id}); });
    }
  } catch (const std::exception&) {
    // The server is gone. The row in hand was not acknowledged; nothing may be expected of it.
  }
}

std::size_t CommitWriters::acknowledged_so_far() const {
  return log_.with([](const Log& log) { return log.acknowledged.size(); });
}

void CommitWriters::wait_for(std::size_t more) const {
  const auto wanted = acknowledged_so_far() + more;
  wait_until([&] { return acknowledged_so_far() >= wanted; },
             fmt::format("{} more commits are acknowledged", more));
}

std::set<int> CommitWriters::acknowledged() const {
  return log_.with([](const Log& log) { return log.acknowledged; });
}

std::set<int> CommitWriters::acknowledged_before(const std::string& flushed_lsn) const {
  const auto flushed = lsn_value(flushed_lsn);
  std::set<int> result;
  log_.with([&](const Log& log) {
    for (const auto& commit : log.commits)
      if (commit.lsn <= flushed) result.insert(commit.id);
  });
  return result;
}

std::set<int> committed_rows(const PostgresCluster& cluster) {
  std::set<int> ids;
  for (const auto& row : cluster.rows("SELECT id FROM commits")) ids.insert(std::stoi(row.front()));
  return ids;
}

std::uint64_t lsn_value(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) throw std::runtime_error("not an LSN: '" + text + "'");
  return (std::stoull(text.substr(0, slash), nullptr, 16) << 32) +
         std::stoull(text.substr(slash + 1), nullptr, 16);
}

}  // namespace pgkeep::test
