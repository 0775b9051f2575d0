#include "server/terminal/table_printer.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "server/terminal/wrapped_text.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kShortestCell = 10;  // less of one tells nothing

/// A line on the way: space is put in when something follows it.
class LineOfCells {
 public:
  void add(const Toned& cell, std::size_t width, TablePrinter::Align align) {
    const auto missing = width - std::min(width, width_of(cell.text));
    const bool left = align == TablePrinter::Align::left;
    if (!left) space_ += missing;
    if (!cell.text.empty()) {
      if (space_ > 0) line_.emplace_back(std::string(space_, ' '));
      line_.push_back(cell);
      space_ = 0;
    }
    space_ += kBetweenCells + (left ? missing : 0);
  }
  TonedLine take() { return std::move(line_); }

 private:
  static constexpr std::size_t kBetweenCells = 2;
  TonedLine line_;
  std::size_t space_ = 0;
};

void trim_end(std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
}

}  // namespace

void TablePrinter::add(std::vector<Toned> row) {
  row.resize(columns_.size(), "");
  rows_.push_back(std::move(row));
}

std::vector<TonedLine> TablePrinter::toned_lines(std::optional<std::size_t> width) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto widest = width_of(columns_[i].title);
    for (const auto& row : rows_) widest = std::max(widest, width_of(row[i].text));
    widths.push_back(widest);
  }
  const auto before_last = std::accumulate(widths.begin(), widths.end() - 1, 2 * (widths.size() - 1));
  const bool fits = !width || before_last + kShortestCell > *width;
  const auto most = fits ? widths.back() : *width - before_last;
  widths.back() = std::min(widths.back(), most);
  std::vector<TonedLine> lines;
  const auto add_line = [&](const auto& cell_of) {
    LineOfCells line;
    for (std::size_t i = 0; i < columns_.size(); ++i) line.add(cell_of(i), widths[i], columns_[i].align);
    lines.push_back(line.take());
  };
  add_line([&](std::size_t i) { return Toned(columns_[i].title); });
  for (auto row : rows_) {
    row.back().text = shortened(row.back().text, most);
    add_line([&](std::size_t i) -> const Toned& { return row[i]; });
  }
  return lines;
}

std::vector<std::string> TablePrinter::lines(std::optional<std::size_t> width) const {
  std::vector<std::string> lines;
  for (const auto& line : toned_lines(width)) lines.push_back(plain_text(line));
  return lines;
}

void TablePrinter::print(Output& out) const {
  for (const auto& line : toned_lines(out.width())) out.fact(line);
}

std::vector<std::string> FactPrinter::lines() const {
  std::size_t width = 0;
  for (const auto& [name, value] : facts_) width = std::max(width, width_of(name));
  std::vector<std::string> lines;
  for (const auto& [name, value] : facts_) {
    auto left = name.empty() ? std::string() : name + ":";
    std::size_t start = 0;
    while (start <= value.size()) {
      const auto end = std::min(value.find('\n', start), value.size());
      const std::string space(width + 3 - std::min(width + 3, width_of(left)), ' ');
      auto line = fmt::format("{}{}{}", left, space, std::string_view(value).substr(start, end - start));
      trim_end(line);
      lines.push_back(std::move(line));
      left.clear();
      start = end + 1;
    }
  }
  return lines;
}

void FactPrinter::print(Output& out) const {
  for (const auto& line : lines()) out.fact(line);
}

}  // namespace pgkeep::server
