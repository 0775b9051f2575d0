#include "server/terminal/live_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/paper.h"

namespace pgkeep::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

class LiveLinesTest : public testing::Test {
 protected:
  test::Paper paper_;  // no terminal: 80 columns, 24 lines
  LiveLines lines_{paper_.file()};
};

TEST_F(LiveLinesTest, AlignsWhatItShows) {
  lines_.set("a", "copying");
  lines_.set("longer", "waiting");
  EXPECT_THAT(paper_.text(), EndsWith("a       copying\nlonger  waiting\n"));
}

TEST_F(LiveLinesTest, TakesTheLinesAwayForWhatIsPrinted) {
  lines_.set("a", "copying");
  lines_.set("b", "copying");
  lines_.around([&] { std::fputs("printed\n", paper_.file()); });
  EXPECT_THAT(paper_.text(), EndsWith("\033[2F\033[Jprinted\na  copying\nb  copying\n"));
}

TEST_F(LiveLinesTest, LeavesNothingOfWhatIsDone) {
  lines_.set("a", "copying");
  lines_.remove("a");
  EXPECT_THAT(paper_.text(), EndsWith("\033[1F\033[J"));
}

TEST_F(LiveLinesTest, CountsThoseWithoutRoom) {
  for (int i = 10; i < 40; ++i) lines_.set("s" + std::to_string(i), "copying");
  EXPECT_THAT(paper_.text(), HasSubstr("s30  copying\nand 9 more\n"));
}

TEST_F(LiveLinesTest, FitsTheTerminalAndCommandsNone) {
  lines_.set("a", std::string(200, 'x') + "\033[2J");
  const auto text = paper_.text();
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_THAT(text, EndsWith("x…\n"));
  EXPECT_EQ(text.size(), 78 + std::string("…\n").size());
}

}  // namespace
}  // namespace pgkeep::server
