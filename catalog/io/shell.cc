#include "catalog/io/shell.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::io {
namespace {

bool is_harmless(char c) {
  constexpr std::string_view kMarks = "_-./:@%+=,";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kMarks.find(c) != kMarks.npos;
}

/// A backslash in double quotes is one only before these.
bool is_escapable_in_quotes(char c) {
  return c == '"' || c == '\\' || c == '$' || c == '`';
}

}  // namespace

std::string shell_quote(std::string_view text) {
  // A word with '=' at the front of a line would be an assignment, so that character alone is not trusted
  // there.
  if (!text.empty() && std::ranges::all_of(text, is_harmless) && text.find('=') == text.npos)
    return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "'";
}

std::vector<std::string> split_command(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    const bool more = i + 1 < command.size();
    if (quote == '\'') {
      if (c == quote) {
        quote = 0;
      } else {
        word.push_back(c);
      }
    } else if (c == '\\' && more && (quote == 0 || is_escapable_in_quotes(command[i + 1]))) {
      word.push_back(command[++i]);
      in_word = true;
    } else if (c == quote && quote != 0) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      in_word = true;
    } else if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word.push_back(c);
      in_word = true;
    }
  }
  if (quote != 0) throw UsageError(fmt::format("{}: a quote is not closed", command));
  if (in_word) words.push_back(std::move(word));
  if (words.empty()) throw UsageError("the SSH command is empty; write it as 'ssh user@host'");
  return words;
}

}  // namespace pgkeep::io
