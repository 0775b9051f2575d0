#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct CompleteArguments {
  std::vector<std::string> words;
  void declare(Syntax& syntax) {
    syntax.any_number("WORD", "after `--`: the words of the line, the last of them being typed", words);
  }
};

/// For the scripts of `completion`: a line for each word that fits, with a tab and what it is, and a line ":"
/// where names of files fit. It says nothing of what is wrong, and takes no longer than a second.
Exit run_complete(const CompleteArguments& arguments, const Invocation& invocation);

inline constexpr Command kComplete{
    .name = "complete",
    .summary = "Complete a command line, for a shell",
    .call = call_of<run_complete>,
    .hidden = true,
};

}  // namespace pgkeep::server
