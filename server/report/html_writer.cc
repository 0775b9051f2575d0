#include "server/report/html_writer.h"

#include <algorithm>
#include <array>

#include "catalog/io/shown_text.h"

namespace pgkeep::server {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// U+0080 to U+009F, and the marks that override or isolate the direction of text.
bool is_unwanted(std::string_view character) {
  if (character.size() == 1) {
    const auto c = static_cast<unsigned char>(character.front());
    return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  }
  if (character.size() == 2 && character.front() == '\xc2') return character[1] < '\xa0';
  constexpr std::array<std::string_view, 9> kDirections{"\u202a", "\u202b", "\u202c", "\u202d", "\u202e",
                                                        "\u2066", "\u2067", "\u2068", "\u2069"};
  return std::ranges::find(kDirections, character) != kDirections.end();
}

std::string_view escape_of(std::string_view character) {
  switch (character.front()) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return character;
  }
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto length = io::utf8_length(text);
    const auto character = text.substr(0, std::max<std::size_t>(length, 1));
    result += length == 0 || is_unwanted(character) ? kReplacement : escape_of(character);
    text.remove_prefix(character.size());
  }
  return result;
}

void HtmlWriter::begin(std::string_view name, Attributes attributes) {
  html_ += '<';
  html_ += name;
  for (const auto& [key, value] : attributes) {
    html_ += ' ';
    html_ += key;
    html_ += "=\"";
    html_ += escaped(value);
    html_ += '"';
  }
}

void HtmlWriter::end(std::string_view name) {
  html_ += "</";
  html_ += name;
  html_ += '>';
}

HtmlWriter::Inside HtmlWriter::in(std::string_view name, Attributes attributes) {
  begin(name, attributes);
  html_ += '>';
  return {*this, name};
}

void HtmlWriter::element(std::string_view name, std::string_view text, Attributes attributes) {
  const auto inside = in(name, attributes);
  this->text(text);
}

void HtmlWriter::single(std::string_view name, Attributes attributes) {
  begin(name, attributes);
  html_ += "/>";
}

void HtmlWriter::text(std::string_view text) {
  html_ += escaped(text);
}

void HtmlWriter::text_with_code(std::string_view text) {
  for (auto begin = text.find('`'); begin != text.npos; begin = text.find('`')) {
    const auto end = text.find('`', begin + 1);
    if (end == text.npos) break;
    this->text(text.substr(0, begin));
    element("code", text.substr(begin + 1, end - begin - 1));
    text.remove_prefix(end + 1);
  }
  this->text(text);
}

}  // namespace pgkeep::server
