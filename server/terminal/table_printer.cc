#include "server/terminal/table_printer.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "server/terminal/wrapped_text.h"

namespace pgkeep::server {
namespace {

std::string padded(std::string_view text, std::size_t width, TablePrinter::Align align) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return align == TablePrinter::Align::left ? std::string(text) + space : space + std::string(text);
}

constexpr std::size_t kShortestCell = 10;  // less of one tells nothing

/// The first characters of the text, and "…" where it is longer.
std::string shortened(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::string begin;
  std::size_t count = 0;
  for (const char character : text) {
    count += width_of({&character, 1});
    if (count >= width) break;
    begin += character;
  }
  return begin + "…";
}

void trim_end(std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
}

}  // namespace

void TablePrinter::add(std::vector<std::string> row) {
  row.resize(columns_.size());
  rows_.push_back(std::move(row));
}

std::vector<std::string> TablePrinter::lines(std::optional<std::size_t> width) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto widest = width_of(columns_[i].title);
    for (const auto& row : rows_) widest = std::max(widest, width_of(row[i]));
    widths.push_back(widest);
  }
  const auto before_last = std::accumulate(widths.begin(), widths.end() - 1, 2 * (widths.size() - 1));
  const bool fits = !width || before_last + kShortestCell > *width;
  const auto most = fits ? widths.back() : *width - before_last;
  widths.back() = std::min(widths.back(), most);
  const auto line_of = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line += "  ";
      line += padded(cell_of(i), widths[i], columns_[i].align);
    }
    trim_end(line);
    return line;
  };
  std::vector<std::string> lines{
      line_of([&](std::size_t i) -> const std::string& { return columns_[i].title; })};
  for (auto row : rows_) {
    row.back() = shortened(row.back(), most);
    lines.push_back(line_of([&](std::size_t i) -> const std::string& { return row[i]; }));
  }
  return lines;
}

void TablePrinter::print(Output& out) const {
  for (const auto& line : lines(out.width())) out.fact(line);
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
      auto line = fmt::format("{}  {}", padded(left, width + 1, TablePrinter::Align::left),
                              std::string_view(value).substr(start, end - start));
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
