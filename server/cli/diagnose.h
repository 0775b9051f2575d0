#pragma once

#include <filesystem>
#include <optional>

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct DiagnoseArguments : AnyServers {
  std::optional<std::filesystem::path> output;

  void declare(Syntax& syntax);
};

Exit run_diagnose(const DiagnoseArguments& arguments, const Invocation& invocation);

inline constexpr std::array kDiagnoseExamples{
    Example{"diagnose --output /tmp/pgkeep.json", "for somebody who is to help"},
    Example{"diagnose main", "about one server"},
};
inline constexpr Command kDiagnose{
    .name = "diagnose",
    .summary = "Put together what somebody needs to know who is to help",
    .details =
        "One JSON document: pgkeep's version and the host's, the settings in force, what the daemon says, and of each "
        "server what `check` finds, its stream, its backups, its newest 50 runs with their messages and its newest 200 "
        "events. What cannot be read is named in it, and keeps nothing else from being told.\n\n"
        "It holds no password, token or key, and of addresses of webhooks and heartbeats no more than the host. It does "
        "name servers, hosts, files and relations: look through it before you send it to strangers. What the daemon has "
        "logged is not in it: `journalctl -u pgkeep` has that.",
    .examples = kDiagnoseExamples,
    .call = call_of<run_diagnose>,
};

}  // namespace pgkeep::server
