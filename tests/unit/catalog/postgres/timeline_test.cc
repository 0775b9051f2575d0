#include "catalog/postgres/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/catalog/postgres/test_data.h"

namespace pgkeep::postgres {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr TimelineId tli(std::uint32_t value) {
  return TimelineId(value);
}

/// 1 until 0/3000000, 2 until 0/5000000, 4 until 0/5000000 (nothing written), then 7.
TimelineHistory history_of_7() {
  return TimelineHistory::parse(tli(7),
                                "1\t0/3000000\tno recovery target specified\n\n"
                                "2\t0/5000000\tbefore 2026-11-20 02:46:58+00\n\n"
                                "4\t0/5000000\tat restore point \"x\"\n");
}

std::string refusal(std::uint32_t timeline, std::string_view content) {
  return corruption_from([&] { TimelineHistory::parse(tli(timeline), content); });
}

TEST(TimelineIdTest, ParsesDecimalsUpTo32Bits) {
  EXPECT_EQ(TimelineId::parse_decimal("1"), tli(1));
  EXPECT_EQ(TimelineId::parse_decimal("4294967295"), tli(4294967295));
  for (const auto* text : {"", "0", "-1", "+1", "4294967296", "1 ", "A", "1.0"}) {
    EXPECT_FALSE(TimelineId::parse_decimal(text)) << '"' << text << '"';
  }
}

TEST(TimelineIdTest, PrintsDecimalHexAndHistoryFile) {
  EXPECT_EQ(tli(26).to_string(), "26");
  EXPECT_EQ(tli(26).to_hex(), "0000001A");
  EXPECT_EQ(tli(26).history_file(), "0000001A.history");
  EXPECT_EQ(tli(0xFEDCBA98).to_hex(), "FEDCBA98");
}

TEST(SystemIdentifierTest, ParsesWhatItPrints) {
  EXPECT_EQ(SystemIdentifier::parse("7710109983385405482"), SystemIdentifier(7710109983385405482u));
  EXPECT_EQ(SystemIdentifier::parse("18446744073709551615")->to_string(), "18446744073709551615");
  for (const auto* text : {"", "-1", "18446744073709551616", "77 ", "0x1"}) {
    EXPECT_FALSE(SystemIdentifier::parse(text)) << '"' << text << '"';
  }
}

TEST(TimelineHistoryTest, ParsesAncestorsOldestFirst) {
  const auto history = history_of_7();
  ASSERT_EQ(history.ancestors().size(), 3u);
  EXPECT_EQ(history.ancestors()[0].timeline, tli(1));
  EXPECT_EQ(history.ancestors()[0].end, Lsn(0x300'0000));
  EXPECT_EQ(history.ancestors()[2].timeline, tli(4));
  EXPECT_EQ(history.timeline(), tli(7));
}

TEST(TimelineHistoryTest, ParsesWhatARealPromotionWrote) {
  const auto history = TimelineHistory::parse(tli(2), "1\t0/1202698\tno recovery target specified\n");
  EXPECT_EQ(history.begin(), Lsn(0x120'2698));
}

TEST(TimelineHistoryTest, PassesOverCommentsAndBlankLines) {
  const auto history =
      TimelineHistory::parse(tli(3), "# by hand\n \t\n\r\n  1 0/10\n\t# 9\t0/5\n2\t0/20\r\n");
  ASSERT_EQ(history.ancestors().size(), 2u);
  EXPECT_EQ(history.begin(), Lsn(0x20));
}

TEST(TimelineHistoryTest, TakesALastLineWithoutNewlineWhenItsReasonHasBegun) {
  EXPECT_EQ(TimelineHistory::parse(tli(2), "1\t0/3000000\tno recov").begin(), Lsn(0x300'0000));
}

TEST(TimelineHistoryTest, RefusesAFileCutInsideTheLsn) {
  EXPECT_THAT(refusal(2, "1\t0/30000"), AllOf(HasSubstr("00000002.history line 1"), HasSubstr("cut short")));
  EXPECT_THAT(refusal(2, "1\t0/"), HasSubstr("\"0/\" is not an LSN"));
  EXPECT_THAT(refusal(2, "1\t"), HasSubstr("is not an LSN"));
}

TEST(TimelineHistoryTest, RefusesAnEmptyFileOfALaterTimeline) {
  EXPECT_THAT(refusal(2, ""), HasSubstr("no ancestor"));
  EXPECT_THAT(refusal(2, "# nothing\n\n"), HasSubstr("no ancestor"));
  EXPECT_TRUE(TimelineHistory::parse(tli(1), "").ancestors().empty());
}

TEST(TimelineHistoryTest, RefusesTimelinesThatDoNotRise) {
  EXPECT_THAT(refusal(5, "2\t0/10\tx\n2\t0/20\tx\n"), AllOf(HasSubstr("line 2"), HasSubstr("do not rise")));
  EXPECT_THAT(refusal(5, "3\t0/10\tx\n\n2\t0/20\tx\n"), AllOf(HasSubstr("line 3"), HasSubstr("do not rise")));
}

TEST(TimelineHistoryTest, RefusesAnAncestorThatIsNotBelowTheTimeline) {
  EXPECT_THAT(refusal(2, "2\t0/10\tx\n"), HasSubstr("ancestor 2 is not below"));
  EXPECT_THAT(refusal(2, "1\t0/10\tx\n3\t0/20\tx\n"), HasSubstr("ancestor 3 is not below"));
  EXPECT_THAT(refusal(1, "1\t0/10\tx\n"), HasSubstr("ancestor 1 is not below"));
}

// What PostgreSQL wrote on a recovery along timeline 2 to a point before it had left timeline 1.
TEST(TimelineHistoryTest, EndsAnAncestorAtTheLowestSwitchPointFromItsOwnOn) {
  const auto history = TimelineHistory::parse(tli(4), "1\t0/3020C98\tx\n2\t0/3020BC8\tx\n3\t0/4000000\tx\n");
  EXPECT_EQ(history.end_of(tli(1)), Lsn(0x302'0BC8));
  EXPECT_EQ(history.switch_point_of(tli(1)), Lsn(0x302'0C98));
  EXPECT_EQ(history.end_of(tli(2)), Lsn(0x302'0BC8));
  EXPECT_EQ(history.timeline_at(Lsn(0x302'0BC7)), tli(1));
  EXPECT_EQ(history.timeline_at(Lsn(0x302'0BC8)), tli(3));
  EXPECT_EQ(history.timeline_at(Lsn(0x302'0C98)), tli(3));
  EXPECT_EQ(history.next_after(tli(1)), tli(3));
  EXPECT_FALSE(history.contains(WalPosition{tli(1), Lsn(0x302'0C00)}));
  EXPECT_FALSE(history.contains(WalPosition{tli(2), Lsn(0x302'0D00)}));
  EXPECT_TRUE(history.agrees_with(TimelineHistory::parse(tli(2), "1\t0/3020C98\tx\n")));
}

/// PostgreSQL's tliOfPointInHistory(): the newest entry that covers the position.
TimelineId found_by_postgres(const TimelineHistory& history, Lsn lsn) {
  auto found = history.timeline();
  Lsn begin;
  for (const auto& ancestor : history.ancestors()) {
    if (begin <= lsn && lsn < ancestor.switch_point) found = ancestor.timeline;
    begin = ancestor.switch_point;
  }
  return begin <= lsn ? history.timeline() : found;
}

TEST(TimelineHistoryTest, FindsTheTimelineOfAnyPositionThatPostgresFinds) {
  std::uint32_t state = 1;
  const auto random = [&state](std::uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 16) % below;
  };
  for (int round = 0; round < 2000; ++round) {
    std::string content;
    const auto last = 2 + random(5);
    for (std::uint32_t ancestor = 1; ancestor < last; ++ancestor)
      content += std::to_string(ancestor) + "\t0/" + std::to_string(1 + random(8)) + "\tx\n";
    const auto history = TimelineHistory::parse(tli(last), content);
    for (std::uint64_t lsn = 0; lsn < 10; ++lsn)
      ASSERT_EQ(history.timeline_at(Lsn(lsn)), found_by_postgres(history, Lsn(lsn))) << content << lsn;
  }
}

TEST(TimelineHistoryTest, RefusesWhatIsNoTimelineOrLsn) {
  EXPECT_THAT(refusal(2, "one\t0/10\tx\n"), HasSubstr("\"one\" is not a timeline"));
  EXPECT_THAT(refusal(2, "0\t0/10\tx\n"), HasSubstr("\"0\" is not a timeline"));
  EXPECT_THAT(refusal(2, "1\t010\tx\n"), HasSubstr("\"010\" is not an LSN"));
  EXPECT_THAT(refusal(2, "1\t0/10x\n"), HasSubstr("\"0/10x\" is not an LSN"));
}

TEST(TimelineHistoryTest, ContainsItselfAndItsAncestorsOnly) {
  const auto history = history_of_7();
  for (const auto id : {1u, 2u, 4u, 7u}) EXPECT_TRUE(history.contains(tli(id))) << id;
  for (const auto id : {3u, 5u, 6u, 8u}) EXPECT_FALSE(history.contains(tli(id))) << id;
}

TEST(TimelineHistoryTest, ContainsPositionsUpToWhereAnAncestorWasLeft) {
  const auto history = history_of_7();
  EXPECT_TRUE(history.contains(WalPosition{tli(1), Lsn(0x300'0000)}));
  EXPECT_FALSE(history.contains(WalPosition{tli(1), Lsn(0x300'0001)}));
  EXPECT_FALSE(history.contains(WalPosition{tli(3), Lsn(0x10)}));
  EXPECT_TRUE(history.contains(WalPosition{tli(7), Lsn(0x9900'0000)}));
}

TEST(TimelineHistoryTest, NamesTheTimelineThatHoldsAByte) {
  struct Row {
    std::uint64_t lsn;
    std::uint32_t timeline;
  };
  const auto history = history_of_7();
  for (const auto& row : {Row{0, 1}, Row{0x2FF'FFFF, 1}, Row{0x300'0000, 2}, Row{0x4FF'FFFF, 2},
                          Row{0x500'0000, 7}, Row{0xF00'0000, 7}}) {
    EXPECT_EQ(history.timeline_at(Lsn(row.lsn)), tli(row.timeline)) << Lsn(row.lsn).to_string();
  }
}

TEST(TimelineHistoryTest, KnowsWhereTimelinesBeginAndEnd) {
  const auto history = history_of_7();
  EXPECT_EQ(history.begin(), Lsn(0x500'0000));
  EXPECT_EQ(history.end_of(tli(1)), Lsn(0x300'0000));
  EXPECT_FALSE(history.end_of(tli(7)));
  EXPECT_FALSE(history.end_of(tli(3)));
}

TEST(TimelineHistoryTest, AgreesWithOneOfWhichItIsTheBeginning) {
  const auto line = [](std::uint32_t timeline, const char* content) {
    return TimelineHistory::parse(tli(timeline), content);
  };
  struct Row {
    const char* name;
    TimelineHistory one;
    TimelineHistory other;
    bool agree;
  };
  const std::vector<Row> rows{
      {"the same", history_of_7(), history_of_7(), true},
      {"the first timeline", TimelineHistory(tli(1)), history_of_7(), true},
      {"an ancestor", line(2, "1\t0/3000000\n"), history_of_7(), true},
      {"the parent", line(4, "1\t0/3000000\n2\t0/5000000\n"), history_of_7(), true},
      {"an ancestor that was left elsewhere", line(2, "1\t0/3000008\n"), history_of_7(), false},
      {"the same number from elsewhere", line(2, "1\t0/3000000\n"), line(2, "1\t0/2000000\n"), false},
      {"a sibling", line(3, "1\t0/3000000\n"), history_of_7(), false},
      {"two children", line(2, "1\t0/3000000\n"), line(3, "1\t0/3000000\n"), false},
      {"another grandparent", line(7, "1\t0/3000000\n3\t0/5000000\n"), history_of_7(), false},
      {"one left out", line(7, "2\t0/5000000\n4\t0/5000000\n"), history_of_7(), false},
      {"another first one", TimelineHistory(tli(2)), history_of_7(), false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(row.one.agrees_with(row.other), row.agree) << row.name;
    EXPECT_EQ(row.other.agrees_with(row.one), row.agree) << row.name;
  }
}

TEST(TimelineHistoryTest, HasNoAncestorsWhenMadeWithoutAFile) {
  const TimelineHistory first{tli(1)};
  EXPECT_EQ(first.begin(), Lsn());
  EXPECT_EQ(first.timeline_at(Lsn(0x300'0000)), tli(1));
  EXPECT_FALSE(first.contains(tli(2)));
}

}  // namespace
}  // namespace pgkeep::postgres
