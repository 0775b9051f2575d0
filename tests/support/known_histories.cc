#include "tests/support/known_histories.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/support/commit_writers.h"

namespace pgkeep::test {
namespace {

constexpr std::int64_t kModulus = 1'000'000'007;

std::int64_t fold(const std::vector<int>& ids) {
  std::int64_t digest = 0;
  for (const int id : ids) digest = (digest * 31 + id) % kModulus;
  return digest;
}

}  // namespace

std::vector<int> History::ids() const {
  return ids_until(~std::uint64_t{0});
}

std::vector<int> History::ids_until(std::uint64_t lsn) const {
  std::vector<int> result;
  for (const auto& commit : commits)
    if (commit.end_lsn <= lsn) result.push_back(commit.id);
  return result;
}

bool begins_with(const std::vector<int>& ids, const std::vector<int>& beginning) {
  return ids.size() >= beginning.size() && std::equal(beginning.begin(), beginning.end(), ids.begin());
}

History& KnownHistories::begin(const PostgresCluster& server) {
  server.execute(
      "CREATE TABLE rows (id int PRIMARY KEY, ballast text);"
      "ALTER TABLE rows ALTER COLUMN ballast SET STORAGE EXTERNAL;"
      "CREATE TABLE chain (digest bigint);"
      "INSERT INTO chain VALUES (0)");
  return histories_.emplace_back(History{next_name(), {}});
}

History& KnownHistories::branch(const History& parent, std::size_t commits) {
  auto& history = histories_.emplace_back(History{next_name(), parent.commits});
  history.commits.resize(commits);
  return history;
}

void KnownHistories::commit(const PostgresCluster& server, History& history, int ballast_bytes) {
  const int id = ++last_id_;
  auto session = server.session();
  // The statements of one query are one transaction.
  session.execute(fmt::format(
      "INSERT INTO rows VALUES ({0}, repeat('x', {1})); UPDATE chain SET digest = (digest * 31 + {0}) % {2}",
      id, ballast_bytes, kModulus));
  history.commits.push_back({id, lsn_value(session.value("SELECT pg_current_wal_insert_lsn()"))});
}

const History* KnownHistories::with(const std::vector<int>& ids) const {
  const auto found =
      std::ranges::find_if(histories_, [&](const auto& history) { return begins_with(history.ids(), ids); });
  return found == histories_.end() ? nullptr : &*found;
}

std::string KnownHistories::next_name() const {
  return std::string(1, static_cast<char>('A' + histories_.size() % 26)) +
         (histories_.size() < 26 ? "" : std::to_string(histories_.size() / 26));
}

std::vector<int> committed_ids(const PostgresCluster& server) {
  auto session = server.session();
  const auto read = [&](const std::string& without) {
    session.execute("RESET ALL; SET enable_bitmapscan = off; SET " + without + " = off");
    std::vector<int> ids;
    for (const auto& row : session.rows("SELECT id FROM rows WHERE id > 0 ORDER BY id"))
      ids.push_back(std::stoi(row[0]));
    return ids;
  };
  auto ids = read("enable_indexscan");
  if (ids != read("enable_seqscan")) throw std::runtime_error("table and index differ");
  const auto digest = session.value("SELECT digest FROM chain");
  if (digest != std::to_string(fold(ids)))
    throw std::runtime_error(
        fmt::format("the rows {} never were together: they fold to {}, and the chain says {}",
                    fmt::join(ids, " "), fold(ids), digest));
  return ids;
}

}  // namespace pgkeep::test
