#include "recover/deliver/backup_survey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/plan_fixture.h"

namespace pgkeep::recover {
namespace {

TEST(DeliveredModeTest, DropsWhatGivesRightsAway) {
  EXPECT_EQ(delivered_mode(0600), 0600u);
  EXPECT_EQ(delivered_mode(0750), 0750u);
  EXPECT_EQ(delivered_mode(07777), 0755u);
  EXPECT_EQ(delivered_mode(04755), 0755u);
}

TEST(DestinationPathsTest, LeadOutOfTheDataDirectoryOnlyForATablespaceOfThePlan) {
  RecoveryPlan plan{
      .request = request(), .backup = store::BackupRecord(id_of(10)), .timeline = postgres::TimelineId(1)};
  plan.tablespaces = {{16385, "a", "/srv/a", "/new/a"}, {16390, "b", "pg_tblspc/16390", "pg_tblspc/16390"}};
  const DestinationPaths paths(plan);
  EXPECT_EQ(paths.of("pg_tblspc/16385/PG_18_202506291/5/1"), "/new/a/PG_18_202506291/5/1");
  EXPECT_EQ(paths.below_location("pg_tblspc/16385/PG_18_202506291/5/1"), "PG_18_202506291/5/1");
  EXPECT_EQ(paths.below_location("pg_tblspc/16385"), "");
  for (const auto* path : {"base/1/2", "pg_tblspc/16390/PG_18_202506291/5/1", "pg_tblspc/16385x/file",
                           "pg_tblspc/016385/file", "pg_tblspc/1/file", "pg_tblspc/README"}) {
    EXPECT_EQ(paths.below_location(path), std::nullopt) << path;
    EXPECT_EQ(paths.of(path), std::string("/restored/main/") + path);
  }
}

}  // namespace
}  // namespace pgkeep::recover
