#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "server/daemon/control_server.h"

namespace pgkeep::server {
namespace {

using ::testing::HasSubstr;

/// What the daemon answers to a line of a client.
class ControlAnswerTest : public ::testing::Test {
 protected:
  nlohmann::json answer(const std::string& request) {
    return nlohmann::json::parse(answer_control(request, questions_));
  }
  ControlQuestions questions_{.report =
                                  [] {
                                    DaemonReport report;
                                    report.pid = 4711;
                                    report.config_problem = "not \xff UTF-8";
                                    return report;
                                  },
                              .reload = [this]() -> ReloadReport {
                                ++reloads_;
                                return {{"a"}, {}, {}, {}};
                              }};
  int reloads_ = 0;
};

TEST_F(ControlAnswerTest, TellsTheReportAndChangesNothing) {
  EXPECT_EQ(answer(R"({"do": "report"})").at("report").at("pid"), 4711);
  EXPECT_EQ(reloads_, 0);
}

TEST_F(ControlAnswerTest, ReloadsOnceAndTellsWhatCameOfIt) {
  EXPECT_EQ(answer(R"({"do": "reload"})").at("reload").at("added"), nlohmann::json::array({"a"}));
  EXPECT_EQ(reloads_, 1);
}

TEST_F(ControlAnswerTest, IsOneLineWhateverItHolds) {
  questions_.reload = []() -> ReloadReport { throw Error("one\ntwo"); };
  EXPECT_EQ(answer_control(R"({"do": "reload"})", questions_).find('\n'), std::string::npos);
}

TEST_F(ControlAnswerTest, RefusesWhatItDoesNotUnderstand) {
  for (const std::string request :
       {"", "report", "{", "[]", "7", "{}", R"({"do": "stop"})", R"({"do": 7})", R"({"do": null})", "\xff"}) {
    const auto json = answer(request);
    EXPECT_TRUE(json.contains("error")) << request;
    EXPECT_FALSE(json.contains("report")) << request;
  }
  EXPECT_EQ(reloads_, 0);
}

TEST_F(ControlAnswerTest, TellsAMistakeOfUseFromAnotherFailure) {
  questions_.reload = []() -> ReloadReport { throw UsageError("pgkeep.yaml:3: no"); };
  EXPECT_EQ(answer(R"({"do": "reload"})").dump(), R"({"error":"pgkeep.yaml:3: no","usage":true})");
  questions_.reload = []() -> ReloadReport { throw Error("the disk is full"); };
  EXPECT_EQ(answer(R"({"do": "reload"})").dump(), R"({"error":"the disk is full","usage":false})");
}

}  // namespace
}  // namespace pgkeep::server
