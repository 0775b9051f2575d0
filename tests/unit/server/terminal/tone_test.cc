#include "server/terminal/tone.h"

#include <gtest/gtest.h>

#include "server/terminal/table_printer.h"
#include "tests/support/paper.h"

namespace pgkeep::server {
namespace {

TEST(ToneTest, ColorsOnlyWhatMeansSomething) {
  EXPECT_EQ(in_colors({"plain ", {"bad", Tone::bad}, {"", Tone::good}}), "plain \033[1;31mbad\033[0m");
  EXPECT_EQ(plain_text({"plain ", {"bad", Tone::bad}}), "plain bad");
}

TEST(ToneTest, LetsNoTextCommandTheTerminal) {
  EXPECT_EQ(in_colors({{"\033[2J", Tone::bad}}), "\033[1;31m?[2J\033[0m");
}

/// What comes out of an output of which both files are no terminals.
class ColorsTest : public testing::Test {
 protected:
  void say(Output::Color color, Output::Format format = Output::Format::text) {
    Output out(format, Output::Talk::normal, results_.file(), talk_.file());
    out.set_color(color);
    TablePrinter table({{"NAME"}, {"STATE"}, {"N", TablePrinter::Align::right}});
    table.add({"a", {"bad", Tone::bad}, "1"});
    table.print(out);
    out.warning("careful");
    out.data({{"state", "bad"}});
    out.finish();
  }
  test::Paper results_;
  test::Paper talk_;
};

TEST_F(ColorsTest, ThereAreNoneInAFileOrPipe) {
  say(Output::Color::automatic);
  EXPECT_EQ(results_.text(), "NAME  STATE  N\na     bad    1\n");
  EXPECT_EQ(talk_.text(), "pgkeep: warning: careful\n");
}

TEST_F(ColorsTest, WhoWantsThemHasThemAndColumnsStay) {
  say(Output::Color::always);
  EXPECT_EQ(results_.text(), "NAME  STATE  N\na     \033[1;31mbad\033[0m    1\n");
  EXPECT_EQ(talk_.text(), "pgkeep: \033[33mwarning: \033[0mcareful\n");
}

TEST_F(ColorsTest, ThereAreNoneInJson) {
  say(Output::Color::always, Output::Format::json);
  EXPECT_EQ(results_.text().find('\033'), std::string::npos);
}

}  // namespace
}  // namespace pgkeep::server
