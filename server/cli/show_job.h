#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct ShowJobArguments : OneServer {
  std::string id;

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.positional("RUN", "the run, as `list-jobs --runs` names it, or the beginning of that", id);
  }
};

Exit run_show_job(const ShowJobArguments& arguments, const Invocation& invocation);

inline constexpr std::array kShowJobExamples{
    Example{"show-job main backup-20261120T020000Z-4711", "everything that is known about a run"},
};
inline constexpr Command kShowJob{
    .name = "show-job",
    .summary = "Show a run of a job or a command",
    .details =
        "What was done, when, how it ended, with its figures; and the whole message of one that failed.",
    .examples = kShowJobExamples,
    .call = call_of<run_show_job>,
};

}  // namespace pgkeep::server
