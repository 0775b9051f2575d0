#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "catalog/store/layout.h"
#include "catalog/verify/stored_units.h"
#include "server/cli/arguments.h"
#include "server/cli/many_servers.h"
#include "server/config/config.h"

namespace pgkeep::server {

struct VerifyArguments : SomeServers, HookArguments {
  std::optional<std::chrono::milliseconds> older_than;
  std::optional<std::uint64_t> budget;
  std::optional<unsigned> jobs;
  std::optional<unsigned> parallel;  // servers

  void declare(Syntax& syntax);
};

/// Reads back what is stored of one server, and says what came of it.
ServerOutcome verify_and_report(const ServerConfig& server, const store::ServerLayout& layout,
                                const catalog::VerificationLimits& limits, unsigned jobs,
                                WithHooks with_hooks, const Invocation& invocation);
Exit run_verify(const VerifyArguments& arguments, const Invocation& invocation);

inline constexpr std::array kVerifyExamples{
    Example{"verify all --older-than 30d --budget 200GiB",
            "every night: read back what was not read back for a month, and no more"},
    Example{"verify main --budget 0", "everything"},
};
inline constexpr Command kVerify{
    .name = "verify",
    .summary = "Read back what is stored, and remember what was",
    .details =
        "Reads back each pack, as far as backups need it and once however many do, each WAL segment, and of each backup "
        "the record, the lists and PostgreSQL's manifest; first what was read back, or written, the longest ago. What was read when is remembered, so that the next one goes on where this one ended; so "
        "does one that was stopped. `verification.older_than` and `verification.budget` say how much one reads.\n\n"
        "Damage is remembered as well: `check` tells of it, with the backups and files concerned, until it is mended. "
        "Damaged pieces are stored again by the next backup, where the server still has them. "
        "No retention rule counts on the backups that are concerned. "
        "Each time, whatever the limits, damage that is known is looked at again, and whether anything is missing. "
        "Exit code 1 when something is damaged or missing.\n\n"
        "`verify-backup` reads one backup as a recovery would.",
    .examples = kVerifyExamples,
    .call = call_of<run_verify>,
};

}  // namespace pgkeep::server
