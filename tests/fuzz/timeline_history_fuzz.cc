#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/timeline.h"
#include "tests/fuzz/input.h"

// Whatever a history file says, it is refused by Corruption or understood as PostgreSQL understands it: here
// by a model that asks the list of entries, newest first, as tliOfPointInHistory() in timeline.c does.

namespace {

using namespace pgkeep;
using fuzz::require;
using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;

/// Of a longer file not every position is asked for: that takes long and tells no more.
constexpr std::size_t kMostEntries = 32;

struct Entry {
  std::uint32_t timeline = 0;
  std::uint64_t switch_point = 0;
};

/// The entries of a history file; nothing when it is none.
class Model {
 public:
  static std::optional<Model> parse(std::uint32_t timeline, std::string_view text) {
    Model model(timeline);
    while (!text.empty()) {
      const auto newline = text.find('\n');
      if (!model.read_line(text.substr(0, newline), newline != text.npos)) return std::nullopt;
      text.remove_prefix(newline == text.npos ? text.size() : newline + 1);
    }
    if (model.entries_.empty() && timeline > 1) return std::nullopt;
    return model;
  }

  const std::vector<Entry>& entries() const { return entries_; }
  std::uint32_t timeline() const { return timeline_; }
  std::uint32_t timeline_at(std::uint64_t lsn) const {
    if (entries_.empty() || lsn >= entries_.back().switch_point) return timeline_;
    for (auto i = entries_.size(); i > 0; --i) {
      const auto begin = i == 1 ? 0 : entries_[i - 2].switch_point;
      if (begin <= lsn && lsn < entries_[i - 1].switch_point) return entries_[i - 1].timeline;
    }
    fuzz::fail("the model has no timeline there");
  }
  /// The line holds no byte of a later timeline before it.
  bool contains(std::uint32_t timeline, std::uint64_t lsn) const {
    if (timeline == timeline_) return true;
    for (const auto& entry : entries_)
      if (entry.timeline == timeline) return lsn == 0 || timeline_at(lsn - 1) <= timeline;
    return false;
  }
  /// As PostgreSQL writes it.
  std::string text(std::size_t entries) const {
    std::string text;
    for (std::size_t i = 0; i < entries; ++i) {
      text += fmt::format("{}\t{:X}/{:X}\tno recovery target specified\n\n", entries_[i].timeline,
                          entries_[i].switch_point >> 32, entries_[i].switch_point & 0xFFFFFFFF);
    }
    return text;
  }

 private:
  explicit Model(std::uint32_t timeline) : timeline_(timeline) {}

  static std::vector<std::string_view> words_of(std::string_view line) {
    constexpr std::string_view kBlanks = " \t\r\v\f";
    std::vector<std::string_view> words;
    for (auto at = line.find_first_not_of(kBlanks); at != line.npos;) {
      const auto end = std::min(line.find_first_of(kBlanks, at), line.size());
      words.push_back(line.substr(at, end - at));
      at = line.find_first_not_of(kBlanks, end);
    }
    return words;
  }
  static std::optional<std::uint32_t> number(std::string_view word, int base) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
    return value;
  }
  bool read_line(std::string_view line, bool terminated) {
    const auto words = words_of(line);
    if (words.empty() || words[0].starts_with('#')) return true;
    if (words.size() < 2) return false;
    const auto slash = words[1].find('/');
    if (slash == words[1].npos || slash > 8 || words[1].size() - slash - 1 > 8) return false;
    const auto timeline = number(words[0], 10);
    const auto high = number(words[1].substr(0, slash), 16);
    const auto low = number(words[1].substr(slash + 1), 16);
    if (!timeline || *timeline == 0 || !high || !low) return false;
    if (!terminated && words[1].data() + words[1].size() == line.data() + line.size()) return false;
    if (*timeline >= timeline_ || (!entries_.empty() && *timeline <= entries_.back().timeline)) return false;
    entries_.push_back({*timeline, std::uint64_t{*high} << 32 | *low});
    return true;
  }

  std::uint32_t timeline_;
  std::vector<Entry> entries_;
};

std::optional<TimelineHistory> parse(std::uint32_t timeline, std::string_view text) {
  try {
    return TimelineHistory::parse(TimelineId(timeline), text);
  } catch (const Corruption&) {
    return std::nullopt;
  }
}

/// A file of lines that a server could write, and of others.
std::string make_file(fuzz::Input& input, std::uint32_t& timeline) {
  std::string text;
  std::uint32_t parent = 0;
  std::uint64_t lsn = std::uint64_t{input.byte()} << 28;
  while (!input.empty()) {
    const auto kind = input.byte() % 16;
    if (kind < 10) {
      parent += 1 + (kind == 0 ? input.number() : 0);
      lsn += kind < 7 ? input.word() : -std::uint64_t{input.byte()};
      text +=
          fmt::format("{}\t{:X}/{:X}\tbefore 2026-11-20 12:00:00+00\n", parent, lsn >> 32, lsn & 0xFFFFFFFF);
    } else if (kind == 10) {
      text += "# " + input.text(8) + "\n";
    } else if (kind == 11) {
      text += "\n";
    } else if (kind == 12) {
      text += fmt::format("{}\t{:X}/{:X}\n", input.long_number(), input.long_number(), input.word());
    } else {
      text += input.text(input.byte());
    }
  }
  timeline = timeline == 0 ? parent + 1 : timeline;
  return text;
}

void check_position(const TimelineHistory& history, const Model& model, std::uint64_t lsn) {
  require(history.timeline_at(Lsn(lsn)).value() == model.timeline_at(lsn), "another timeline holds the byte");
  const auto contains = [&](std::uint32_t timeline) {
    return history.contains(postgres::WalPosition{TimelineId(timeline), Lsn(lsn)}) ==
           model.contains(timeline, lsn);
  };
  require(contains(model.timeline()) && contains(model.timeline() + 1), "a position of another line");
  for (const auto& entry : model.entries()) require(contains(entry.timeline), "a position of another line");
}

void check_ancestors(const TimelineHistory& history, const Model& model) {
  const auto& entries = model.entries();
  require(history.ancestors().size() == entries.size(), "another number of ancestors");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& ancestor = history.ancestors()[i];
    require(ancestor.timeline.value() == entries[i].timeline, "another ancestor");
    require(ancestor.switch_point.value() == entries[i].switch_point, "another switch point");
    require(ancestor.end <= ancestor.switch_point, "an end after the switch point");
    require(i == 0 || (history.ancestors()[i - 1].timeline < ancestor.timeline &&
                       history.ancestors()[i - 1].end <= ancestor.end),
            "ancestors that do not rise");
    require(history.contains(ancestor.timeline) && history.end_of(ancestor.timeline) == ancestor.end &&
                history.switch_point_of(ancestor.timeline) == ancestor.switch_point,
            "an ancestor that is not found");
    const auto end = ancestor.end.value();
    require(model.timeline_at(end) > entries[i].timeline &&
                (end == 0 || model.timeline_at(end - 1) <= entries[i].timeline),
            "the line leaves the ancestor elsewhere");
    require(history.next_after(ancestor.timeline)->value() == model.timeline_at(end),
            "another next timeline");
  }
  require(!history.end_of(history.timeline()) && !history.next_after(history.timeline()),
          "the timeline itself ended");
  const auto begin = history.begin().value();
  require(model.timeline_at(begin) == model.timeline() &&
              (begin == 0 || model.timeline_at(begin - 1) != model.timeline()),
          "the timeline begins elsewhere");
}

void check_agreement(const TimelineHistory& history, const Model& model) {
  const auto& entries = model.entries();
  require(history.agrees_with(history), "a history that contradicts itself");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    // An ancestor had the beginning of it; timeline 1 has no file.
    const auto beginning = parse(entries[i].timeline, model.text(i));
    if (beginning) {
      require(history.agrees_with(*beginning) && beginning->agrees_with(history),
              "a beginning of it contradicts it");
    }
    auto other =
        model.text(i) + fmt::format("{}\t{:X}/{:X}\t\n", entries[i].timeline, entries[i].switch_point >> 32,
                                    (entries[i].switch_point & 0xFFFFFFFF) ^ 8);
    const auto branch = parse(model.timeline(), other);
    require(branch && !history.agrees_with(*branch) && !branch->agrees_with(history),
            "another branch agrees with it");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto kind = input.byte();
  std::uint32_t timeline = (kind & 2) != 0 ? input.number() | 1 : 0;
  const auto text = (kind & 1) != 0 ? make_file(input, timeline) : input.text(size);
  if (timeline == 0) timeline = 1 + kind / 4;

  const auto history = parse(timeline, text);
  const auto model = Model::parse(timeline, text);
  require(history.has_value() == model.has_value(), history ? "nonsense is taken" : "a history is refused");
  if (!history) return 0;
  check_ancestors(*history, *model);
  if (model->entries().size() > kMostEntries) return 0;
  for (const auto& entry : model->entries())
    for (const auto lsn : {entry.switch_point - 1, entry.switch_point, entry.switch_point + 1})
      check_position(*history, *model, lsn);
  check_position(*history, *model, 0);
  check_position(*history, *model, ~std::uint64_t{0});
  check_agreement(*history, *model);
  return 0;
}
