#pragma once

#include <chrono>

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct CheckArguments : AnyServers {
  bool problems = false;
  bool nagios = false;
  std::vector<std::string> only;
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
  unsigned parallel = 64;  // servers; most of the time they are waited for

  void declare(Syntax& syntax);
};

Exit run_check(const CheckArguments& arguments, const Invocation& invocation);

inline constexpr std::array kCheckExamples{
    Example{"check main", "everything that backups and recovery of a server depend on"},
    Example{"check all --problems", "what needs somebody"},
    Example{"check all --nagios", "for a monitor of the Nagios family"},
    Example{"check main --only wal_continuous --only wal_lag", "these two"},
    Example{"check all --json", "for any other monitor"},
};
inline constexpr Command kCheck{
    .name = "check",
    .summary = "Check whether servers can be backed up and recovered",
    .details =
        "Prints one line a check: OK, ADVICE or FAILED, what was found, and what to do; then how many servers are "
        "well. Exit code 1 when a check of any server failed. "
        "The names of the checks, as --only and --json have them, stay the same between versions.\n\n"
        "Servers are asked many at once, until the time of --timeout is over; what is stored of one that does not "
        "answer is checked all the same.\n\n"
        "With --nagios, what the plugins of Nagios, Icinga and others print: one line with the verdict and performance "
        "data (age of the latest backup in seconds, bytes of WAL not yet received, bytes free for the repository), a "
        "line for each problem, and the exit codes 0 OK, 1 WARNING (a check warns), 2 CRITICAL (one failed) and 3 "
        "UNKNOWN (the check itself could not be made).",
    .examples = kCheckExamples,
    .call = call_of<run_check>,
};

}  // namespace pgkeep::server
