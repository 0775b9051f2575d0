#include "catalog/postgres/tablespace_map.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/number.h"

namespace pgkeep::postgres {

namespace {

constexpr char kEscape = '\\';

bool ends_line(char c) {
  return c == '\n' || c == '\r';
}

[[noreturn]] void refuse(std::size_t line, std::string_view why) {
  throw Corruption(fmt::format("tablespace_map line {}: {}; restore it from the backup again", line, why));
}

TablespaceMapEntry parse_line(std::string_view line, std::size_t number) {
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos) refuse(number, "no blank between OID and path");
  const auto oid = parse_number<std::uint32_t>(line.substr(0, blank));
  if (!oid || *oid == 0) refuse(number, fmt::format("\"{}\" is not an OID", line.substr(0, blank)));
  const auto path = line.substr(blank + 1);
  if (path.empty() || path.front() != '/') refuse(number, "the path is not absolute");
  if (path.find('\0') != std::string_view::npos) refuse(number, "a zero byte in the path");
  return {*oid, std::string(path)};
}

}  // namespace

std::vector<TablespaceMapEntry> parse_tablespace_map(std::string_view content) {
  std::vector<TablespaceMapEntry> entries;
  std::string line;  // unescaped
  std::size_t number = 1;
  bool escaped = false;
  for (const char c : content) {
    if (!escaped && c == kEscape) {
      escaped = true;
    } else if (escaped || !ends_line(c)) {
      line.push_back(c);
      escaped = false;
    } else if (!line.empty()) {  // the server too passes over empty lines
      auto entry = parse_line(line, number++);
      if (std::ranges::find(entries, entry.oid, &TablespaceMapEntry::oid) != entries.end()) {
        refuse(number - 1, fmt::format("OID {} a second time", entry.oid));
      }
      entries.push_back(std::move(entry));
      line.clear();
    }
  }
  if (!line.empty() || escaped) refuse(number, "cut short");
  return entries;
}

std::string format_tablespace_map(const std::vector<TablespaceMapEntry>& entries) {
  std::string content;
  for (const auto& entry : entries) {
    content += fmt::format("{} ", entry.oid);
    for (const char c : entry.path) {
      if (ends_line(c) || c == kEscape) content.push_back(kEscape);
      content.push_back(c);
    }
    content.push_back('\n');
  }
  return content;
}

}  // namespace pgkeep::postgres
