#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/terminal/output.h"
#include "server/terminal/tone.h"

namespace pgkeep::server {

/// Rows of text in aligned columns, for people.
class TablePrinter {
 public:
  enum class Align : std::uint8_t { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };
  explicit TablePrinter(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void add(std::vector<Toned> row);
  /// The title line and the rows, without trailing spaces. `width`: of a terminal, in which cells of the last
  /// column are shortened to fit; where the others leave no room for them, the table is wider.
  std::vector<std::string> lines(std::optional<std::size_t> width = {}) const;
  /// Nothing is shortened that goes into a file or a pipe.
  void print(Output& out) const;

 private:
  std::vector<TonedLine> toned_lines(std::optional<std::size_t> width) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Toned>> rows_;
};

/// "name:   value" lines with the values below one another; a value's further lines are indented under it.
class FactPrinter {
 public:
  void add(std::string name, std::string value) { facts_.emplace_back(std::move(name), std::move(value)); }
  std::vector<std::string> lines() const;
  void print(Output& out) const;

 private:
  std::vector<std::pair<std::string, std::string>> facts_;
};

}  // namespace pgkeep::server
