#include "server/cli/roff.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include <fmt/format.h>

#include "server/terminal/wrapped_text.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kWidth = 78;

/// A character that roff would take for another, or make another of, in what is to be copied.
std::string copyable(char character) {
  switch (character) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '`':
      return "\\(ga";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    default:
      return {character};
  }
}

std::string copyable(std::string_view text) {
  std::string result;
  for (const char character : text) result += copyable(character);
  return result;
}

/// The text up to `end`, which is taken away with it; nothing, and nothing is taken, where it does not end
/// so.
std::string_view take_until(std::string_view& text, std::string_view end) {
  const auto at = text.find(end);
  if (at == text.npos || at == 0) return {};
  const auto taken = text.substr(0, at);
  text.remove_prefix(at + end.size());
  return taken;
}

/// What stands between two marks at the beginning of `text`, in another font.
bool take_marked(std::string_view& text, std::string_view mark, std::string_view font, std::string& result) {
  if (!text.starts_with(mark)) return false;
  auto rest = text.substr(mark.size());
  const auto inside = take_until(rest, mark);
  if (inside.empty()) return false;
  result += fmt::format("\\f{}{}\\fR", font, copyable(inside));
  text = rest;
  return true;
}

/// "[text](address)": the text alone.
bool take_link(std::string_view& text, std::string& result) {
  if (!text.starts_with('[')) return false;
  auto rest = text.substr(1);
  const auto shown = take_until(rest, "](");
  if (shown.empty() || shown.find(']') != shown.npos || take_until(rest, ")").empty()) return false;
  result += roff_typed(shown);
  text = rest;
  return true;
}

std::string fonts(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    if (take_marked(text, "`", "B", result) || take_marked(text, "**", "B", result) ||
        take_marked(text, "*", "I", result) || take_link(text, result))
      continue;
    result += text.front() == '-' && !text.starts_with("--") && !result.ends_with("-")
                  ? "-"
                  : copyable(text.front());
    text.remove_prefix(1);
  }
  return result;
}

/// A line that begins as a request does is none.
std::string protected_lines(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with('.') || line.starts_with('\'')) result += "\\&";
    result += fmt::format("{}\n", line);
  }
  return result;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    lines.push_back(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.size(), lines.back().size() + 1));
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = std::min(text.find_first_not_of(' '), text.size());
  const auto end = text.find_last_not_of(' ');
  return end == text.npos ? std::string_view() : text.substr(begin, end + 1 - begin);
}

/// Of "| a | b |".
std::vector<std::string> cells_of(std::string_view row) {
  std::vector<std::string> cells;
  row.remove_prefix(1);
  while (!row.empty()) {
    auto bar = row.find('|');
    while (bar != row.npos && bar > 0 && row[bar - 1] == '\\') bar = row.find('|', bar + 1);
    const auto cell = row.substr(0, bar);
    cells.emplace_back(trimmed(cell));
    std::erase(cells.back(), '\\');  // of "\|"; no cell has another
    row.remove_prefix(std::min(row.size(), cell.size() + 1));
  }
  return cells;
}

/// Goes through the lines of a text, part by part.
class Conversion {
 public:
  explicit Conversion(std::string_view markdown) : lines_(lines_of(markdown)) {}

  std::string result() {
    while (at_ < lines_.size()) {
      const auto line = lines_[at_];
      if (trimmed(line).empty()) {
        ++at_;
      } else if (line.starts_with('#')) {
        heading(line);
      } else if (line.starts_with("```")) {
        fenced();
      } else if (line.starts_with("    ")) {
        indented();
      } else if (line.starts_with('|')) {
        table();
      } else if (line.starts_with("- ")) {
        text_ += ".IP \\(bu 2\n" + roff_line(paragraph().substr(2));
        is_new_section_ = false;
      } else {
        if (!is_new_section_) text_ += ".PP\n";
        text_ += roff_line(paragraph());
        is_new_section_ = false;
      }
    }
    return std::move(text_);
  }

 private:
  void heading(std::string_view line) {
    ++at_;
    const auto rank = line.find_first_not_of('#');
    if (rank == 1 || rank == line.npos) return;
    std::string title(trimmed(line.substr(rank)));
    std::ranges::transform(title, title.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    text_ += fmt::format(".SH {}\n", fonts(title));
    is_new_section_ = true;
  }

  void fenced() {
    std::string code;
    for (++at_; at_ < lines_.size() && !lines_[at_].starts_with("```"); ++at_)
      code += fmt::format("{}\n", lines_[at_]);
    ++at_;
    code_block(code);
  }

  void indented() {
    std::string code;
    for (; at_ < lines_.size() && lines_[at_].starts_with("    "); ++at_)
      code += fmt::format("{}\n", lines_[at_].substr(4));
    code_block(code);
  }

  void code_block(std::string_view code) {
    if (!is_new_section_) text_ += ".PP\n";
    text_ += roff_code(code);
    is_new_section_ = false;
  }

  void table() {
    const auto titles = cells_of(lines_[at_]);
    for (at_ += 2; at_ < lines_.size() && lines_[at_].starts_with('|'); ++at_) {
      const auto cells = cells_of(lines_[at_]);
      text_ += fmt::format(".TP\n{}", roff_line(cells.front()));
      for (std::size_t i = 1; i + 1 < cells.size(); ++i)
        text_ += roff_line(fmt::format("{}: {}", titles[i], cells[i])) + ".br\n";
      text_ += roff_line(cells.back());
    }
    is_new_section_ = false;
  }

  std::string paragraph() {
    std::string text(lines_[at_++]);
    while (at_ < lines_.size() && !trimmed(lines_[at_]).empty() && !lines_[at_].starts_with("- ") &&
           !lines_[at_].starts_with("```"))
      text += fmt::format(" {}", trimmed(lines_[at_++]));
    return text;
  }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
  std::string text_;
  bool is_new_section_ = true;  // which needs no request for a paragraph
};

}  // namespace

std::string roff_of(std::string_view markdown) {
  return Conversion(markdown).result();
}

std::string roff_line(std::string_view markdown) {
  return protected_lines(wrapped("", 0, fonts(markdown), kWidth));
}

std::string roff_term(std::string_view name, std::string_view meaning) {
  return fmt::format(".TP\n{}\n{}", roff_typed(name), roff_line(meaning));
}

std::string roff_code(std::string_view lines) {
  return fmt::format(".RS 4\n.nf\n{}.fi\n.RE\n", protected_lines(copyable(lines)));
}

std::string roff_typed(std::string_view text) {
  return fmt::format("\\fB{}\\fR", copyable(text));
}

}  // namespace pgkeep::server
