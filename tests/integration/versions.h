#pragma once

#include <gtest/gtest.h>

#include "catalog/postgres/versions.h"
#include "tests/support/postgres_cluster.h"

/// Ends the test, aloud, when that major version of PostgreSQL is not on this machine.
#define PGKEEP_NEEDS_POSTGRES(major) \
  if (!::pgkeep::test::is_provisioned(major)) GTEST_SKIP() << ::pgkeep::test::how_to_provision(major)

/// Instantiates a suite derived from testing::TestWithParam<int> for every major version that pgkeep knows.
/// On which of them it runs as a part of the whole suite is said in CMakeLists.txt.
#define PGKEEP_FOR_EACH_VERSION(suite)                                                     \
  INSTANTIATE_TEST_SUITE_P(Postgres, suite,                                                \
                           ::testing::Range(::pgkeep::postgres::oldest_known_major(),      \
                                            ::pgkeep::postgres::newest_known_major() + 1), \
                           ::testing::PrintToStringParamName())
