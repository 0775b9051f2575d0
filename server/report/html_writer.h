#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace pgkeep::server {

/// Writes HTML and inline SVG. Whatever comes from outside is a text or the value of an attribute, and both
/// are escaped always; names of elements and attributes are the program's own.
class HtmlWriter {
 public:
  struct Attribute {
    std::string_view name;
    std::string value;
  };
  using Attributes = std::initializer_list<Attribute>;

  /// An element that is written to: it ends with this object, which borrows the writer.
  class Inside {
   public:
    Inside(HtmlWriter& html, std::string_view name) : html_(&html), name_(name) {}
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { html_->end(name_); }

   private:
    HtmlWriter* html_;
    std::string_view name_;
  };
  [[nodiscard]] Inside in(std::string_view name, Attributes attributes = {});

  /// One with nothing but text in it.
  void element(std::string_view name, std::string_view text, Attributes attributes = {});
  /// One without content, as <meta> or <path/>.
  void single(std::string_view name, Attributes attributes);
  void text(std::string_view text);
  /// What stands in grave accents, as commands in hints do, becomes <code>.
  void text_with_code(std::string_view text);
  /// As it is: for what the program wrote itself, the style.
  void own(std::string_view html) { html_ += html; }

  std::string take() { return std::move(html_); }

 private:
  void begin(std::string_view name, Attributes attributes);
  void end(std::string_view name);

  std::string html_;
};

/// `text` for HTML: its special characters are escaped. Control characters, what is no UTF-8, and characters
/// that change the direction of what follows, become U+FFFD; line breaks and tabs stay.
std::string escaped(std::string_view text);

}  // namespace pgkeep::server
