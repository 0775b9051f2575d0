#include "server/health/sync_standbys.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace pgkeep::server {
namespace {

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

bool equal_in_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

/// Takes the next name off the front of `text`; `"a ""b"""` is one. Empty at the end.
std::string next_name(std::string_view& text) {
  std::string name;
  while (!text.empty() && (std::isspace(static_cast<unsigned char>(text[0])) != 0 || text[0] == ','))
    text.remove_prefix(1);
  const bool quoted = !text.empty() && text[0] == '"';
  if (quoted) text.remove_prefix(1);
  while (!text.empty()) {
    if (quoted && text[0] == '"') {
      text.remove_prefix(1);
      if (text.empty() || text[0] != '"') break;
    } else if (!quoted && (text[0] == ',' || std::isspace(static_cast<unsigned char>(text[0])) != 0)) {
      break;
    }
    name += text[0];
    text.remove_prefix(1);
  }
  return name;
}

}  // namespace

bool names_standby(std::string_view synchronous_standby_names, std::string_view application_name) {
  // What stands before the parenthesis is a method and a number. A quoted name may hold parentheses too, but
  // a list without a method has none outside of quotes.
  auto list = synchronous_standby_names;
  const auto open = list.find('(');
  if (open != list.npos && list.substr(0, open).find('"') == list.npos) {
    list.remove_prefix(open + 1);
    list = list.substr(0, list.rfind(')'));
  }
  while (!list.empty()) {
    const auto name = next_name(list);
    if (name == "*" || (!name.empty() && equal_in_any_case(name, application_name))) return true;
  }
  return false;
}

}  // namespace pgkeep::server
