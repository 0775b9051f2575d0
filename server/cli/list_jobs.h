#pragma once

#include <cstdint>

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct ListJobsArguments : AnyServers {
  std::uint64_t runs = 0;

  void declare(Syntax& syntax) {
    AnyServers::declare(syntax);
    syntax.number("--runs", "N", "the newest N runs of each server instead, of jobs and of commands", runs, 1,
                  1'000'000);
  }
};

Exit run_list_jobs(const ListJobsArguments& arguments, const Invocation& invocation);

inline constexpr std::array kListJobsExamples{
    Example{"list-jobs", "the jobs of all servers: how they ended last, and when they run next"},
    Example{"list-jobs main --runs 20", "what was done for a server, and how it ended"},
};
inline constexpr Command kListJobs{
    .name = "list-jobs",
    .summary = "List what is scheduled for servers, and what was done",
    .details =
        "For each job that the `schedule` of a server has: when the last run began, how it ended, and when "
        "the next one begins. What is late says so, with the reason if one is known. Reads the configuration and the "
        "journals of runs, and so tells the same whether `serve` runs or not.\n\n"
        "With --runs, all runs that are recorded, the newest first: those of the schedule, and those of commands.",
    .examples = kListJobsExamples,
    .call = call_of<run_list_jobs>,
};

}  // namespace pgkeep::server
