#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct CompletionArguments {
  std::string shell;
  void declare(Syntax& syntax) { syntax.positional("SHELL", "`bash` or `zsh`", shell); }
};

/// Throws UsageError for another shell.
Exit run_completion(const CompletionArguments& arguments, const Invocation& invocation);

inline constexpr std::array kCompletionExamples{
    Example{"completion bash > ~/.local/share/bash-completion/completions/pgkeep", "for one user of bash"},
    Example{"completion zsh > ~/.zfunc/_pgkeep", "for one of zsh, in a folder of its fpath"},
};
inline constexpr Command kCompletion{
    .name = "completion",
    .summary = "Print what makes a shell complete pgkeep's command lines",
    .details =
        "The shell then completes commands, options, the words that an option takes, servers, and the backups of the "
        "server that is on the line. Servers and backups are known to those who may read the configuration and the "
        "repository. No server is asked, and nothing takes longer than a second. The Debian package has installed "
        "both.",
    .examples = kCompletionExamples,
    .call = call_of<run_completion>,
};

}  // namespace pgkeep::server
