#include "server/terminal/table_printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/paper.h"

namespace pgkeep::server {
namespace {

using ::testing::ElementsAre;
using Align = TablePrinter::Align;

TEST(TablePrinterTest, AlignsColumnsAndLeavesNoSpacesAtTheEnd) {
  TablePrinter table({{"SERVER"}, {"SIZE", Align::right}, {"REMARKS"}});
  table.add({"main", "1.5 GiB", ""});
  table.add({"a-long-name", "3 B", "from standby"});
  EXPECT_THAT(table.lines(), ElementsAre("SERVER          SIZE  REMARKS",  //
                                         "main         1.5 GiB",           //
                                         "a-long-name      3 B  from standby"));
}

TEST(TablePrinterTest, CountsCharactersNotBytes) {
  TablePrinter table({{"NAME"}, {"X"}});
  table.add({"Gräser", "1"});
  table.add({"Graser", "2"});
  EXPECT_THAT(table.lines(), ElementsAre("NAME    X", "Gräser  1", "Graser  2"));
}

TEST(TablePrinterTest, ShortensTheLastColumnToTheTerminalAlone) {
  TablePrinter table({{"NAME"}, {"WHY"}});
  table.add({"main", "no room für anything"});
  EXPECT_THAT(table.lines(18), ElementsAre("NAME  WHY", "main  no room für…"));
  EXPECT_THAT(table.lines(12), ElementsAre("NAME  WHY", "main  no room für anything")) << "no room at all";
  EXPECT_THAT(table.lines(), ElementsAre("NAME  WHY", "main  no room für anything"));
}

TEST(TablePrinterTest, PrintsItsTitlesWithoutRows) {
  EXPECT_THAT(TablePrinter({{"A"}, {"B"}}).lines(), ElementsAre("A  B"));
}

TEST(TablePrinterTest, LeavesCellsEmptyThatARowDoesNotHave) {
  TablePrinter table({{"SERVER"}, {"SIZE", Align::right}});
  table.add({"main"});
  EXPECT_THAT(table.lines(), ElementsAre("SERVER  SIZE", "main"));
}

TEST(TablePrinterTest, PrintsNothingBesideAJsonDocument) {
  const test::Paper results;
  Output out(Output::Format::json, Output::Talk::normal, results.file(), results.file());
  TablePrinter({{"SERVER"}}).print(out);
  FactPrinter facts;
  facts.add("id", "1");
  facts.print(out);
  EXPECT_EQ(results.text(), "");
}

TEST(FactPrinterTest, PutsValuesBelowOneAnother) {
  FactPrinter facts;
  facts.add("id", "20261120T020000Z");
  facts.add("server", "main");
  EXPECT_THAT(facts.lines(), ElementsAre("id:      20261120T020000Z", "server:  main"));
}

TEST(FactPrinterTest, IndentsTheFurtherLinesOfAValue) {
  FactPrinter facts;
  facts.add("WAL", "one\ntwo");
  facts.add("none", "");
  EXPECT_THAT(facts.lines(), ElementsAre("WAL:   one", "       two", "none:"));
}

}  // namespace
}  // namespace pgkeep::server
