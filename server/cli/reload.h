#pragma once

#include "catalog/store/repository.h"
#include "server/cli/command.h"

namespace pgkeep::server {

/// Makes the daemon read its configuration again and says what came of it; the same as JSON. Throws as
/// reload_daemon() does.
Json reload_and_report(const store::Repository& repository, Output& out);

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
