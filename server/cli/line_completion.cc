#include "server/cli/line_completion.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "server/cli/command_words.h"
#include "server/cli/commands.h"

namespace pgkeep::server {
namespace {

/// The words before the one that is being typed, understood as far as they can be.
class Line {
 public:
  explicit Line(const KnownNames& known) : known_(known), options_(global_syntax().options()) {}

  void take(const std::string& word) {
    if (pending_) {
      give(*pending_, word);
      pending_ = nullptr;
    } else if (!options_ended_ && word == "--") {
      options_ended_ = true;
    } else if (is_option(word)) {
      take_option(word);
    } else if (!named_) {
      take_command(word);
    } else {
      arguments_.push_back(word);
    }
  }

  Completions complete(const std::string& last) const {
    auto found = candidates(last);
    std::erase_if(found.words, [&](const auto& candidate) { return !candidate.word.starts_with(last); });
    return found;
  }

 private:
  bool is_option(std::string_view word) const { return !options_ended_ && word.starts_with('-'); }

  const Option* find_option(std::string_view name) const {
    const auto found = std::ranges::find_if(options_, [&](const Option& option) {
      return long_name(option.names) == name || option.names.substr(0, option.names.find(',')) == name;
    });
    return found == options_.end() ? nullptr : &*found;
  }

  void take_option(const std::string& word) {
    const auto equals = word.find('=');
    const auto* option = find_option(word.substr(0, equals));
    if (!option) return;
    given_.push_back(option->names);
    if (option->value.empty()) return;
    if (equals == word.npos)
      pending_ = option;
    else
      give(*option, word.substr(equals + 1));
  }

  void give(const Option& option, const std::string& value) {
    if (long_name(option.names) == "--config") config_file_ = value;
  }

  void take_command(const std::string& word) {
    named_ = true;
    asks_for_help_ = word == "help";
    const auto* command = find_command(word);
    if (!command) return;
    const auto syntax = command->call().syntax;  // of its rows only words are read
    positionals_ = syntax.positionals();
    options_.insert(options_.begin(), syntax.options().begin(), syntax.options().end());
  }

  Completions candidates(const std::string& last) const {
    if (pending_) return values_of(*pending_, "");
    if (is_option(last)) return options_for(last);
    if (!named_ || (asks_for_help_ && arguments_.empty())) return command_names();
    return argument_values();
  }

  static Completions command_names() {
    Completions found;
    for (const auto& command : commands())
      if (!command.hidden) found.words.push_back({std::string(command.name), std::string(command.summary)});
    found.words.push_back({"help", "Explain a command"});
    return found;
  }

  Completions options_for(const std::string& last) const {
    if (const auto equals = last.find('='); equals != last.npos) {
      const auto* option = find_option(last.substr(0, equals));
      return option ? values_of(*option, last.substr(0, equals + 1)) : Completions();
    }
    Completions found;
    for (const auto& option : options_)
      if (option.repeatable || std::ranges::find(given_, option.names) == given_.end())
        found.words.push_back({std::string(long_name(option.names)), std::string(option.help)});
    return found;
  }

  static bool means_a_file(std::string_view value) {
    return value == "FILE" || value == "DIR" || value == "DEST";
  }

  /// "fast" and "spread" of "fast|spread"; of "N|current|latest" the two that are to be written so.
  static std::vector<std::string_view> words_in(std::string_view value) {
    std::vector<std::string_view> words;
    if (value.find('|') == value.npos) return words;
    while (!value.empty()) {
      const auto word = value.substr(0, value.find('|'));
      value.remove_prefix(std::min(value.size(), word.size() + 1));
      if (word != "N") words.push_back(word);
    }
    return words;
  }

  static Completions values_of(const Option& option, const std::string& before) {
    Completions found;
    for (const auto word : words_in(option.value)) found.words.push_back({before + std::string(word), ""});
    found.files = means_a_file(option.value);
    return found;
  }

  Completions argument_values() const {
    if (positionals_.empty()) return {};
    const auto takes_more =
        positionals_.back().arity == Arity::one_or_more || positionals_.back().arity == Arity::any_number;
    const auto place = std::min(arguments_.size(), positionals_.size() - 1);
    if (arguments_.size() > place && !takes_more) return {};
    const auto& positional = positionals_[place];
    const bool many = takes_more && place + 1 == positionals_.size();
    if (positional.name == "SERVER") return servers(many);
    if (positional.name == "BACKUP") return backups();
    Completions found;
    found.files = means_a_file(positional.name);
    if (positional.name == "JOB")
      for (const auto* job : {"backup", "expire", "verify"}) found.words.push_back({job, ""});
    return found;
  }

  Completions servers(bool many) const {
    Completions found;
    for (auto& name : known_.servers(config_file_)) found.words.push_back({std::move(name), ""});
    if (many) found.words.push_back({"all", "every server in service"});
    without_given(found);
    return found;
  }

  Completions backups() const {
    Completions found{.words = {{"latest", "the newest"}, {"oldest", ""}}};
    if (!arguments_.empty())
      for (auto& name : known_.backups(config_file_, arguments_.front()))
        found.words.push_back({std::move(name), ""});
    without_given(found);
    return found;
  }

  void without_given(Completions& found) const {
    std::erase_if(found.words, [&](const auto& candidate) {
      return std::ranges::find(arguments_, candidate.word) != arguments_.end();
    });
  }

  const KnownNames& known_;
  std::string config_file_ = kDefaultConfigFile;
  std::vector<Option> options_;
  std::vector<Positional> positionals_;
  bool named_ = false;  // a command, or help
  bool asks_for_help_ = false;
  bool options_ended_ = false;
  const Option* pending_ = nullptr;  // waits for its value; into options_
  std::vector<std::string_view> given_;
  std::vector<std::string> arguments_;
};

}  // namespace

Completions complete_line(const std::vector<std::string>& words, const KnownNames& known) {
  if (words.empty()) return {};
  Line line(known);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) line.take(words[i]);
  return line.complete(words.back());
}

}  // namespace pgkeep::server
