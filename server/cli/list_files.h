#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

Exit run_list_files(const OneBackup& arguments, const Invocation& invocation);

inline constexpr std::array kListFilesExamples{
    Example{"list-files main latest", "mode, size, time of the last change, path"},
};
inline constexpr Command kListFiles{
    .name = "list-files",
    .summary = "List the files of a base backup",
    .details =
        "Paths are relative to the data directory; tablespaces are under pg_tblspc. "
        "They are in the order in which the server sent them.",
    .examples = kListFilesExamples,
    .call = call_of<run_list_files>,
};

}  // namespace pgkeep::server
