#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_switch_wal(const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kSwitchWalAliases{"switch-xlog"};
inline constexpr std::array kSwitchWalPositionals{kSomeServers};
inline constexpr std::array kSwitchWalOptions{
    Option{"--force", "",
           "take a checkpoint first, so that there is something to switch even on an idle server"},
    Option{"--archive", "", "wait until the closed segment is in the archive"},
    Option{"--archive-timeout", "SECONDS", "how long to wait; default 30"},
};
inline constexpr std::array kSwitchWalExamples{
    Example{"switch-wal main --archive", "close the segment in use, and wait for it"},
};
inline constexpr Command kSwitchWal{
    .name = "switch-wal",
    .aliases = kSwitchWalAliases,
    .summary = "Make a server close its WAL segment",
    .details =
        "Calls pg_switch_wal() and prints the name of the segment that was closed. "
        "With streaming nothing depends on it: what the server has written is received within moments, "
        "segment or not. The role needs EXECUTE on pg_switch_wal() (and pg_checkpoint for --force).",
    .positionals = kSwitchWalPositionals,
    .options = kSwitchWalOptions,
    .examples = kSwitchWalExamples,
    .run = run_switch_wal,
};

}  // namespace pgkeep::server
