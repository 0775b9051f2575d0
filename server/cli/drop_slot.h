#pragma once

#include "server/cli/arguments.h"
#include "server/config/config.h"

namespace pgkeep::server {

struct DropSlotArguments {
  std::optional<std::string> server;
  bool force = false;
  std::optional<std::string> conninfo;
  std::optional<std::string> slot;

  void declare(Syntax& syntax) {
    syntax.positional("SERVER", "the server, as named in the configuration", server);
    syntax.flag("--force", "also a slot that pgkeep did not make", force);
    syntax.option("--conninfo", "CONNINFO", "where the server is, when it has gone from the configuration",
                  conninfo);
    syntax.option("--slot", "NAME", "the slot's name, with --conninfo", slot);
  }
};

/// Drops the slot of a server on every host that has it, and says so; without `force` one alone that pgkeep
/// made. What became of each host is added to `hosts`. Throws Busy while a receiver of ours uses it, Refused
/// for the slot of another, what stands in the way of the only host; of several that is reported, and the
/// exit code says so.
Exit drop_slot_of(const Config& config, const ServerConfig& server, bool force, const Invocation& invocation,
                  Json& hosts);

Exit run_drop_slot(const DropSlotArguments& arguments, const Invocation& invocation);

inline constexpr std::array kDropSlotExamples{
    Example{"drop-slot main", "the server keeps no WAL for pgkeep any more"},
    Example{"drop-slot --conninfo 'host=db1 user=pgkeep' --slot pgkeep",
            "the same for a server that has gone from the configuration"},
};
inline constexpr Command kDropSlot{
    .name = "drop-slot",
    .summary = "Drop a server's replication slot",
    .details =
        "For a server that is taken out of service for good, or a slot that was lost: "
        "without a receiver the slot makes the server keep WAL for ever. "
        "A slot in use is not dropped, nor, without --force, one that pgkeep did not make. "
        "It is dropped on every host of the conninfo that has it. "
        "WAL that has not been received when the slot goes may be lost, and no recovery can cross the gap.",
    .examples = kDropSlotExamples,
    .call = call_of<run_drop_slot>,
};

}  // namespace pgkeep::server
