#include "server/cli/command_line.h"

#include <algorithm>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "server/cli/commands.h"
#include "server/cli/words_of_others.h"
#include "server/config/config.h"
#include "server/config/suggestion.h"

namespace pgkeep::server {
namespace {

/// The place of the command's name: the first argument that is no option of the program nor the value of one.
std::optional<std::size_t> find_name(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "-c" || arguments[i] == "--config") {
      ++i;
    } else if (!arguments[i].starts_with('-')) {
      return i;
    }
  }
  return std::nullopt;
}

/// With `server add` and `server remove` as the one word that the command has.
std::vector<std::string> with_one_word(std::vector<std::string> arguments) {
  auto first = find_name(arguments);
  if (first && arguments[*first] == "help") ++*first;
  if (!first || *first + 1 >= arguments.size() || arguments[*first] != "server") return arguments;
  const auto& second = arguments[*first + 1];
  if (second != "add" && second != "remove") return arguments;
  arguments[*first] = second + "-server";
  arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(*first) + 1);
  return arguments;
}

bool given_before_end_of_options(const std::vector<std::string>& arguments, std::string_view name) {
  const auto end = std::ranges::find(arguments, "--");
  return std::find(arguments.begin(), end, name) != end;
}

std::vector<std::string_view> command_names() {
  std::vector<std::string_view> names{"help"};
  for (const auto& command : commands()) {
    if (command.hidden) continue;
    names.push_back(command.name);
    names.insert(names.end(), command.aliases.begin(), command.aliases.end());
  }
  return names;
}

const Command& require_command(const std::string& name) {
  if (const auto* command = find_command(name)) return *command;
  if (const auto answer = answer_to_command(name); !answer.empty())
    throw UsageError(fmt::format("there is no command '{}'; {}", name, answer));
  const auto hint = did_you_mean(name, command_names());
  throw UsageError(
      fmt::format("unknown command '{}'{}", name, hint.empty() ? "; `pgkeep help` lists them" : hint));
}

/// CLI11's parser for what one command and the program take. It is flat, not a subcommand of a parser for
/// all: what follows the command's name is then never taken for another command, though a server may be
/// called "status".
class Parser {
 public:
  /// `command`: its name, for messages; empty when there is none.
  Parser(std::string_view command, const Syntax& syntax) : command_(command) {
    app_.set_help_flag();
    app_.allow_extras();
    for (const auto& option : syntax.options()) add(option);
    for (const auto& positional : syntax.positionals()) add(positional);
  }

  void parse(std::vector<std::string> arguments) {
    std::ranges::reverse(arguments);  // as CLI11 wants them
    try {
      app_.parse(arguments);
    } catch (const CLI::ParseError& error) {
      fail(error.what());
    }
    refuse_unknown();
    refuse_missing();
    for (const auto& row : rows_)
      if (row.option->count() > 0) (*row.take)(row.option->results());
  }

 private:
  struct Row {
    std::string_view name;
    bool needed;
    const Take* take;  // borrowed from the syntax
    CLI::Option* option;
  };

  void add(const Option& option) {
    CLI::Option* added = nullptr;
    if (option.value.empty()) {
      added = app_.add_flag(std::string(option.names));
    } else {
      added = app_.add_option_function<std::vector<std::string>>(std::string(option.names), ignore);
      added->allow_extra_args(false);
      if (!option.repeatable) added->expected(1);
    }
    rows_.push_back({long_name(option.names), false, &option.take, added});
  }

  void add(const Positional& positional) {
    const bool many = positional.arity == Arity::one_or_more || positional.arity == Arity::any_number;
    const bool needed = positional.arity == Arity::one || positional.arity == Arity::one_or_more;
    auto* added = app_.add_option_function<std::vector<std::string>>(std::string(positional.name), ignore);
    if (!many) added->expected(1)->allow_extra_args(false);
    rows_.push_back({positional.name, needed, &positional.take, added});
  }

  void refuse_unknown() const {
    auto unknown = app_.remaining();
    // CLI11 takes everything after the first "--" for positionals, and leaves that itself over.
    const auto end = std::ranges::find(unknown, "--");
    const bool after_options = end == unknown.begin() && end != unknown.end();
    if (end != unknown.end()) unknown.erase(end);
    if (unknown.empty()) return;
    const auto& first = unknown.front();
    if (after_options || !first.starts_with('-')) fail(fmt::format("unexpected argument '{}'", first));
    const auto name = first.substr(0, first.find('='));
    if (const auto answer = answer_to_option(command_, name); !answer.empty())
      fail(fmt::format("there is no option {}; {}", name, answer));
    std::vector<std::string_view> known;
    for (const auto& row : rows_)
      if (row.name.starts_with('-')) known.push_back(row.name);
    fail(fmt::format("unknown option {}{}", first, did_you_mean(name, known)));
  }

  void refuse_missing() const {
    for (const auto& row : rows_)
      if (row.needed && row.option->count() == 0) fail(fmt::format("{} is missing", row.name));
  }

  [[noreturn]] void fail(std::string_view message) const {
    if (command_.empty()) throw UsageError(fmt::format("{}; see `pgkeep help`", message));
    throw UsageError(fmt::format("{}: {}; see `pgkeep help {}`", command_, message, command_));
  }

  static void ignore(const std::vector<std::string>& /*values*/) {
  }  // they are taken from the options afterwards

  std::string_view command_;
  CLI::App app_;
  std::vector<Row> rows_;
};

CommandLine help_for(const std::vector<std::string>& arguments, std::size_t name) {
  CommandLine line;
  line.help = true;
  const auto topic = std::find_if(arguments.begin() + static_cast<std::ptrdiff_t>(name) + 1, arguments.end(),
                                  [](const std::string& argument) { return !argument.starts_with('-'); });
  if (topic != arguments.end()) line.command = &require_command(*topic);
  return line;
}

void apply(const GlobalArguments& globals, CommandLine& line) {
  if (globals.quiet && globals.verbose) throw UsageError("--quiet and --verbose exclude each other");
  line.config_file = globals.config_file;
  line.color = globals.color;
  if (globals.json) line.format = Output::Format::json;
  if (globals.quiet) line.talk = Output::Talk::quiet;
  if (globals.verbose) line.talk = Output::Talk::verbose;
}

}  // namespace

FirstLook look_at(const std::vector<std::string>& given) {
  const auto arguments = with_one_word(given);
  FirstLook look;
  if (const auto name = find_name(arguments)) look.command = find_command(arguments[*name]);
  if (given_before_end_of_options(arguments, "--json")) look.format = Output::Format::json;
  return look;
}

void read_arguments(std::string_view command, std::vector<std::string> arguments, const Syntax& syntax) {
  Parser(command, syntax).parse(std::move(arguments));
}

CommandLine parse_command_line(const std::vector<std::string>& given) {
  const auto arguments = with_one_word(given);
  const auto name = find_name(arguments);
  if (name && arguments[*name] == "help") return help_for(arguments, *name);
  CommandLine line;
  if (name) line.command = &require_command(arguments[*name]);
  line.help =
      given_before_end_of_options(arguments, "--help") || given_before_end_of_options(arguments, "-h");
  line.version = !name && given_before_end_of_options(arguments, "--version");
  if (line.help) return line;
  auto rest = arguments;
  if (name) rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(*name));
  auto call = line.command ? line.command->call() : Call();
  GlobalArguments globals;
  globals.declare(call.syntax);
  read_arguments(line.command ? line.command->name : "", std::move(rest), call.syntax);
  apply(globals, line);
  line.run = std::move(call.run);
  if (!name && !line.version) throw UsageError("no command; `pgkeep help` lists them");
  return line;
}

}  // namespace pgkeep::server
