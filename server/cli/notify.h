#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct NotifyArguments {
  bool test = false;
  std::vector<std::string> receivers;

  void declare(Syntax& syntax);
};

Exit run_notify(const NotifyArguments& arguments, const Invocation& invocation);

inline constexpr std::array kNotifyExamples{
    Example{"notify --test", "to everybody whom the configuration names"},
    Example{"notify --test webhook", "to one of them"},
};
inline constexpr Command kNotify{
    .name = "notify",
    .summary = "Say who is told of findings, and try it",
    .details =
        "`pgkeep serve` tells the receivers of `notify` in the configuration when a finding of `check` appears, becomes "
        "worse or better, or goes. This command lists them, with what became of the last message; with --test each gets "
        "one that says it is a test. Exit code 1 when one did not take it, 5 when some did.",
    .examples = kNotifyExamples,
    .call = call_of<run_notify>,
};

}  // namespace pgkeep::server
