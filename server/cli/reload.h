#pragma once

#include "server/cli/command.h"

namespace pgkeep::server {

Exit run_reload(const Invocation& invocation);

inline constexpr std::array kReloadExamples{
    Example{"reload", "after a change of the configuration; says what came of it"},
};
inline constexpr Command kReload{
    .name = "reload",
    .summary = "Make the daemon read its configuration again",
    .details =
        "Servers that were added are received from, those that were removed are not any more, "
        "changed ones are connected to again, and all others continue undisturbed. "
        "A configuration with a mistake is refused as a whole, and the one before it stays in force. "
        "SIGHUP does the same without an answer.",
    .examples = kReloadExamples,
    .call = call_of<run_reload>,
};

}  // namespace pgkeep::server
