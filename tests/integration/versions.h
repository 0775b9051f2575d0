#pragma once

#include <gtest/gtest.h>

#include "tests/support/postgres_cluster.h"

/// Ends the test, aloud, when that major version of PostgreSQL is not on this machine.
#define PGKEEP_NEEDS_POSTGRES(major) \
  if (!::pgkeep::test::is_provisioned(major)) GTEST_SKIP() << ::pgkeep::test::how_to_provision(major)

/// Runs a suite derived from testing::TestWithParam<int> once for each of these major versions.
#define PGKEEP_FOR_VERSIONS(suite, ...)                                     \
  INSTANTIATE_TEST_SUITE_P(Postgres, suite, ::testing::Values(__VA_ARGS__), \
                           ::testing::PrintToStringParamName())
