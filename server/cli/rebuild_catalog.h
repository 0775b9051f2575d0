#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

Exit run_rebuild_catalog(const SomeServers& arguments, const Invocation& invocation);

inline constexpr std::array kRebuildCatalogExamples{
    Example{"rebuild-catalog main", "make the index again from the files"},
};
inline constexpr Command kRebuildCatalog{
    .name = "rebuild-catalog",
    .summary = "Make the index of a server again from the files",
    .details =
        "The files of the repository are the truth, the index (catalog.db) answers questions quickly. "
        "A missing or damaged index is made again by itself; this command is for making sure.",
    .examples = kRebuildCatalogExamples,
    .call = call_of<run_rebuild_catalog>,
};

}  // namespace pgkeep::server
