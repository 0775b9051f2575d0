#pragma once

#include "catalog/store/layout.h"
#include "server/cli/arguments.h"
#include "server/config/config.h"

namespace pgkeep::server {

struct ExpireArguments : SomeServers, HookArguments {
  bool dry_run = false;

  void declare(Syntax& syntax) {
    SomeServers::declare(syntax);
    syntax.flag("--dry-run", "only say what would be done, and why", dry_run);
    HookArguments::declare(syntax);
  }
};

/// Lets go of what one server's policy does not keep, compacts its packs, prints what was decided and done,
/// and returns it.
Json expire_and_report(const ServerConfig& server, const store::ServerLayout& layout, WithHooks with_hooks,
                       const Invocation& invocation);
Exit run_expire(const ExpireArguments& arguments, const Invocation& invocation);

inline constexpr std::array kExpireExamples{
    Example{"expire main --dry-run", "what the policy keeps, what goes, and why"},
    Example{"expire all", "every night, from cron"},
};
inline constexpr Command kExpire{
    .name = "expire",
    .summary = "Let go of what the retention policy does not keep",
    .details =
        "Decides by the `retention` settings of the server which backups stay, and says for each which rule "
        "keeps it, or why it goes. A backup that no rule keeps expires: it is marked, and `undelete` or `keep` "
        "bring it back. The next `expire` after `retention.grace` removes it, and with it the WAL that no "
        "backup needs any more. Without any rule, nothing expires, and only "
        "what `delete` has marked goes. Then packs are compacted (`compact`).\n\n"
        "A backup that is not good (PostgreSQL found damaged pages, its last verification found damage, or WAL is missing before it is "
        "consistent) "
        "counts for no rule, and stays while nothing else reaches its time. "
        "One that is being read stays, which --dry-run does not look at. While a backup's record cannot be read, no WAL is removed.",
    .examples = kExpireExamples,
    .call = call_of<run_expire>,
};

}  // namespace pgkeep::server
