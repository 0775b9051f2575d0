#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "server/schedule/calendar.h"
#include "server/schedule/text_pieces.h"

namespace pgkeep::server {
namespace {

// ---------------------------------------------------------------------------------------------- numbers

/// A field that numbers are written in.
struct Field {
  std::string_view name;
  int least;
  int most;
  std::span<const std::string_view> words = {};  // which may be written for the numbers from `least` on
  bool goes_round = false;                       // `most` means the same as `least`
  int first_bit = 0;                             // the number that bit 0 stands for
  bool counts_down = false;                      // the next is the one with the lower number
};

constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDaysFromSunday{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

constexpr Field kYear{.name = "year",
                      .least = CalendarFields::kFirstYear,
                      .most = CalendarFields::kLastYear,
                      .first_bit = CalendarFields::kFirstYear};
constexpr Field kMonth{"month", 1, 12};
constexpr Field kDay{"day of the month", 1, 31};
constexpr Field kDayFromEnd{.name = "day of the month", .least = 1, .most = 31, .counts_down = true};
constexpr Field kHour{"hour", 0, 23};
constexpr Field kMinute{"minute", 0, 59};
constexpr Field kSecond{"second", 0, 59};
constexpr Field kCronMonth{"month", 1, 12, kMonths};
constexpr Field kCronWeekday{
    .name = "weekday", .least = 0, .most = 7, .words = kDaysFromSunday, .goes_round = true};

enum class Notation : std::uint8_t { systemd, cron };

/// Reads the numbers of a field: lists, ranges, steps.
class NumberReader {
 public:
  NumberReader(Notation notation, std::string& problem) : notation_(notation), problem_(problem) {}

  bool read(std::string_view text, const Field& field, std::uint64_t& bits) const {
    std::bitset<64> numbers;
    if (!read(text, field, numbers)) return false;
    bits = numbers.to_ullong();
    return true;
  }

  template <std::size_t Size>
  bool read(std::string_view text, const Field& field, std::bitset<Size>& numbers) const {
    numbers.reset();
    for (const auto piece : split(text, ',')) {
      const auto run = read_run(piece, field);
      if (!run) return false;
      for (int step = 0; step <= run->steps(); ++step)
        numbers.set(static_cast<std::size_t>(run->first + step * run->step - field.first_bit));
    }
    return true;
  }

 private:
  struct Run {
    int first;
    int last;
    int step = 1;  // below 0 to count down

    int steps() const { return (last - first) / step; }
  };

  std::string_view range_sign() const { return notation_ == Notation::cron ? "-" : ".."; }

  /// A range or a single number, with or without a step.
  std::optional<Run> read_run(std::string_view text, const Field& field) const {
    const auto stepped = cut(text, "/");
    if (!stepped) return read_range(text, field);
    const auto& [range, step_text] = *stepped;
    auto run = read_range(range, field);
    if (!run) return std::nullopt;
    const auto step = parse_number(step_text);
    if (!step || *step == 0) return refuse("'{}' in '{}' is no step; write 1 or more", step_text, text);
    run->step = *step;
    if (range != "*" && !cut(range, range_sign())) {
      if (notation_ == Notation::cron)
        return refuse("'{}' has a step but no range; write {}-{}/{}", text, range, field.most, step_text);
      run->last = field.counts_down ? field.least : field.most;
      if (field.counts_down) run->step = -*step;
    }
    if (run->steps() == 0)
      return refuse("the step in '{}' leads beyond {}, so that only {} is left; write {} or a smaller step",
                    text, run->last, run->first, run->first);
    return run;
  }

  std::optional<Run> read_range(std::string_view text, const Field& field) const {
    if (text == "*") return Run{field.least, field.goes_round ? field.most - 1 : field.most};
    const auto ends = cut(text, range_sign());
    const auto first = read_number(ends ? ends->first : text, field);
    if (!first) return std::nullopt;
    auto last = ends ? read_number(ends->second, field) : first;
    if (!last) return std::nullopt;
    if (field.goes_round && *first > *last && *last == field.least) last = field.most;  // "Fri-Sun"
    if (*last < *first)
      return refuse(
          "'{0}' goes backwards; begin with the lower one, or write two ranges, as {2}{1}{3},{4}{1}{5}", text,
          range_sign(), *first, field.most, field.least, *last);
    return Run{*first, *last};
  }

  std::optional<int> read_number(std::string_view text, const Field& field) const {
    for (std::size_t i = 0; i < field.words.size(); ++i)
      if (same_word(text, field.words[i])) return field.least + static_cast<int>(i);
    const auto number = parse_number(text);
    if (number && *number >= field.least && *number <= field.most) return number;
    std::string words;
    if (!field.words.empty()) words = fmt::format(" or {} to {}", field.words.front(), field.words.back());
    return refuse("'{}' is no {}; write {} to {}{}", text, field.name, field.least, field.most, words);
  }

  template <typename... Args>
  std::nullopt_t refuse(fmt::format_string<Args...> problem, Args&&... args) const {
    problem_ = fmt::format(problem, std::forward<Args>(args)...);
    return std::nullopt;
  }

  Notation notation_;
  std::string& problem_;
};

// ---------------------------------------------------------------------------------------------- systemd

struct Shorthand {
  std::string_view word;
  std::string_view expression;
};

constexpr std::array kSystemdWords{
    Shorthand{"minutely", "*:*"},        Shorthand{"hourly", "*:00"},  Shorthand{"daily", "00:00"},
    Shorthand{"weekly", "Mon"},          Shorthand{"monthly", "*-01"}, Shorthand{"quarterly", "1,4,7,10-01"},
    Shorthand{"semiannually", "1,7-01"}, Shorthand{"yearly", "1-01"},  Shorthand{"annually", "1-01"},
};

constexpr std::array kCronWords{
    Shorthand{"@hourly", "0 * * * *"},   Shorthand{"@daily", "0 0 * * *"},
    Shorthand{"@midnight", "0 0 * * *"}, Shorthand{"@weekly", "0 0 * * 0"},
    Shorthand{"@monthly", "0 0 1 * *"},  Shorthand{"@yearly", "0 0 1 1 *"},
    Shorthand{"@annually", "0 0 1 1 *"},
};

/// The words of the expression, or of the one that its only word stands for.
std::vector<std::string_view> expanded(std::string_view text, std::span<const Shorthand> shorthands) {
  auto words = words_of(text);
  if (words.size() != 1) return words;
  const auto found = std::ranges::find_if(
      shorthands, [&](const Shorthand& shorthand) { return same_word(shorthand.word, words[0]); });
  return found == shorthands.end() ? words : words_of(found->expression);
}

/// The shorthands as a sentence has them: "a, b or c".
std::string listed(std::span<const Shorthand> shorthands) {
  std::string list;
  for (const auto& shorthand : shorthands) {
    if (&shorthand == &shorthands.back())
      list += " or ";
    else if (!list.empty())
      list += ", ";
    list += shorthand.word;
  }
  return list;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// "[year-]month-day" or "[year-]month~day".
bool read_date(std::string_view text, CalendarFields& fields, std::string& problem) {
  const NumberReader numbers(Notation::systemd, problem);
  const auto from_end = cut(text, "~");
  auto parts = split(from_end ? from_end->first : text, '-');
  if (from_end) parts.push_back(from_end->second);
  if (parts.size() < 2 || parts.size() > 3) {
    problem = fmt::format("'{}' is no date; write year-month-day or month-day, with * for any", text);
    return false;
  }
  if (parts.size() == 3 && !numbers.read(parts[0], kYear, fields.years)) return false;
  if (from_end) fields.days = 0;
  return numbers.read(parts[parts.size() - 2], kMonth, fields.months) &&
         (from_end ? numbers.read(parts.back(), kDayFromEnd, fields.days_from_end)
                   : numbers.read(parts.back(), kDay, fields.days));
}

/// "hour:minute[:second]".
bool read_time(std::string_view text, CalendarFields& fields, std::string& problem) {
  const NumberReader numbers(Notation::systemd, problem);
  const auto parts = split(text, ':');
  if (parts.size() > 3) {
    problem = fmt::format("'{}' is no time; write hour:minute or hour:minute:second", text);
    return false;
  }
  return numbers.read(parts[0], kHour, fields.hours) && numbers.read(parts[1], kMinute, fields.minutes) &&
         (parts.size() < 3 || numbers.read(parts[2], kSecond, fields.seconds));
}

}  // namespace

std::optional<CalendarExpression> CalendarExpression::parse(std::string_view text, std::string& problem) {
  const auto words = expanded(text, kSystemdWords);
  if (words.empty()) {
    problem = "is empty; write when, as 'daily', '02:30', 'Mon..Fri 02:30' or '*-*-01 03:00'";
    return std::nullopt;
  }
  CalendarFields fields;
  auto word = words.begin();
  if (is_letter(word->front())) {
    const auto weekdays = Weekdays::parse(*word, problem);
    if (!weekdays) {
      if (words.size() == 1) problem += fmt::format("; or write {}", listed(kSystemdWords));
      return std::nullopt;
    }
    fields.weekdays = *weekdays;
    ++word;
  }
  const auto holds = [&](std::string_view any_of) {
    return word != words.end() && word->find_first_of(any_of) != word->npos;
  };
  if (!holds(":") && holds("-~") && !read_date(*word++, fields, problem)) return std::nullopt;
  if (holds(":") && !read_time(*word++, fields, problem)) return std::nullopt;
  if (word != words.end()) {
    problem = fmt::format(
        "cannot read '{}'; write weekdays, date and time in this order, or some of them, "
        "as 'Mon..Fri *-*-* 02:30'",
        *word);
    return std::nullopt;
  }
  return CalendarExpression(text, fields);
}

// ------------------------------------------------------------------------------------------------- cron

std::optional<CalendarExpression> CalendarExpression::parse_cron(std::string_view text,
                                                                 std::string& problem) {
  const auto words = expanded(text, kCronWords);
  if (words.size() == 1 && words[0].front() == '@') {
    problem = fmt::format("there is no {}; write {}", words[0], listed(kCronWords));
    return std::nullopt;
  }
  if (words.size() != 5) {
    problem = fmt::format(
        "has {} field{}; write five, minute, hour, day of the month, month and weekday, as '30 2 * * 1-5'",
        words.size(), words.size() == 1 ? "" : "s");
    return std::nullopt;
  }
  CalendarFields fields;
  const NumberReader numbers(Notation::cron, problem);
  std::bitset<8> weekdays;
  if (!numbers.read(words[0], kMinute, fields.minutes) || !numbers.read(words[1], kHour, fields.hours) ||
      !numbers.read(words[2], kDay, fields.days) || !numbers.read(words[3], kCronMonth, fields.months) ||
      !numbers.read(words[4], kCronWeekday, weekdays))
    return std::nullopt;
  fields.weekdays = Weekdays::none();
  for (unsigned number = 0; number < weekdays.size(); ++number)
    if (weekdays[number]) fields.weekdays.add(std::chrono::weekday(number));
  fields.either_day = !words[2].starts_with('*') && !words[4].starts_with('*');
  return CalendarExpression(text, fields);
}

}  // namespace pgkeep::server
