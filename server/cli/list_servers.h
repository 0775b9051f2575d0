#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_list_servers(const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kListServersAliases{"list-server"};
inline constexpr std::array kListServersOptions{
    Option{"--minimal", "", "names only, one a line"},
};
inline constexpr std::array kListServersExamples{
    Example{"list-servers", "the configured servers"},
};
inline constexpr Command kListServers{
    .name = "list-servers",
    .aliases = kListServersAliases,
    .summary = "List the configured servers",
    .details = "Reads the configuration only.",
    .options = kListServersOptions,
    .examples = kListServersExamples,
    .run = run_list_servers,
};

}  // namespace pgkeep::server
