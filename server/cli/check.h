#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

Exit run_check(const AnyServers& arguments, const Invocation& invocation);

inline constexpr std::array kCheckExamples{
    Example{"check main", "everything that backups and recovery of a server depend on"},
    Example{"check all --json", "for a monitor"},
};
inline constexpr Command kCheck{
    .name = "check",
    .summary = "Check whether servers can be backed up and recovered",
    .details =
        "Prints one line a check: OK, ADVICE or FAILED, what was found, and what to do. "
        "Exit code 1 when a check of any server failed. "
        "The names of the checks stay the same between versions.",
    .examples = kCheckExamples,
    .call = call_of<run_check>,
};

}  // namespace pgkeep::server
