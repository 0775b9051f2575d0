#pragma once

#include <map>
#include <string>

#include "tests/support/postgres_cluster.h"

namespace pgkeep::test {

/// "database.schema.table" → number of rows and a digest of them, whatever their order, for every permanent
/// table and materialised view of users; large objects as a table of their own. Two clusters with equal
/// contents hold the same data. Sequences are left out: after a crash they may be up to 32 ahead, which is
/// how PostgreSQL logs them.
std::map<std::string, std::string> contents(const PostgresCluster& cluster);

/// Makes a table with columns of every kind of type, indexes of every kind, a partitioned and an inherited
/// one, one that is unlogged, a sequence, a materialised view, large objects, and `tablespace` with a table
/// and an index in it.
void make_every_kind_of_table(const PostgresCluster& cluster, const std::string& tablespace);

/// Inserts, updates, deletes and truncates in all of these; `round` makes the rows differ.
void change_every_kind_of_table(const PostgresCluster& cluster, int round);

}  // namespace pgkeep::test
