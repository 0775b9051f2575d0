#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct ListBackupsArguments : AnyServers {
  bool minimal = false;

  void declare(Syntax& syntax) {
    AnyServers::declare(syntax);
    syntax.flag("--minimal", "ids only, one a line", minimal);
  }
};

Exit run_list_backups(const ListBackupsArguments& arguments, const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kListBackupsAliases{"list-backup"};
inline constexpr std::array kListBackupsExamples{
    Example{"list-backups main", "oldest first"},
    Example{"list-backups all --json", "of the whole fleet, for a program"},
};
inline constexpr Command kListBackups{
    .name = "list-backups",
    .aliases = kListBackupsAliases,
    .summary = "List base backups",
    .details =
        "For each backup: when it ended, the size of the cluster, "
        "what the backup added to the repository (stored), "
        "what deleting it now, and nothing else, would free, "
        "and what the WAL from it to the next backup takes.\n\n"
        "A backup that is being taken is shown as STARTED while files come, "
        "and as WAITING_FOR_WALS when only WAL is missing; it can be recovered once it is DONE.",
    .examples = kListBackupsExamples,
    .call = call_of<run_list_backups>,
};

}  // namespace pgkeep::server
