#include "server/health/sync_standbys.h"

#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

TEST(SyncStandbysTest, FindsTheNameInEveryFormOfTheList) {
  for (const auto* list : {"pgkeep", "standby1, pgkeep", "FIRST 1 (pgkeep, s2)", "ANY 2 (s1,s2,pgkeep)",
                           "1 (pgkeep)", "\"pgkeep\"", "any 1 (\"a (b)\", \"PgKeep\")", "*", "FIRST 1 (*)"})
    EXPECT_TRUE(names_standby(list, "pgkeep")) << list;
}

TEST(SyncStandbysTest, TakesNoPartOfANameForIt) {
  for (const auto* list :
       {"", "pgkeep_backup", "FIRST 1 (pgkeep2)", "\"pgkeep, other\"", "any 1 (a, b)", ","})
    EXPECT_FALSE(names_standby(list, "pgkeep")) << list;
}

}  // namespace
}  // namespace pgkeep::server
