#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct SwitchWalArguments : SomeServers {
  bool force = false;
  bool archive = false;
  std::chrono::seconds archive_timeout{30};

  void declare(Syntax& syntax) {
    constexpr std::uint64_t kLongestTimeout = 86400;
    SomeServers::declare(syntax);
    syntax.flag("--force",
                "take a checkpoint first, so that there is something to switch even on an idle server",
                force);
    syntax.flag("--archive", "wait until the closed segment is in the archive", archive);
    syntax.number("--archive-timeout", "SECONDS", "how long to wait; default 30", archive_timeout, 1,
                  kLongestTimeout);
  }
};

Exit run_switch_wal(const SwitchWalArguments& arguments, const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kSwitchWalAliases{"switch-xlog"};
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
    .examples = kSwitchWalExamples,
    .call = call_of<run_switch_wal>,
};

}  // namespace pgkeep::server
