#include "catalog/postgres/tablespace_map.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/shown_text.h"
#include "catalog/postgres/number.h"
#include "catalog/postgres/versions.h"

namespace pgkeep::postgres {

namespace {

constexpr char kEscape = '\\';

bool escapes_itself(int major_version) {
  return major_version >= since::kEscapesInTablespaceMap;
}

bool ends_line(char c) {
  return c == '\n' || c == '\r';
}

[[noreturn]] void refuse(std::size_t line, std::string_view why) {
  throw Corruption(fmt::format("tablespace_map line {}: {}; restore it from the backup again", line, why));
}

[[noreturn]] void refuse_for_13(const TablespaceMapEntry& entry) {
  throw Error(
      fmt::format("tablespace {}: PostgreSQL 13 cannot read the path {} from a tablespace_map; "
                  "choose one without backslashes",
                  entry.oid, io::in_quotes(entry.path)));
}

TablespaceMapEntry parse_line(std::string_view line, std::size_t number) {
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos) refuse(number, "no blank between OID and path");
  const auto oid = parse_number<std::uint32_t>(line.substr(0, blank));
  if (!oid || *oid == 0)
    refuse(number, fmt::format("{} is not an OID", io::in_quotes(line.substr(0, blank))));
  const auto path = line.substr(blank + 1);
  if (path.empty() || path.front() != '/') refuse(number, "the path is not absolute");
  if (path.find('\0') != std::string_view::npos) refuse(number, "a zero byte in the path");
  return {*oid, std::string(path)};
}

}  // namespace

std::vector<TablespaceMapEntry> parse_tablespace_map(std::string_view content, int major_version) {
  std::vector<TablespaceMapEntry> entries;
  std::string line;  // unescaped
  std::size_t number = 1;
  bool escaped = false;
  for (const char c : content) {
    if (std::exchange(escaped, false)) {
      if (ends_line(c) || escapes_itself(major_version)) {
        line.push_back(c);
        continue;
      }
      line.push_back(kEscape);
    }
    if (c == kEscape) {
      escaped = true;
    } else if (!ends_line(c)) {
      line.push_back(c);
    } else if (!line.empty()) {  // the server too passes over empty lines
      auto entry = parse_line(line, number);
      if (std::ranges::find(entries, entry.oid, &TablespaceMapEntry::oid) != entries.end()) {
        refuse(number, fmt::format("OID {} a second time", entry.oid));
      }
      entries.push_back(std::move(entry));
      line.clear();
      ++number;
    }
  }
  if (!line.empty() || escaped) refuse(number, "cut short");
  return entries;
}

std::string format_tablespace_map(const std::vector<TablespaceMapEntry>& entries, int major_version) {
  std::string content;
  for (const auto& entry : entries) {
    content += fmt::format("{} ", entry.oid);
    for (const char c : entry.path) {
      const bool after_backslash = content.back() == kEscape;
      if (ends_line(c)) {
        if (after_backslash && !escapes_itself(major_version)) refuse_for_13(entry);
        content.push_back(kEscape);
      } else if (c == kEscape && escapes_itself(major_version)) {
        content.push_back(kEscape);
      }
      content.push_back(c);
    }
    if (content.back() == kEscape && !escapes_itself(major_version)) refuse_for_13(entry);
    content.push_back('\n');
  }
  return content;
}

std::optional<int> version_directory_major(std::string_view path) {
  constexpr std::string_view kPrefix = "PG_";
  constexpr std::size_t kCatalogVersionDigits = 9;  // a date and a number: 202506291
  auto name = path.substr(0, path.find('/'));
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  const auto between = name.find('_');
  if (between == name.npos) return std::nullopt;
  const auto version = name.substr(between + 1);
  if (version.size() != kCatalogVersionDigits || version.find_first_not_of("0123456789") != version.npos)
    return std::nullopt;
  int major = 0;
  const auto* const end = name.data() + between;
  const auto parsed = std::from_chars(name.data(), end, major);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(major) : std::nullopt;
}

}  // namespace pgkeep::postgres
