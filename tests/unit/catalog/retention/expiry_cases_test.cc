// What becomes of each backup, and of the WAL: a table of histories and policies.
#include <cctype>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "catalog/retention/expiry_plan.h"
#include "tests/unit/catalog/retention/retention_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using postgres::WalSegment;
using test::Held;
using test::hour;
using namespace std::chrono_literals;

/// One hour is one segment, and the clock begins on Thursday 2026-01-01 at midnight UTC.
///
/// policy   r2 redundancy, w10 recovery window of 10 hours, v10 WAL window of 10 hours, d2 W2 m2 y2 the
///          buckets, min2 minimum redundancy, g24 grace of 24 hours
/// wal      "1-25,30-40" the segments of timeline 1; "2@15.5:15-40" those of timeline 2, which left timeline
///          1 at 15.5; "!26-30" a gap that was recorded; "~41.5" a partial of the newest timeline up to
///          there;
///          "|" what follows is of the next line: all but the last were set aside
/// backups  the hour, and: t2 of timeline 2, a of the line that was set aside, x it is not good, r it is
/// being
///          read, k kept, u50 kept until hour 50, s kept standalone, z50 so until hour 50, p35 marked by the
///          policy at hour 35, o35 deleted by an operator then
/// fates    a letter each: S stays, E expires, W waits, G goes, R returns
/// goes     WAL of the current line that goes, "1-11 2:15-21", and that waits for a backup to go
struct Case {
  const char* name;
  const char* policy;
  double now;
  const char* wal;
  const char* backups;
  const char* fates;
  const char* goes;
  const char* waits;
};
void PrintTo(const Case& row, std::ostream* out) {
  *out << row.name;
}

std::vector<std::string> words_of(const std::string& text, char separator = ' ') {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, separator);)
    if (!word.empty()) words.push_back(word);
  return words;
}

RetentionPolicy parse_policy(const std::string& text) {
  RetentionPolicy policy;
  for (const auto& word : words_of(text)) {
    const auto digits = word.find_first_of("0123456789");
    const auto rule = word.substr(0, digits);
    const auto number = std::stoul(word.substr(digits));
    if (rule == "w") policy.recovery_window = std::chrono::hours(number);
    if (rule == "v") policy.wal_window = std::chrono::hours(number);
    if (rule == "g") policy.grace = std::chrono::hours(number);
    const std::map<std::string, std::uint64_t RetentionPolicy::*> counts{
        {"r", &RetentionPolicy::redundancy}, {"d", &RetentionPolicy::daily},
        {"W", &RetentionPolicy::weekly},     {"m", &RetentionPolicy::monthly},
        {"y", &RetentionPolicy::yearly},     {"min", &RetentionPolicy::minimum_redundancy}};
    if (const auto count = counts.find(rule); count != counts.end()) policy.*count->second = number;
  }
  return policy;
}

LineOfWal parse_line(const std::string& text) {
  Held held;
  TimelineId timeline(1);
  std::string history;
  for (auto word : words_of(text)) {
    const auto numbers = [&](const std::string& range) {
      const auto dash = range.find('-');
      return std::pair(std::stoul(range), std::stoul(range.substr(dash + 1)));
    };
    if (word[0] == '!') {
      const auto [begin, end] = numbers(word.substr(1));
      held.recorded(test::gap(TimelineId(1), static_cast<double>(begin), static_cast<double>(end)));
      continue;
    }
    if (word[0] == '~') {
      held.partial(timeline, std::stod(word.substr(1)));
      continue;
    }
    if (const auto at = word.find('@'); at != word.npos) {
      history += test::left(timeline, std::stod(word.substr(at + 1)));
      timeline = TimelineId(static_cast<std::uint32_t>(std::stoul(word)));
      held.history(timeline, history);
      word = word.substr(word.find(':') + 1);
    }
    for (const auto& range : words_of(word, ',')) {
      const auto [first, last] = numbers(range);
      held.segments(timeline, first, last);
    }
  }
  return test::line_of(held);
}

ExpiryCandidate parse_backup(const std::string& text, std::size_t current_line) {
  std::size_t used = 0;
  const auto start = std::stod(text, &used);
  auto timeline = TimelineId(1);
  const auto number_after = [&](std::size_t& place) {
    std::size_t digits = 0;
    const auto number = std::stod(text.substr(place + 1), &digits);
    place += digits;
    return number;
  };
  auto backup = test::backup_at(start, timeline, current_line);
  for (auto place = used; place < text.size(); ++place) {
    const auto flag = text[place];
    if (flag == 't') {
      timeline = TimelineId(static_cast<std::uint32_t>(number_after(place)));
      backup.start.timeline = backup.end.timeline = timeline;
    }
    if (flag == 'a') backup.line = 0;
    if (flag == 'x') backup.fault = "3 damaged pages";
    if (flag == 'r') backup.reader = "recover";
    if (flag == 'k') backup.keep = {hour(start), {}, "wanted"};
    if (flag == 'u') backup.keep = {hour(start), hour(number_after(place)), ""};
    if (flag == 's') backup.keep = {hour(start), {}, "wanted", true};
    if (flag == 'z') backup.keep = {hour(start), hour(number_after(place)), "", true};
    if (flag == 'p') backup.expired = {ExpiryMark::By::policy, hour(number_after(place)), "no rule keeps it"};
    if (flag == 'o') backup.expired = {ExpiryMark::By::operator_, hour(number_after(place)), "deleted"};
  }
  return backup;
}

/// "1-11 2:15-21".
std::string describe(const SegmentSet& segments) {
  std::map<TimelineId, std::string> texts;
  for (const auto& run : segments.runs()) {
    auto& text = texts[run.timeline];
    text += fmt::format("{}{}-{}", text.empty() ? "" : ",", run.first, run.last);
  }
  std::vector<std::string> words;
  for (const auto& [timeline, text] : texts)
    words.push_back(timeline == TimelineId(1) ? text : fmt::format("{}:{}", timeline.value(), text));
  return fmt::format("{}", fmt::join(words, " "));
}

class ExpiryCaseTest : public testing::TestWithParam<Case> {};

TEST_P(ExpiryCaseTest, IsDecidedAsTheTableSays) {
  const auto& row = GetParam();
  ExpiryFacts facts;
  for (const auto& line : words_of(row.wal, '|')) facts.lines.push_back(parse_line(line));
  for (const auto& backup : words_of(row.backups))
    facts.candidates.push_back(parse_backup(backup, facts.lines.size() - 1));
  const auto plan = plan_expiry(facts, parse_policy(row.policy), hour(row.now));
  std::string fates;
  for (const auto& decision : plan.backups) {
    EXPECT_FALSE(decision.reasons.empty());
    fates += static_cast<char>(std::toupper(to_string(decision.fate).front()));
  }
  EXPECT_EQ(fates, row.fates);
  EXPECT_EQ(describe(plan.wal.back().goes.segments), row.goes);
  EXPECT_EQ(describe(plan.wal.back().waits), row.waits);
}

constexpr auto kFour = "2 12 22 32";
constexpr auto kSeven = "2 8 14 20 26 32 38";
/// That which a WAL window left of seven before the one at 26 was the newest before it.
constexpr auto kCut = "2-2,8-8,14-14,20-20,26-60";

INSTANTIATE_TEST_SUITE_P(
    Rules, ExpiryCaseTest,
    testing::Values(
        Case{"two", "r2 g24", 40, "1-40", kFour, "EESS", "1-1", "2-21"},
        Case{"one", "r1 g24", 40, "1-40", kFour, "EEES", "1-1", "2-31"},
        Case{"all there are", "r4", 40, "1-40", kFour, "SSSS", "1-1", ""},
        Case{"more than there are", "r9", 40, "1-40", kFour, "SSSS", "1-1", ""},
        Case{"none is there", "r2", 40, "1-40", "", "", "", ""},
        Case{"one is there", "r2", 40, "1-40", "12", "S", "1-11", ""},
        Case{"a window with one in it", "w10", 40, "1-40", kFour, "EESS", "1-1", "2-21"},
        Case{"a window that begins just before one ended", "w8", 40, "1-40", kFour, "EESS", "1-1", "2-21"},
        Case{"a window that begins after the newest", "w7", 40, "1-40", kFour, "EEES", "1-1", "2-31"},
        Case{"a window from before the first", "w100", 40, "1-40", kFour, "SSSS", "1-1", ""},
        Case{"a day", "d1", 40, "1-40", kFour, "EEES", "1-1", "2-31"},
        Case{"two days", "d2", 40, "1-40", kFour, "EESS", "1-1", "2-21"},
        Case{"a week", "W1", 40, "1-40", kFour, "EEES", "1-1", "2-31"},
        Case{"a month, of which there is one", "m3", 40, "1-40", kFour, "EEES", "1-1", "2-31"},
        Case{"a year, of which there is one", "y3", 40, "1-40", kFour, "EEES", "1-1", "2-31"},
        Case{"the minimum beside one", "r1 min3", 40, "1-40", kFour, "ESSS", "1-1", "2-11"},
        Case{"the minimum is all", "r1 min4", 40, "1-40", kFour, "SSSS", "1-1", ""},
        Case{"no minimum", "r1 min0", 40, "1-40", kFour, "EEES", "1-1", "2-31"},
        Case{"no rule", "g24", 40, "1-40", kFour, "SSSS", "", ""},
        Case{"a minimum alone is no rule", "min2", 40, "1-40", kFour, "SSSS", "", ""},
        Case{"one, and a window", "r1 w10", 40, "1-40", kFour, "EESS", "1-1", "2-21"},
        Case{"three, and a window of less", "r3 w5", 40, "1-40", kFour, "ESSS", "1-1", "2-11"},
        Case{"a window, and a day", "w20 d1", 40, "1-40", kFour, "ESSS", "1-1", "2-11"},
        Case{"of seven", "r3", 60, "1-60", kSeven, "EEEESSS", "1-1", "2-25"},
        Case{"of seven in two days", "d2", 60, "1-60", kSeven, "EEESEES", "1-1", "2-19"},
        Case{"of seven a window after them", "w20", 60, "1-60", kSeven, "EEEEEES", "1-1", "2-37"},
        Case{"of seven a window", "w25", 60, "1-60", kSeven, "EEEEESS", "1-1", "2-31"},
        Case{"of seven a window and two days", "w25 d2", 60, "1-60", kSeven, "EEESESS", "1-1", "2-19"},
        Case{"of seven a window whose one before is of an earlier day", "w35 d1", 60, "1-60", kSeven,
             "EEESSSS", "1-1", "2-19"}));

INSTANTIATE_TEST_SUITE_P(
    Marks, ExpiryCaseTest,
    testing::Values(
        Case{"one grace time is over", "r2 g24", 40, "1-40", "2p10 12p20 22 32", "GWSS", "1-11", "12-21"},
        Case{"there is no grace time", "r2", 40, "1-40", "2p40 12p40 22 32", "GGSS", "1-21", ""},
        Case{"half an hour is left", "r2 g24", 40, "1-40", "2p16.5 12 22 32", "WESS", "1-1", "2-21"},
        Case{"it is over now", "r2 g24", 40, "1-40", "2p16 12 22 32", "GESS", "1-11", "12-21"},
        Case{"the grace time was made longer", "r2 g240", 40, "1-40", "2p10 12p20 22 32", "WWSS", "1-1",
             "2-21"},
        Case{"the policy keeps more now", "r3 g24", 40, "1-40", "2 12p35 22 32", "ERSS", "1-1", "2-11"},
        Case{"though its time is over", "r4 g24", 40, "1-40", "2p1 12 22 32", "RSSS", "1-1", ""},
        Case{"there is no policy any more", "g24", 40, "1-40", "2p1 12p1 22 32", "RRSS", "", ""},
        Case{"the minimum keeps it again", "r1 min3", 40, "1-40", "2p1 12p1 22 32", "GRSS", "1-11", ""},
        Case{"marked before it was taken", "r1 g24", 40, "1-40", "2 12 22p1 32", "EEWS", "1-1", "2-31"},
        Case{"the newest of a day was marked", "d2 g24", 60, "1-60", "2p30 8p30 14p30 20 26 32 38", "GGGSEES",
             "1-19", ""},
        Case{"marks do not count as fewer", "r2 g24", 40, "1-40", "2 12 22 32p39", "EESR", "1-1", "2-21"},
        Case{"deleted, over", "r4 g24", 40, "1-40", "2o10 12 22 32", "GSSS", "1-11", ""},
        Case{"deleted, waits", "r4 g24", 40, "1-40", "2o30 12 22 32", "WSSS", "1-1", "2-11"},
        Case{"deleted in between", "r4 g24", 40, "1-40", "2 12o1 22o30 32", "SGWS", "1-1", ""},
        Case{"the newest was deleted", "r1 g24", 40, "1-40", "2 12 22 32o30", "EESW", "1-1", "2-21"},
        Case{"the newest of a day was deleted", "d2 g24", 60, "1-60", "2 8 14 20 26 32 38o50", "EEESESW",
             "1-1", "2-19"},
        Case{"deleted does not count for the minimum", "r1 min2", 40, "1-40", "2 12o39.5 22 32", "EGSS",
             "1-1", "2-21"},
        Case{"deleted does not count for the window", "w15 g24", 40, "1-40", "2 12 22o30 32", "ESWS", "1-1",
             "2-11"},
        Case{"all were deleted", "r1", 40, "1-40", "2o1 12o1 22o1 32o1", "GGGG", "", ""},
        Case{"all were deleted, and some wait", "r1 g24", 40, "1-40", "2o1 12o1 22o30 32o30", "GGWW", "1-21",
             ""},
        Case{"deleted without a policy", "g24", 40, "1-40", "2o10 12o30 22 32", "GWSS", "1-11", "12-21"},
        Case{"the newest, without a policy", "g24", 60, "1-40", "2 12 22 32o33", "SSSG", "1-1", ""},
        Case{"one of the middle, without a policy", "g24", 40, "1-40", "2 12o10 22 32", "SGSS", "1-1", ""},
        Case{"all, without a policy", "g24", 40, "1-40", "2o10 12o10", "GG", "", ""}));

INSTANTIATE_TEST_SUITE_P(
    Keeps, ExpiryCaseTest,
    testing::Values(
        Case{"the oldest, with all WAL from it on", "r2", 40, "1-40", "2k 12 22 32", "SESS", "1-1", ""},
        Case{"one of the middle", "r1", 40, "1-40", "2 12k 22 32", "ESES", "1-1", "2-11"},
        Case{"its time is over", "r2", 40, "1-40", "2u30 12 22 32", "EESS", "1-1", "2-21"},
        Case{"its time is over now", "r2", 40, "1-40", "2u40 12 22 32", "EESS", "1-1", "2-21"},
        Case{"an hour is left", "r2", 40, "1-40", "2u41 12 22 32", "SESS", "1-1", ""},
        Case{"it was marked", "r2", 40, "1-40", "2p1k 12 22 32", "RESS", "1-1", ""},
        Case{"it was deleted", "r2", 40, "1-40", "2o1k 12 22 32", "RESS", "1-1", ""},
        Case{"it was deleted, and its time is over", "r2", 40, "1-40", "2o1u30 12 22 32", "GESS", "1-11",
             "12-21"},
        Case{"it is not good", "r2", 40, "1-40", "2xk 12 22 32", "SESS", "1-1", ""},
        Case{"it is not good and counts for nothing", "r2", 40, "1-40", "2 12 22xk 32", "ESSS", "1-1",
             "2-11"},
        Case{"does not take the place of another", "r2", 40, "1-40", "2 12 22 32k", "EESS", "1-1", "2-21"},
        Case{"the only good one", "r1", 40, "1-40", "2k 12x 22x 32x", "SEES", "1-1", ""},
        Case{"while none is good", "r1", 40, "1-40", "2xk 12x", "SS", "1-1", ""},
        Case{"without a policy", "g24", 40, "1-40", "2k 12o1 22", "SGS", "1-1", ""},
        Case{"until, of seven", "r1", 60, "1-60", "2 8 14u70 20 26 32 38", "EESEEES", "1-1", "2-13"},
        Case{"is being read", "r2", 40, "1-40", "2r 12 22 32", "SESS", "1-1", ""},
        Case{"is being read when its time is over", "r2", 40, "1-40", "2p1r 12 22 32", "WESS", "1-1", "2-21"},
        Case{"is being read though it was deleted", "r4", 40, "1-40", "2o1r 12 22 32", "WSSS", "1-1", "2-11"},
        Case{"is being read and stays", "r2", 40, "1-40", "2 12 22 32r", "EESS", "1-1", "2-21"},
        Case{"is being read and returns", "r2", 40, "1-40", "2 12 22p1r 32", "EERS", "1-1", "2-21"}));

INSTANTIATE_TEST_SUITE_P(
    Faults, ExpiryCaseTest,
    testing::Values(
        Case{"the one before comes to its time", "r2", 40, "1-40", "2 12 22x 32", "ESES", "1-1", "2-11"},
        Case{"the newest stays", "r2", 40, "1-40", "2 12 22 32x", "ESSS", "1-1", "2-11"},
        Case{"the oldest goes", "r2", 40, "1-40", "2x 12 22 32", "EESS", "1-1", "2-21"},
        Case{"the oldest stays when a rule wants it", "r4", 40, "1-40", "2x 12 22 32", "SSSS", "1-1", ""},
        Case{"none is good", "r2", 40, "1-40", "2x 12x 22x 32x", "SSSS", "1-1", ""},
        Case{"none is good, one was deleted", "r2", 40, "1-40", "2x 12xo1 22x 32x", "SGSS", "1-1", ""},
        Case{"the good one was deleted", "r2", 40, "1-40", "2x 12o1 22x", "SGS", "1-1", ""},
        Case{"the good one is the oldest", "r1", 40, "1-40", "2 12x 22x 32x", "SEES", "1-1", ""},
        Case{"the minimum reaches further back", "r1 min2", 40, "1-40", "2 12x 22x 32", "SEES", "1-1", ""},
        Case{"two newest", "r1", 40, "1-40", "2 12 22x 32x", "ESES", "1-1", "2-11"},
        Case{"of seven every second", "r5", 60, "1-60", "2 8x 14 20x 26 32 38", "SESESSS", "1-1", ""},
        Case{"the newest of each day", "d2", 60, "1-60", "2 8 14 20x 26 32 38x", "EESEESS", "1-1", "2-13"},
        Case{"all of a day", "d2", 60, "1-60", "2x 8x 14x 20x 26 32 38", "EEESEES", "1-1", "2-19"},
        Case{"in a window", "w25", 60, "1-60", "2 8 14 20 26 32 38x", "EEEEESS", "1-1", "2-31"},
        Case{"before a window", "w25", 60, "1-60", "2 8 14 20 26 32x 38", "EEEESES", "1-1", "2-25"},
        Case{"its time is over", "r2 g24", 40, "1-40", "2xp1 12 22 32", "GESS", "1-11", "12-21"},
        Case{"a good one that was deleted does not count for one that is not", "r9 g99", 40, "1-40",
             "2o1 12x 22 32", "WSSS", "1-1", "2-11"},
        Case{"it was found to be good again", "r4 g24", 40, "1-40", "2p39 12 22 32", "RSSS", "1-1", ""},
        Case{"marked and then found damaged", "r1 g24", 40, "1-40", "2 12 22p30x 32", "EEWS", "1-1",
             "2-31"}));

INSTANTIATE_TEST_SUITE_P(
    Gaps, ExpiryCaseTest,
    testing::Values(
        Case{"nothing else reaches the time of a bad one", "r2", 40, "1-25,30-40 !26-30", "2 12 22 32x",
             "ESSS", "1-1", "2-11"},
        Case{"a bad one between a gap and a newer one", "r2", 40, "1-25,30-40 !26-30", "2 12 22 32x 38",
             "EESSS", "1-1", "2-21"},
        Case{"a bad one that no rule would keep", "r2", 50, "1-25,30-50 !26-30", "2 12 22 32x 38 44",
             "EEEESS", "1-1", "2-25,30-37"},
        Case{"WAL is missing inside a backup", "r2", 40, "1-21,23-40", kFour, "ESSS", "1-1", "2-11"},
        Case{"WAL is missing inside one that no rule keeps", "r1", 40, "1-21,23-40", kFour, "EEES", "1-1",
             "2-21,23-31"},
        Case{"WAL is missing inside the newest", "r2", 40, "1-31,33-40", kFour, "ESSS", "1-1", "2-11"},
        Case{"WAL is missing after a backup", "r1", 40, "1-32,35-40 !33-35", kFour, "EEES", "1-1", "2-31"},
        Case{"a gap in the window", "w30", 40, "1-15,20-40 !16-20", kFour, "SSSS", "1-1", ""},
        Case{"a gap before the window", "w12", 40, "1-15,20-40 !16-20", kFour, "EESS", "1-1", "2-15,20-21"},
        Case{"the WAL of the first is gone", "r3", 40, "10-40", kFour, "ESSS", "", "10-11"},
        Case{"the WAL of the first is gone, and a rule wants it", "r4", 40, "10-40", kFour, "SSSS", "", ""},
        Case{"all WAL is gone", "r2", 40, " ", kFour, "SSSS", "", ""},
        Case{"the end of the newest is being received", "r1", 32.5, "1-31 ~32.5", kFour, "EEES", "1-1",
             "2-31"},
        Case{"the end of the newest has not come", "r1", 32.5, "1-31 ~32.1", kFour, "EESS", "1-1", "2-21"},
        Case{"two gaps", "r2", 60, "1-10,12-30,32-60 !11-12 !31-32", kSeven, "EEEEESS", "1-1",
             "2-10,12-30"}));

INSTANTIATE_TEST_SUITE_P(
    Branches, ExpiryCaseTest,
    testing::Values(Case{"two of the new timeline", "r2", 40, "1-20 2@15.5:15-40", "2 12 18 22t2 32t2",
                         "EEESS", "1-1", "2-20 2:15-21"},
                    Case{"one of the branch that was left", "r3", 40, "1-20 2@15.5:15-40",
                         "2 12 18 22t2 32t2", "EESSS", "1-1", "2-17 2:15-21"},
                    Case{"one before the fork, which leads to both", "r4", 40, "1-20 2@15.5:15-40",
                         "2 12 18 22t2 32t2", "ESSSS", "1-1", "2-11"},
                    Case{"the branch was left in the window", "w25", 40, "1-20 2@15.5:15-40",
                         "2 12 18 22t2 32t2", "ESSSS", "1-1", "2-11"},
                    Case{"the branch was left before the window", "w15", 40, "1-20 2@15.5:15-40",
                         "2 12 18 22t2 32t2", "EEESS", "1-1", "2-20 2:15-21"},
                    Case{"one of the branch is kept", "r2", 40, "1-20 2@15.5:15-40", "2 12 18k 22t2 32t2",
                         "EESSS", "1-1", "2-17 2:15-21"},
                    Case{"one of the branch was deleted", "r4", 40, "1-20 2@15.5:15-40",
                         "2 12 18o1 22t2 32t2", "SSGSS", "1-1", ""},
                    Case{"the branch was deleted before the fork, too", "r2", 40, "1-20 2@15.5:15-40",
                         "2o1 12o1 18o1 22t2 32t2", "GGGSS", "1-20 2:15-21", ""},
                    Case{"no backup of the new timeline yet", "r1", 25, "1-20 2@15.5:15-24", "2 12 18", "ESS",
                         "1-1", "2-11"},
                    Case{"the newest that leads to the server's timeline", "r2", 25, "1-20 2@8.5:8-24",
                         "2 5 12 16", "ESSS", "1-1", "2-4"},
                    Case{"the newest that leads there is not good", "r2", 25, "1-20 2@8.5:8-24", "2 5x 12 16",
                         "SESS", "1-1", ""},
                    Case{"two promotions", "r1", 40, "1-20 2@15.5:15-30 3@28.5:28-40",
                         "2 12 18 22t2 29t2 35t3", "EEEEES", "1-1", "2-20 2:15-30 3:28-34"},
                    Case{"two promotions, and one after the second fork", "r2", 40,
                         "1-20 2@15.5:15-30 3@28.5:28-40", "2 12 18 22t2 29t2 35t3", "EEEESS", "1-1",
                         "2-20 2:15-28 3:28-34"},
                    Case{"two promotions, and a window over the second", "w15", 40,
                         "1-20 2@15.5:15-30 3@28.5:28-40", "2 12 18 22t2 29t2 35t3", "EEESSS", "1-1",
                         "2-20 2:15-21"},
                    Case{"two days on two timelines", "d2", 40, "1-20 2@15.5:15-40", "2 12 18 22t2 32t2",
                         "EEESS", "1-1", "2-20 2:15-21"},
                    Case{"a bad one of the branch", "r3", 40, "1-20 2@15.5:15-40", "2 12 18x 22t2 32t2",
                         "ESESS", "1-1", "2-11"},
                    Case{"a backup ended on the branch that was left", "w15 g24", 40, "1-20 2@15.5:15-40",
                         "12 15.3 32t2", "SES", "1-11", ""},
                    Case{"one that ended there does not lead to a bad one", "r9", 40, "1-20 2@15.5:15-40",
                         "15.3 22xt2 32t2", "SSS", "1-14", ""},
                    Case{"a gap on the branch", "r3", 40, "1-17,19-20 2@15.5:15-40 !18-19",
                         "2 12 19 22t2 32t2", "EESSS", "1-1", "2-17 2:15-21"}));

INSTANTIATE_TEST_SUITE_P(
    Lines, ExpiryCaseTest,
    testing::Values(
        Case{"two of the current line", "r2", 40, "1-20|15-40", "2a 12a 22 32", "EESS", "15-21", ""},
        Case{"one of the line that was set aside", "r3", 40, "1-20|15-40", "2a 12a 22 32", "ESSS", "15-21",
             ""},
        Case{"a window after it was set aside", "w10", 40, "1-20|15-40", "2a 12a 22 32", "EESS", "15-21", ""},
        Case{"a window that reaches into it", "w22", 40, "1-20|15-40", "2a 12a 22 32", "ESSS", "15-21", ""},
        Case{"the current line has no backup yet", "r1", 40, "1-20|15-40", "2a 12a", "ES", "", ""},
        Case{"the backups of the current line were deleted", "r1", 40, "1-20|15-40", "2a 12a 22o1 32o1",
             "ESGG", "", ""},
        Case{"one of each was deleted", "r1", 40, "1-20|15-40", "2a 12ao1 22o1 32", "EGGS", "15-31", ""},
        Case{"one of the other is kept", "r1", 40, "1-20|15-40", "2ak 12a 22 32", "SEES", "15-21", "22-31"},
        Case{"a bad one whose WAL a backup of the other does not know", "r9", 40, "1-20|1-40",
             "2a 12a 22x 32", "SSSS", "1-21", ""},
        Case{"the only good one is of the other", "r1", 40, "1-20|15-40", "2a 12a 22x 32x", "ESES", "15-21",
             "22-31"}));

INSTANTIATE_TEST_SUITE_P(
    WalWindow, ExpiryCaseTest,
    testing::Values(
        Case{"the newest before it keeps all WAL, the others their own", "r9 v10", 40, "1-40", kFour, "SSSS",
             "1-1,3-11,13-21", ""},
        Case{"without a rule for backups", "v10", 40, "1-40", kFour, "SSSS", "1-1,3-11,13-21", ""},
        Case{"from before the first", "r9 v100", 40, "1-40", kFour, "SSSS", "1-1", ""},
        Case{"begins just before one ended", "r9 v8", 40, "1-40", kFour, "SSSS", "1-1,3-11,13-21", ""},
        Case{"begins after the newest", "r9 v7", 40, "1-40", kFour, "SSSS", "1-1,3-11,13-21,23-31", ""},
        Case{"is never shorter than the recovery window", "w30 v10", 40, "1-40", kFour, "SSSS", "1-1", ""},
        Case{"is longer than the recovery window", "w20 v30 g24", 40, "1-40", kFour, "ESSS", "1-1", "2-11"},
        Case{"does not rely on one that is not good", "r9 v10", 40, "1-40", "2 12 22x 32", "SSES", "1-1,3-11",
             ""},
        Case{"does not rely on one that was deleted", "r9 v10 g24", 40, "1-40", "2 12 22o30 32", "SSWS",
             "1-1,3-11", ""},
        Case{"does not rely on one that stands alone", "r9 v10", 40, "1-40", "2 12 22s 32", "SSSS",
             "1-1,3-11", ""},
        Case{"does not rely on one that expires", "d2 v30 g24", 60, "1-60", kSeven, "EEESEES",
             "1-1,3-7,9-13,15-19", "2-2,8-8,14-14"},
        Case{"does not rely on one that was marked", "d2 v30 g24", 60, "1-60", "2 8 14 20 26p50 32 38",
             "EEESWES", "1-1,3-7,9-13,15-19", "2-2,8-8,14-14"},
        Case{"one that is kept keeps all WAL from it on", "r9 v7", 40, "1-40", "2 12k 22 32", "SSSS",
             "1-1,3-11", ""},
        Case{"its time is over", "r9 v7", 40, "1-40", "2 12u30 22 32", "SSSS", "1-1,3-11,13-21,23-31", ""},
        Case{"relies on one that is kept", "d1 v30 g24", 60, "1-60", "2 8 14 20k 26 32 38", "EEESEES",
             "1-1,3-7,9-13,15-19", "2-2,8-8,14-14"},
        Case{"keeps the one that alone leads into it", "d2 v30 g24", 60, kCut, kSeven, "EEESSES", "",
             "2-2,8-8,14-14"},
        Case{"keeps it beside one that is kept", "d1 v30 g24", 60, kCut, "2 8 14 20k 26 32 38", "EEESSES", "",
             "2-2,8-8,14-14"},
        Case{"keeps it though it was marked", "d2 v30 g24", 60, kCut, "2 8 14 20 26p50 32 38", "EEESRES", "",
             "2-2,8-8,14-14"},
        Case{"keeps it though it stood alone until its time was over", "d2 v30 g24", 60, kCut,
             "2 8 14 20 26z50 32 38", "EEESSES", "", "2-2,8-8,14-14"},
        Case{"keeps none for it that was deleted", "d2 v30 g24", 60, kCut, "2 8 14 20 26o50 32 38", "EEESWES",
             "", "2-2,8-8,14-14"},
        Case{"keeps it though it is not good", "d2 v30 g24", 60, kCut, "2 8 14 20 26x 32 38", "EEESSES", "",
             "2-2,8-8,14-14"},
        Case{"keeps none for it that stands alone", "r1 v30 g24", 60, "2-2,8-8,14-14,20-21,26-60",
             "2 8 14 20s 26 32 38", "EEESEES", "", "2-2,8-8,14-14,21-21,26-37"},
        Case{"keeps none for it where the one before has its WAL", "d2 v30 g24", 60, "2-2,8-8,14-14,20-60",
             kSeven, "EEESEES", "", "2-2,8-8,14-14"},
        Case{"keeps none for it while no older one stays", "r1 v30 g24", 60, kCut, kSeven, "EEEEEES", "",
             "2-2,8-8,14-14,20-20,26-37"},
        Case{"does not rely on one that is not good though it is kept", "r9 v10", 40, "1-40", "2 12 22xk 32",
             "SSSS", "1-1,3-11", ""},
        Case{"without a rule does not rely on one that is not good", "v10", 40, "1-40", "2 12 22x 32", "SSSS",
             "1-1,3-11", ""},
        Case{"without a rule does not rely on one that was deleted", "v10 g24", 40, "1-40", "2 12 22o30 32",
             "SSWS", "1-1,3-11", ""},
        Case{"keeps the one before one that was deleted", "d2 v30 g24", 60, "2-2,8-8,14-14,20-20,24-60",
             "2 8 14 20 24 26o50 38", "EEESSWS", "", "2-2,8-8,14-14"},
        Case{"keeps none for it of another branch", "r1 v15 g24", 40, "12-12,18-20 2@15.5:15-40",
             "12k 18 32t2", "SES", "", ""},
        Case{"no good one is before it", "r9 v20", 40, "1-40", "2x 12x 22 32", "SSSS", "1-1", ""},
        Case{"none is good", "r2 v10", 40, "1-40", "2x 12x 22x 32x", "SSSS", "1-1", ""},
        Case{"what is consistent only reaches no later time", "r9 v7", 40, "1-40", "2 12x 22 32", "SSSS",
             "1-1,3-11,13-21,23-31", ""},
        Case{"the newest before it reaches later times", "r9 v20", 40, "1-40", "2 12 16x 22 32", "SSESS",
             "1-1,3-11", ""},
        Case{"lost WAL before it", "r9 v10", 40, "1-15,20-40 !16-20", kFour, "SSSS", "1-1,3-11,13-15,20-21",
             ""},
        Case{"the end of a backup is in the next segment", "r9 v7", 40, "1-40", "2.9 12 22 32", "SSSS",
             "1-1,4-11,13-21,23-31", ""},
        Case{"a branch was left before it", "r9 v15", 40, "1-20 2@15.5:15-40", "2 12 18 22t2 32t2", "SSSSS",
             "1-1,3-11,13-17,19-20 2:15-21", ""},
        Case{"a branch was left in it", "r9 v22", 40, "1-20 2@15.5:15-40", "2 12 18 22t2 32t2", "SSSSS",
             "1-1,3-11", ""},
        Case{"each branch has its own before it", "r9 v20", 40, "1-20 2@15.5:15-40", "2 12 18 22t2 32t2",
             "SSSSS", "1-1,3-11,16-17", ""},
        Case{"the newest timeline has no backup", "r9 v3", 25, "1-20 2@15.5:15-24", "2 12 18", "SSS",
             "1-1,3-11,16-17,19-20", ""},
        Case{"no history of a timeline", "r9 v10", 40, "1-40", "2 12 22t3 32", "SSSS", "", ""}));

INSTANTIATE_TEST_SUITE_P(
    Standalone, ExpiryCaseTest,
    testing::Values(
        Case{"the oldest", "r2 g24", 40, "1-40", "2s 12 22 32", "SESS", "1-1,3-11", "12-21"},
        Case{"one of the middle", "r1 g24", 40, "1-40", "2 12s 22 32", "ESES", "1-1", "2-11,13-31"},
        Case{"without a policy", "g24", 40, "1-40", "2s 12 22 32", "SSSS", "1-1,3-11", ""},
        Case{"the newest, after which all stays", "r1 g24", 40, "1-40", "2 12 22 32s", "EEES", "1-1", ""},
        Case{"all of them", "r9", 40, "1-40", "2s 12s 22s 32s", "SSSS", "", ""},
        Case{"its time is over", "r4", 40, "1-40", "2z30 12 22 32", "SSSS", "1-1", ""},
        Case{"an hour is left", "r4", 40, "1-40", "2z41 12 22 32", "SSSS", "1-1,3-11", ""},
        Case{"it was deleted before", "r4", 40, "1-40", "2o1s 12 22 32", "RSSS", "1-1,3-11", ""},
        Case{"it is the one before the recovery window", "w10 g24", 40, "1-40", "2 12 22s 32", "EESS", "1-1",
             "2-21"},
        Case{"a newer one is before the recovery window", "w10 g24", 40, "1-40", "2 12s 22 32", "ESSS", "1-1",
             "2-11,13-21"},
        Case{"it leads into the recovery window", "w30 g24", 40, "1-40", "2 12s 22 32", "SSSS", "1-1", ""},
        Case{"all of the recovery window", "w60", 40, "1-40", "2s 12s 22s 32s", "SSSS", "1-1", ""},
        Case{"it leads into the recovery window, and is not good", "w15", 40, "1-40", "12sx 32", "SS", "1-11",
             ""},
        Case{"it is in the recovery window", "w10 g24", 40, "1-40", "2 12 22 32s", "EESS", "1-1", "2-21"},
        Case{"it reaches no later time", "r3", 40, "1-40", "2s 12x 22 32", "SSSS", "1-1,3-11", ""},
        Case{"it is not good", "r2 g24", 40, "1-40", "2sx 12 22 32", "SESS", "1-1,3-11", "12-21"},
        Case{"on a branch that was left", "r2 g24", 40, "1-20 2@15.5:15-40", "2 12 18s 22t2 32t2", "EESSS",
             "1-1", "2-17,19-20 2:15-21"}));

}  // namespace
}  // namespace pgkeep::catalog
