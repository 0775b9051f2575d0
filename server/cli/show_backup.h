#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_show_backup(const Invocation& invocation);

inline constexpr std::array kShowBackupPositionals{kOneServer, kOneBackup};
inline constexpr std::array kShowBackupExamples{
    Example{"show-backup main latest", "everything that is known about a backup"},
};
inline constexpr Command kShowBackup{
    .name = "show-backup",
    .summary = "Show a base backup",
    .details =
        "Its record: times, WAL it needs and whether all of it is stored, size and cost, tablespaces, "
        "and what the server said while it was taken.",
    .positionals = kShowBackupPositionals,
    .examples = kShowBackupExamples,
    .run = run_show_backup,
};

}  // namespace pgkeep::server
