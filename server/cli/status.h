#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_status(const Invocation& invocation);

inline constexpr std::array kStatusPositionals{kAnyServers};
inline constexpr std::array kStatusExamples{
    Example{"status main", "the live server, its WAL stream and what is stored"},
    Example{"status all --json", "of the whole fleet, for a program"},
};
inline constexpr Command kStatus{
    .name = "status",
    .summary = "Show the state of servers",
    .details =
        "What the server says (version, position, slot), whether WAL is being received and how far behind it "
        "is, which WAL "
        "and backups are stored, and the last run that failed unless a later one of its kind succeeded. A "
        "server that cannot be reached is shown as "
        "such and "
        "does not make the command fail; `check` does that.",
    .positionals = kStatusPositionals,
    .examples = kStatusExamples,
    .run = run_status,
};

}  // namespace pgkeep::server
