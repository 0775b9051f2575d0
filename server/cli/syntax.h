#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pgkeep::server {

enum class Arity : std::uint8_t { one, optional, one_or_more, any_number };

/// Puts what was given into the field that belongs to it. Throws UsageError for what does not fit there.
using Take = std::function<void(const std::vector<std::string>&)>;

/// An argument without a dash.
struct Positional {
  std::string_view name;
  std::string_view help;
  Arity arity;
  Take take;
};

struct Option {
  std::string_view names;  // "-j,--jobs"; the last is the one that messages use
  std::string_view value;  // what stands for the value; empty: a flag
  std::string_view help;
  bool repeatable;
  Take take;
};

/// "--jobs" of "-j,--jobs".
std::string_view long_name(std::string_view names);

/// The number in `text`. Throws UsageError, naming the option and the range.
std::uint64_t parse_number(std::string_view names, const std::string& text, std::uint64_t least,
                           std::uint64_t most);
[[noreturn]] void refuse_word(std::string_view names, const std::string& text,
                              const std::vector<std::string_view>& words);

/// What a command takes, each argument and option bound to a field of the command's own struct: the parser
/// fills the fields, help and docs/commands.md are made of the same rows. Borrows the fields, which keep
/// their value when nothing is given.
class Syntax {
 public:
  /// One that must be given; with a field that is optional, one that may be.
  template <typename Field>
  requires std::is_assignable_v<Field&, std::string>
  void positional(std::string_view name, std::string_view help, Field& field) {
    const bool may_miss = std::is_assignable_v<Field&, std::nullopt_t>;
    positionals_.push_back({name, help, may_miss ? Arity::optional : Arity::one,
                            [&field](const auto& texts) { field = texts.back(); }});
  }
  void any_number(std::string_view name, std::string_view help, std::vector<std::string>& field) {
    positionals_.push_back({name, help, Arity::any_number, [&field](const auto& texts) { field = texts; }});
  }
  void one_or_more(std::string_view name, std::string_view help, std::vector<std::string>& field) {
    positionals_.push_back({name, help, Arity::one_or_more, [&field](const auto& texts) { field = texts; }});
  }

  void flag(std::string_view names, std::string_view help, bool& field) {
    options_.push_back({names, "", help, false, [&field](const auto&) { field = true; }});
  }
  template <typename Field>
  requires std::is_assignable_v<Field&, std::string>
  void option(std::string_view names, std::string_view value, std::string_view help, Field& field) {
    options_.push_back({names, value, help, false, [&field](const auto& texts) { field = texts.back(); }});
  }
  /// `parse` makes the field's value of the text, or throws UsageError naming the option.
  template <typename Field, typename Parse>
  void option(std::string_view names, std::string_view value, std::string_view help, Field& field,
              Parse parse) {
    options_.push_back(
        {names, value, help, false, [&field, parse](const auto& texts) { field = parse(texts.back()); }});
  }
  template <typename Value, typename Parse>
  void repeatable(std::string_view names, std::string_view value, std::string_view help,
                  std::vector<Value>& field, Parse parse) {
    options_.push_back({names, value, help, true, [&field, parse](const auto& texts) {
                          for (const auto& text : texts) field.push_back(parse(text));
                        }});
  }
  template <typename Field>
  void number(std::string_view names, std::string_view value, std::string_view help, Field& field,
              std::uint64_t least, std::uint64_t most) {
    option(names, value, help, field, [=](const std::string& text) {
      return static_cast<Field>(parse_number(names, text, least, most));
    });
  }
  template <typename Field>
  void choice(std::string_view names, std::string_view value, std::string_view help, Field& field,
              const std::vector<std::pair<std::string_view, Field>>& choices) {
    option(names, value, help, field, [=](const std::string& text) {
      std::vector<std::string_view> words;
      for (const auto& [word, meaning] : choices) {
        if (word == text) return meaning;
        words.push_back(word);
      }
      refuse_word(names, text, words);
    });
  }

  const std::vector<Positional>& positionals() const { return positionals_; }
  const std::vector<Option>& options() const { return options_; }

 private:
  std::vector<Positional> positionals_;
  std::vector<Option> options_;
};

}  // namespace pgkeep::server
