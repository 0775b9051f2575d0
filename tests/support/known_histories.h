#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/postgres_cluster.h"

namespace pgkeep::test {

/// A transaction that a server committed: the row it added, and a position at or after the end of its commit
/// record and before the next one.
struct KnownCommit {
  int id;
  std::uint64_t end_lsn;
};

/// What one server has committed, in order. A copy of its files that goes on by itself has another history,
/// with the same beginning. Ids only rise in a history, and no two histories add the same one.
struct History {
  std::string name;
  std::vector<KnownCommit> commits;

  std::vector<int> ids() const;
  /// Of the commits that end up to `lsn`.
  std::vector<int> ids_until(std::uint64_t lsn) const;
};

bool begins_with(const std::vector<int>& ids, const std::vector<int>& beginning);

/// What all servers of a test have committed: the truth that a recovery is compared with. Each commit adds a
/// row to `rows` and is folded into the only row of `chain`, so that rows of two histories never look like
/// one.
class KnownHistories {
 public:
  /// The history of a new server, with the tables that the commits need.
  History& begin(const PostgresCluster& server);
  /// That of a copy which has the first `commits` of `parent`.
  History& branch(const History& parent, std::size_t commits);
  /// Commits a row on `server`, with so many bytes of ballast.
  void commit(const PostgresCluster& server, History& history, int ballast_bytes);
  /// One that had exactly these rows at some time.
  const History* with(const std::vector<int>& ids) const;
  int last_id() const { return last_id_; }

 private:
  std::string next_name() const;

  std::list<History> histories_;  // they keep their places
  int last_id_ = 0;
};

/// The ids of the rows that are there now. Throws when table, index and chain do not say the same.
std::vector<int> committed_ids(const PostgresCluster& server);

}  // namespace pgkeep::test
