#include "server/terminal/wrapped_text.h"

#include <algorithm>

namespace pgkeep::server {

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

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

std::string wrapped(std::string first, std::size_t indent, std::string_view text, std::size_t width) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::string result;
  std::string line = std::move(first);
  bool empty = true;
  for (auto begin = text.find_first_not_of(kSpace); begin != text.npos;
       begin = text.find_first_not_of(kSpace)) {
    text.remove_prefix(begin);
    const auto word = text.substr(0, text.find_first_of(kSpace));
    text.remove_prefix(word.size());
    if (!empty && width_of(line) + 1 + width_of(word) > width) {
      result += line + "\n";
      line = std::string(indent, ' ');
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return result + line + "\n";
}

}  // namespace pgkeep::server
