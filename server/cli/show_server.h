#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

Exit run_show_server(const AnyServers& arguments, const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kShowServerAliases{"show-servers"};
inline constexpr std::array kShowServerExamples{
    Example{"show-server main", "what the configuration comes to, and which cluster is kept"},
};
inline constexpr Command kShowServer{
    .name = "show-server",
    .aliases = kShowServerAliases,
    .summary = "Show a server's configuration, identity and stream",
    .details =
        "Every key with its value in force, defaults included, "
        "the cluster that the repository holds for the server, "
        "how its WAL stream stands as the daemon or the receiver said last, "
        "what its packs are there for, and how full the disk is and when it will be. Does not connect; "
        "for the server's own view there is `status SERVER`.",
    .examples = kShowServerExamples,
    .call = call_of<run_show_server>,
};

}  // namespace pgkeep::server
