#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_list_backups(const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kListBackupsAliases{"list-backup"};
inline constexpr std::array kListBackupsPositionals{kAnyServers};
inline constexpr std::array kListBackupsOptions{
    Option{"--minimal", "", "ids only, one a line"},
};
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
        "and what the WAL from it to the next backup takes.\n\n"
        "A backup that is being taken is shown as STARTED while files come, "
        "and as WAITING_FOR_WALS when only WAL is missing; it can be recovered once it is DONE.",
    .positionals = kListBackupsPositionals,
    .options = kListBackupsOptions,
    .examples = kListBackupsExamples,
    .run = run_list_backups,
};

}  // namespace pgkeep::server
