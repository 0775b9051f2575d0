#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

Exit run_show_backup(const OneBackup& arguments, const Invocation& invocation);

inline constexpr std::array kShowBackupExamples{
    Example{"show-backup main latest", "everything that is known about a backup"},
};
inline constexpr Command kShowBackup{
    .name = "show-backup",
    .summary = "Show a base backup",
    .details =
        "What was decided of it (a name, a note, that it is kept or goes, damage that was found), and its record: times, WAL it needs and whether all of it is stored, size and cost, tablespaces, "
        "and what the server said while it was taken.",
    .examples = kShowBackupExamples,
    .call = call_of<run_show_backup>,
};

}  // namespace pgkeep::server
