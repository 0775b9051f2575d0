#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct ListServersArguments {
  bool minimal = false;
  void declare(Syntax& syntax) { syntax.flag("--minimal", "names only, one a line", minimal); }
};

Exit run_list_servers(const ListServersArguments& arguments, const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kListServersAliases{"list-server"};
inline constexpr std::array kListServersExamples{
    Example{"list-servers", "the configured servers"},
};
inline constexpr Command kListServers{
    .name = "list-servers",
    .aliases = kListServersAliases,
    .summary = "List the configured servers",
    .details = "Reads the configuration only.",
    .examples = kListServersExamples,
    .call = call_of<run_list_servers>,
};

}  // namespace pgkeep::server
