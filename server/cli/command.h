#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stop_token>
#include <string_view>

#include "catalog/io/error.h"
#include "server/cli/arguments.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What a command gets to work with.
struct Invocation {
  const Arguments& arguments;
  std::filesystem::path config_file;
  Output& out;
  std::stop_token stop;  // SIGINT, SIGTERM
};

enum class Arity : std::uint8_t { one, optional, one_or_more, any_number };

/// An argument without a dash.
struct Positional {
  std::string_view name;
  std::string_view help;
  Arity arity = Arity::one;
};

struct Option {
  std::string_view names;  // "-j,--jobs"; the last is the one it is looked up by
  std::string_view value;  // what stands for the value; empty: a flag
  std::string_view help;
  bool repeatable = false;
};

struct Example {
  std::string_view line;  // without "pgkeep "
  std::string_view what;
};

/// One command: the parser, the help and docs/commands.md are made from it.
struct Command {
  std::string_view name;
  std::span<const std::string_view> aliases = {};
  std::string_view summary = {};  // a sentence without its full stop
  std::string_view details = {};  // paragraphs, Markdown
  std::span<const Positional> positionals = {};
  std::span<const Option> options = {};
  std::span<const Example> examples = {};
  /// Returns Exit::ok, or another code when it has said itself what is wrong; throws Error for all else.
  Exit (*run)(const Invocation& invocation) = nullptr;
  /// Called by PostgreSQL: its exit codes are read as restore_command's are (see kCannotTell), signals end it
  /// at once.
  bool for_postgres = false;
  bool hidden = false;
};

/// The exit code of a for_postgres command that could not tell: above 125, which makes PostgreSQL stop the
/// recovery instead of taking the failure for the end of the archive.
inline constexpr int kCannotTell = 200;

/// "--jobs" of "-j,--jobs".
constexpr std::string_view long_name(const Option& option) {
  const auto comma = option.names.rfind(',');
  return comma == std::string_view::npos ? option.names : option.names.substr(comma + 1);
}

}  // namespace pgkeep::server
