#include "server/web/fleet_documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using test::problem;
using test::sample_report;
using test::sound_server;
using ::testing::HasSubstr;
using ::testing::Not;

class FleetDocumentsTest : public ::testing::Test {
 protected:
  FleetDocumentsTest() {
    auto broken = sound_server("shop");
    broken.problems = {problem(Severity::failed, "the disk is on fire")};
    broken.findings = broken.problems;
    FleetFacts facts;
    facts.report = sample_report({sound_server("orders"), broken});
    facts.servers.emplace_back().name = "orders";
    facts.servers.back().conninfo = "host=pg1 password=hidden";
    facts.warnings = {"a warning"};
    documents_ = write_documents(std::move(facts));
  }
  std::string text(std::string_view path) const {
    const auto document = documents_.find(path);
    return document ? *document->text : "nothing";
  }
  Json data(std::string_view path) const { return Json::parse(text(path)).at("data"); }

  FleetDocuments documents_;
};

TEST_F(FleetDocumentsTest, HaveTheFleetAsAPageWhoseNamesLeadToTheServers) {
  EXPECT_THAT(text(""), HasSubstr("<a class=\"name\" href=\"/servers/orders\">orders</a>"));
  EXPECT_THAT(text(""), HasSubstr("<script"));
  EXPECT_TRUE(documents_.find("")->is_page);
}

TEST_F(FleetDocumentsTest, HaveAPageForEachServerWithWhatIsOfIt) {
  EXPECT_THAT(text("servers/shop"), HasSubstr("the disk is on fire"));
  EXPECT_THAT(text("servers/shop"), Not(HasSubstr("orders")));
  EXPECT_THAT(text("servers/orders"), Not(HasSubstr("on fire")));
  EXPECT_EQ(text("servers/nobody"), "nothing");
  EXPECT_EQ(text("servers/"), "nothing");
}

TEST_F(FleetDocumentsTest, TellProgramsWhatTheCommandsTell) {
  EXPECT_EQ(data("api/v1/report").at("servers").size(), 2U);
  EXPECT_EQ(Json::parse(text("api/v1/report")).at("warnings").at(0), "a warning");
  EXPECT_EQ(data("api/v1/check").at(1).at("ok"), false);
  EXPECT_EQ(data("api/v1/servers").at(0).at("name"), "orders");
  EXPECT_EQ(data("api/v1/status"), Json::array());
  EXPECT_EQ(data("api/v1/servers/shop").at("server"), "shop");
  EXPECT_EQ(data("api/v1/servers/shop/backups"), data("api/v1/servers/shop").at("backups"));
  EXPECT_EQ(data("api/v1/servers/shop/check").at("checks").at(0).at("finding"), "the disk is on fire");
  EXPECT_EQ(text("api/v1/servers/shop/more"), "nothing");
}

TEST_F(FleetDocumentsTest, TellPrometheusTheFigures) {
  EXPECT_THAT(documents_.find("metrics")->content_type, HasSubstr("version=0.0.4"));
  EXPECT_THAT(text("metrics"),
              HasSubstr("\npgkeep_finding{server=\"shop\",key=\"backups\",severity=\"failed\"} 1\n"));
}

TEST_F(FleetDocumentsTest, TellNoPassword) {
  EXPECT_THAT(text("api/v1/servers"), Not(HasSubstr("hidden")));
}

TEST(MayBeDocumentTest, KnowsWhatIsNeverAnswered) {
  for (const auto* path : {"", "metrics", "servers/x", "api/v1/report", "api/v1/servers/x/backups"})
    EXPECT_TRUE(may_be_document(path)) << path;
  for (const auto* path : {"favicon.ico", "api", "api/v2/report", "servers"})
    EXPECT_FALSE(may_be_document(path)) << path;
}

}  // namespace
}  // namespace pgkeep::server
