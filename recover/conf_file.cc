#include "recover/conf_file.h"

#include <cstddef>

namespace pgkeep::recover {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

std::string take_name(std::string_view& text) {
  std::string name;
  while (!text.empty() && is_name_char(text.front())) {
    const char c = text.front();
    name.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    text.remove_prefix(1);
  }
  return name;
}

/// The character that a backslash and what follows stand for; takes both off the text.
char take_escaped(std::string_view& text) {
  text.remove_prefix(1);
  if (text.empty()) return '\\';
  unsigned octal = 0;
  std::size_t digits = 0;
  while (digits < 3 && digits < text.size() && text[digits] >= '0' && text[digits] <= '7')
    octal = octal * 8 + static_cast<unsigned>(text[digits++] - '0');
  if (digits > 0) {
    text.remove_prefix(digits);
    return static_cast<char>(octal);
  }
  const char c = text.front();
  text.remove_prefix(1);
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

std::string take_quoted(std::string_view text) {
  text.remove_prefix(1);
  std::string value;
  while (!text.empty()) {
    if (text.front() == '\\') {
      value.push_back(take_escaped(text));
      continue;
    }
    if (text.front() == '\'') {
      if (!text.starts_with("''")) break;
      text.remove_prefix(1);
    }
    value.push_back(text.front());
    text.remove_prefix(1);
  }
  return value;
}

ConfLine parse_line(std::string_view line) {
  ConfLine parsed{.name = {}, .value = {}, .raw = std::string(line)};
  skip_blanks(line);
  parsed.name = take_name(line);
  if (parsed.name.empty()) return parsed;
  skip_blanks(line);
  if (line.starts_with('=')) {
    line.remove_prefix(1);
    skip_blanks(line);
  }
  if (line.starts_with('\'')) {
    parsed.value = take_quoted(line);
    return parsed;
  }
  while (!line.empty() && !is_blank(line.front()) && line.front() != '#') {
    parsed.value.push_back(line.front());
    line.remove_prefix(1);
  }
  return parsed;
}

}  // namespace

std::vector<ConfLine> parse_conf(std::string_view content) {
  std::vector<ConfLine> lines;
  while (!content.empty()) {
    const auto newline = content.find('\n');
    lines.push_back(parse_line(content.substr(0, newline)));
    content.remove_prefix(newline == content.npos ? content.size() : newline + 1);
  }
  return lines;
}

std::string quote_conf_value(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\n') {  // a value cannot go over the end of its line
      quoted += "\\n";
      continue;
    }
    if (c == '\'' || c == '\\') quoted.push_back(c);
    quoted.push_back(c);
  }
  return quoted + "'";
}

}  // namespace pgkeep::recover
