#include "server/terminal/output.h"

#include <array>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/terminal/stop_signals.h"
#include "server/terminal/version.h"
#include "tests/support/paper.h"

namespace pgkeep::server {
namespace {

using ::testing::HasSubstr;

class OutputTest : public ::testing::Test {
 protected:
  Output make(Output::Format format, Output::Talk talk) {
    return Output(format, talk, results_.file(), talk_.file());
  }
  test::Paper results_;
  test::Paper talk_;
};

TEST_F(OutputTest, KeepsResultsAndTalkApart) {
  auto out = make(Output::Format::text, Output::Talk::normal);
  out.fact("a fact");
  out.report("a report");
  out.note("a note");
  out.debug("a detail");
  out.warning("a warning");
  out.finish();
  EXPECT_EQ(results_.text(), "a fact\na report\n");
  EXPECT_EQ(talk_.text(), "pgkeep: a note\npgkeep: warning: a warning\n");
}

TEST_F(OutputTest, CommandsNoTerminal) {
  for (const auto format : {Output::Format::text, Output::Format::json}) {
    auto out = make(format, Output::Talk::normal);
    out.fact("a file named \x1b[2J");
    out.data("\x1b[2J and \xc2\x9b 2J");
    out.warning("a server said \x1b[2J");
    out.error("and \x07 then", Exit::failed);
    out.finish();
  }
  for (const auto& text : {results_.text(), talk_.text()})
    EXPECT_EQ(text.find_first_of("\x1b\x07\x9b"), std::string::npos) << text;
}

TEST_F(OutputTest, QuietLeavesFactsAndWhatIsWrong) {
  auto out = make(Output::Format::text, Output::Talk::quiet);
  out.fact("a fact");
  out.report("a report");
  out.note("a note");
  out.warning("a warning");
  out.error("an error", Exit::failed);
  out.finish();
  EXPECT_EQ(results_.text(), "a fact\n");
  EXPECT_EQ(talk_.text(), "pgkeep: warning: a warning\npgkeep: error: an error\n");
}

TEST_F(OutputTest, JsonIsOneDocument) {
  auto out = make(Output::Format::json, Output::Talk::normal);
  out.fact("a fact");
  out.report("a report");
  out.warning("a warning");
  out.data({{"id", 1}});
  out.finish();
  EXPECT_EQ(Json::parse(results_.text()), (Json{{"pgkeep", {{"version", kVersion}, {"schema", 1}}},
                                                {"data", {{"id", 1}}},
                                                {"warnings", {"a warning"}}}));
}

TEST_F(OutputTest, JsonSaysWhyACommandFailed) {
  auto out = make(Output::Format::json, Output::Talk::normal);
  out.error("no such server", Exit::not_found);
  out.finish();
  const auto document = Json::parse(results_.text());
  EXPECT_EQ(document.at("error"), (Json{{"message", "no such server"}, {"exit_code", 3}}));
  EXPECT_TRUE(document.at("data").is_null());
  EXPECT_THAT(talk_.text(), HasSubstr("error: no such server"));
}

TEST_F(OutputTest, JsonKeepsTheFailureOfOnePartAmongTheWarnings) {
  auto out = make(Output::Format::json, Output::Talk::quiet);
  out.failure("spare: cannot be read");
  out.finish();
  const auto document = Json::parse(results_.text());
  EXPECT_EQ(document.at("warnings"), Json({"spare: cannot be read"}));
  EXPECT_FALSE(document.contains("error")) << "the command itself did not fail";
  EXPECT_EQ(talk_.text(), "pgkeep: error: spare: cannot be read\n");
}

TEST_F(OutputTest, JsonIsADocumentAlsoWhereNothingWasSaid) {
  auto out = make(Output::Format::json, Output::Talk::quiet);
  out.finish();
  const auto document = Json::parse(results_.text());
  EXPECT_TRUE(document.at("data").is_null());
  EXPECT_EQ(document.at("warnings"), Json::array());
}

TEST_F(OutputTest, VerboseTellsDetails) {
  auto out = make(Output::Format::text, Output::Talk::verbose);
  out.debug("a detail");
  out.finish();
  EXPECT_EQ(talk_.text(), "pgkeep: a detail\n");
}

TEST_F(OutputTest, JsonReplacesWhatIsNotUtf8) {
  auto out = make(Output::Format::json, Output::Talk::normal);
  out.data({{"path", "a\xff"}});
  out.finish();
  EXPECT_EQ(Json::parse(results_.text()).at("data").at("path"), "a\xEF\xBF\xBD");
}

TEST(CountedTest, KnowsTheSingular) {
  EXPECT_EQ(counted(0, "backup"), "0 backups");
  EXPECT_EQ(counted(1, "backup"), "1 backup");
  EXPECT_EQ(counted(2, "backup"), "2 backups");
}

TEST_F(OutputTest, DoesNotFailWhenTheReaderHasSeenEnough) {
  ignore_broken_pipes();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ::close(ends[0]);
  std::FILE* pipe = ::fdopen(ends[1], "w");
  ASSERT_NE(pipe, nullptr);
  Output out(Output::Format::text, Output::Talk::normal, pipe, talk_.file());
  out.fact("a fact");
  EXPECT_NO_THROW(out.finish());
  std::fclose(pipe);
}

TEST_F(OutputTest, FailsWhenTheResultsCannotBeWritten) {
  std::FILE* full = std::fopen("/dev/full", "w");
  ASSERT_NE(full, nullptr);
  Output out(Output::Format::text, Output::Talk::normal, full, talk_.file());
  out.fact("a fact");
  EXPECT_THROW(out.finish(), StorageError);
  std::fclose(full);
}

}  // namespace
}  // namespace pgkeep::server
