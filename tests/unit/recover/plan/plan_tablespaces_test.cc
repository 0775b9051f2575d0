#include "recover/plan/plan_tablespaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/plan_fixture.h"

namespace pgkeep::recover {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class PlanTablespacesTest : public testing::Test {
 protected:
  std::vector<PlannedTablespace> plan(const std::map<std::string, std::string>& relocations) {
    auto wanted = request();
    wanted.tablespaces = relocations;
    return plan_tablespaces(wanted, backup_);
  }

  store::BackupRecord backup_ = [] {
    store::BackupRecord record(id_of(10));
    record.tablespaces = {
        {16385, "fast", "/srv/fast"}, {16386, "", "/srv/slow"}, {16390, "inside", "pg_tblspc/16390"}};
    return record;
  }();
};

TEST_F(PlanTablespacesTest, KeepsTheOriginalPlaces) {
  const auto planned = plan({});
  ASSERT_EQ(planned.size(), 3u);
  EXPECT_EQ(planned[0].location, "/srv/fast");
  EXPECT_EQ(planned[2].location, "pg_tblspc/16390");
}

TEST_F(PlanTablespacesTest, RelocatesByNameNumberAndPlace) {
  EXPECT_EQ(plan({{"fast", "/new/a/"}})[0].location, "/new/a");
  EXPECT_EQ(plan({{"16386", "/new/b"}})[1].location, "/new/b");
  EXPECT_EQ(plan({{"/srv/slow/", "/new/c"}})[1].location, "/new/c");
  EXPECT_EQ(plan({{"fast", "/new/a"}})[0].original, "/srv/fast");
}

TEST_F(PlanTablespacesTest, RefusesWhatIsNoTablespace) {
  EXPECT_THAT(
      [&] {
        plan({{"fats", "/new"}});
      },
      ThrowsMessage<UsageError>(HasSubstr("fast (16385) at /srv/fast")));
  EXPECT_THROW(plan({{"", "/new"}}), UsageError);  // one tablespace has no name
}

TEST_F(PlanTablespacesTest, RefusesPlacesThatCannotBe) {
  EXPECT_THROW(plan({{"fast", "relative"}}), UsageError);
  EXPECT_THROW(plan({{"inside", "/new"}}), UsageError);
  EXPECT_THROW(plan({{"fast", "/new\nline"}}), UsageError);
}

TEST_F(PlanTablespacesTest, TakesALineBreakInTheOriginalPlaceOnlyWhenItGoesElsewhere) {
  backup_.tablespaces[0].location = "/srv/fa\nst";
  EXPECT_THAT([&] { plan({}); },
              ThrowsMessage<Refused>(AllOf(HasSubstr("/srv/fa\\nst"), HasSubstr("--tablespace 16385:"))));
  EXPECT_EQ(plan({{"16385", "/new/a"}})[0].location, "/new/a");
}

TEST_F(PlanTablespacesTest, RefusesPlacesThatLieInOneAnother) {
  for (const std::string place :
       {"/restored/main", "/restored/main/ts", "/restored", "/srv/slow", "/srv/slow/x", "/srv"})
    EXPECT_THROW(plan({{"fast", place}}), Refused) << place;
  EXPECT_NO_THROW(plan({{"fast", "/restored/main2"}}));
}

}  // namespace
}  // namespace pgkeep::recover
