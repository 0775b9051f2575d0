#pragma once

#include "server/cli/arguments.h"
#include "server/fleet/fleet.h"
#include "server/schedule/job_plan.h"

namespace pgkeep::server {

/// Does one job of a server as its schedule would, beside the terminal's progress, and puts what came of it
/// into `data`.
Exit do_job(const Fleet& fleet, const ServerConfig& server, JobKind kind, const Invocation& invocation,
            Json& data);

struct RunJobArguments : OneServer {
  std::string job;

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.positional("JOB", "`backup`, `expire` or `verify`", job);
  }
};

Exit run_run_job(const RunJobArguments& arguments, const Invocation& invocation);

inline constexpr std::array kRunJobExamples{
    Example{"run-job main expire", "now, and not when the schedule says"},
};
inline constexpr Command kRunJob{
    .name = "run-job",
    .summary = "Do a job of a schedule now",
    .details =
        "As the schedule would do it, whether it is due or not, and in any window. It counts as the run of the schedule: "
        "the next one is due as after any other. A server needs no schedule for it.",
    .examples = kRunJobExamples,
    .call = call_of<run_run_job>,
};

}  // namespace pgkeep::server
