#pragma once

#include "catalog/store/compaction.h"
#include "server/cli/arguments.h"
#include "server/config/config.h"

namespace pgkeep::server {

struct CompactArguments : SomeServers {
  bool dry_run = false;

  void declare(Syntax& syntax) {
    SomeServers::declare(syntax);
    syntax.flag("--dry-run", "only say what is alive and dead, and what would be written again", dry_run);
  }
};

using Compact = store::CompactionResult (*)(const ServerConfig&, const store::ServerLayout&,
                                            io::ProgressObserver&, const std::stop_token&);
/// Compacts one server's packs, says what came of it, and returns it.
Json compact_and_report(const ServerConfig& server, const store::ServerLayout& layout,
                        const Invocation& invocation, Compact compact);
Exit run_compact(const CompactArguments& arguments, const Invocation& invocation);

inline constexpr std::array kCompactExamples{
    Example{"compact main --dry-run", "how much of what is stored no backup needs any more"},
    Example{"compact all", "free what can be freed, within the budget of each server"},
};
inline constexpr Command kCompact{
    .name = "compact",
    .summary = "Write packs again without what no backup needs",
    .details =
        "A backup that went leaves a pack on the disk while another backup needs something in it. This writes those "
        "packs again of which `compaction.dead_share` or more is dead, the worst first, until "
        "`compaction.budget` is written. `expire` does the same when it has removed what is to go, so that "
        "this is seldom called.\n\n"
        "Never is more room needed than for one pack (64 MiB). Backups that are being read are not disturbed. A pack with damage in "
        "what is needed is left as it is.",
    .examples = kCompactExamples,
    .call = call_of<run_compact>,
};

}  // namespace pgkeep::server
