#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string_view>

#include "catalog/io/error.h"
#include "server/cli/syntax.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What a command gets to work with, besides its arguments.
struct Invocation {
  std::filesystem::path config_file;
  Output& out;
  std::stop_token stop;  // SIGINT, SIGTERM
};

/// Arguments that wait to be filled, and the command that runs with them.
struct Call {
  Syntax syntax;
  std::function<Exit(const Invocation&)> run;
};

/// The call of a command whose function takes a struct of its own, which declares its fields to a Syntax.
template <typename Arguments>
Call make_call(Exit (*run)(const Arguments&, const Invocation&)) {
  const auto arguments = std::make_shared<Arguments>();
  Call call{.syntax = {}, .run = [=](const Invocation& invocation) { return run(*arguments, invocation); }};
  arguments->declare(call.syntax);
  return call;
}
inline Call make_call(Exit (*run)(const Invocation&)) {
  return {.syntax = {}, .run = run};
}
template <auto run>
Call call_of() {
  return make_call(run);
}

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
  std::span<const Example> examples = {};
  /// Its function returns Exit::ok, or another code when it has said itself what is wrong; throws Error for
  /// all else.
  Call (*call)() = nullptr;
  /// Called by PostgreSQL: its exit codes are read as restore_command's are (see kCannotTell), signals end it
  /// at once.
  bool for_postgres = false;
  bool hidden = false;
};

/// The exit code of a for_postgres command that could not tell: above 125, which makes PostgreSQL stop the
/// recovery instead of taking the failure for the end of the archive.
inline constexpr int kCannotTell = 200;

}  // namespace pgkeep::server
