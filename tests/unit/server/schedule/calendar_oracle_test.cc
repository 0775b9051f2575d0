#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "catalog/io/units.h"
#include "server/schedule/calendar.h"
#include "tests/support/chance.h"

// Random expressions, of which systemd itself says when they come next.

namespace pgkeep::server {
namespace {

using std::chrono::local_seconds;
using test::Chance;

constexpr std::size_t kExpressions = 60;
constexpr std::size_t kTimes = 50;
constexpr std::string_view kBegin = "2026-11-23 10:17:23";

using Times = std::vector<std::string>;

/// Writes expressions that both read and of which systemd gives all times. A step from * is ours alone, and
/// of days from the end of the month systemd reads no day above 28 and not every list.
///
/// systemd 252 leaves out times after a step that goes over the end of a year, month or day: *-06/8 never
/// comes on 6 January, if one asks on 30 December. So steps without an end are small here: after the end they
/// come to nothing that is later than where they began.
class ExpressionWriter {
 public:
  explicit ExpressionWriter(unsigned seed) : chance_(seed) {}

  std::string write() {
    static const std::vector<std::string> kWords{"minutely",  "hourly",       "daily",  "weekly",  "monthly",
                                                 "quarterly", "semiannually", "yearly", "annually"};
    if (chance_.number(1, 12) == 1) return kWords[index(kWords.size())];
    std::vector<std::string> words;
    if (chance_.coin()) words.push_back(weekdays());
    if (chance_.coin()) words.push_back(date());
    if (words.empty() || chance_.coin()) words.push_back(time());
    return fmt::format("{}", fmt::join(words, " "));
  }

 private:
  std::size_t index(std::size_t size) {
    return static_cast<std::size_t>(chance_.number(0, static_cast<int>(size) - 1));
  }

  std::string weekdays() {
    static const std::vector<std::string> kDays{"Mon", "tuesday", "WED", "Thu", "Friday", "sat", "Sun"};
    std::vector<std::string> pieces;
    for (int i = chance_.number(1, 3); i > 0; --i) {
      const auto first = index(kDays.size());
      const auto last = first + index(kDays.size() - first);
      pieces.push_back(chance_.coin() ? kDays[first] : kDays[first] + ".." + kDays[last]);
    }
    return fmt::format("{}", fmt::join(pieces, ","));
  }

  std::string date() {
    const auto year = chance_.number(1, 4) == 1 ? numbers(2026, 2040) + "-" : chance_.coin() ? "*-" : "";
    const auto month = chance_.coin() ? "*" : numbers(1, 12);
    if (chance_.number(1, 3) == 1) return year + month + "~" + day_from_end();
    return year + month + "-" + (chance_.number(1, 3) == 1 ? "*" : numbers(1, 31));
  }

  std::string time() {
    const auto hours = chance_.coin() ? "*" : numbers(0, 23);
    const auto minutes = chance_.number(1, 4) == 1 ? "0/15" : chance_.coin() ? "*" : numbers(0, 59);
    if (chance_.coin()) return hours + ":" + minutes;
    return hours + ":" + minutes + ":" + (chance_.number(1, 4) == 1 ? "*" : numbers(0, 59));
  }

  std::string day_from_end() {
    const int day = chance_.number(2, 28);
    switch (chance_.number(1, 3)) {
      case 1:
        return fmt::format("{:02}/{}", day, chance_.number(1, std::min(day - 1, 29 - day)));
      case 2:
        return fmt::format("{}..{}", chance_.number(1, day - 1), day);
      default:
        return fmt::format("{:02}", day);
    }
  }

  std::string numbers(int least, int most) {
    const int first = chance_.number(least, most - 1);
    switch (chance_.number(1, 4)) {
      case 1:
        return fmt::format("{:02}/{}", first, chance_.number(1, std::min(first - least + 1, most - first)));
      case 2:
        return range(least, most) + "," + range(least, most);
      case 3:
        return range(least, most);
      default:
        return fmt::format("{:02}", first);
    }
  }

  std::string range(int least, int most) {
    const int first = chance_.number(least, most - 1);
    const int last = chance_.number(first + 1, most);
    const auto text = fmt::format("{}..{}", first, last);
    return chance_.coin() ? text : fmt::format("{}/{}", text, chance_.number(1, last - first));
  }

  Chance chance_;
};

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string output;
  std::array<char, 1U << 16> buffer{};
  while (const auto size = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
    output.append(buffer.data(), size);
  return output;
}

/// What systemd says of all expressions, in their order.
std::string ask_systemd(const std::vector<std::string>& expressions) {
  return output_of(
      fmt::format("TZ=UTC LC_ALL=C systemd-analyze calendar --base-time='{}' --iterations={} '{}' 2>&1",
                  kBegin, kTimes, fmt::join(expressions, "' '")));
}

/// The next times of each expression, out of lines as "Next elapse: Mon 2026-11-23 10:17:23 UTC".
std::vector<Times> times_in(const std::string& said) {
  std::vector<Times> answers;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("Normalized form: ") != line.npos) answers.emplace_back();
    if (line.find("Next elapse: ") == line.npos && line.find("Iter. #") == line.npos) continue;
    const auto value = line.substr(line.find(": ") + 2);
    answers.at(answers.size() - 1).push_back(value == "never" ? value : value.substr(4, 19));
  }
  return answers;
}

/// The same of ours.
Times next_times(const CalendarExpression& expression) {
  Times times;
  const auto begin = io::parse_rfc3339(std::string(kBegin) + "Z").value();
  auto time =
      std::optional(local_seconds{std::chrono::floor<std::chrono::seconds>(begin.time_since_epoch())});
  while (times.size() < kTimes && (time = expression.next_after(*time)))
    times.push_back(io::format_time(io::TimePoint{time->time_since_epoch()}).substr(0, 19));
  if (times.empty()) times.emplace_back("never");
  return times;
}

bool has_systemd() {
  return output_of("systemd-analyze --version 2>/dev/null").starts_with("systemd ");
}

TEST(CalendarOracleTest, FindsTheSameTimesAsSystemd) {
  if (!has_systemd()) GTEST_SKIP() << "there is no systemd-analyze; install systemd";
  const auto seed = test::seed_of_environment().value_or(20261123);
  ExpressionWriter writer(seed);
  std::vector<std::string> expressions;
  while (expressions.size() < kExpressions) expressions.push_back(writer.write());

  const auto said = ask_systemd(expressions);
  const auto answers = times_in(said);

  ASSERT_EQ(answers.size(), expressions.size()) << "PGKEEP_SEED=" << seed << "\n" << said;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    std::string problem;
    const auto expression = CalendarExpression::parse(expressions[i], problem);
    ASSERT_TRUE(expression) << expressions[i] << ": " << problem << "; PGKEEP_SEED=" << seed;
    EXPECT_EQ(next_times(*expression), answers[i]) << expressions[i] << "; PGKEEP_SEED=" << seed;
  }
}

}  // namespace
}  // namespace pgkeep::server
