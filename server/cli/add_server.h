#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct AddServerArguments {
  std::string name;
  std::string conninfo;
  std::string description;
  bool no_slot = false;
  bool backup = false;

  void declare(Syntax& syntax) {
    syntax.positional("NAME", "what the server is called here: letters, digits, `_`, `-` and `.`", name);
    syntax.positional("CONNINFO", "how to reach it, as 'host=pg1 user=pgkeep'; without a password", conninfo);
    syntax.option("--description", "TEXT", "what the server is for, shown in listings", description);
    syntax.flag("--no-slot", "make no slot, now or later (`create_slot: false`)", no_slot);
    syntax.flag("--backup", "take the first base backup as well", backup);
  }
};

Exit run_add_server(const AddServerArguments& arguments, const Invocation& invocation);

inline constexpr std::array kAddServerExamples{
    Example{"add-server main 'host=pg1 user=pgkeep'",
            "ask the server, write conf.d/main.yaml, make the slot"},
    Example{"add-server main 'host=pg1 user=pgkeep' --backup", "and take the first backup"},
};
inline constexpr Command kAddServer{
    .name = "add-server",
    .summary = "Add a server to the configuration",
    .details =
        "Asks the server what `check` asks it. Where something is missing that backups or WAL need, it says "
        "what to do, with the SQL and the lines of pg_hba.conf to copy when the server does not let the role "
        "in, and nothing is written.\n\n"
        "Else it writes `conf.d/NAME.yaml` beside the configuration, which has to include it "
        "(`include: conf.d/*.yaml`), makes the replication slot, and has the daemon take it up when one runs. "
        "A file that is there is never replaced. Passwords belong into a password file; see "
        "\"Each server\" in the manual. `pgkeep server add` is the same.",
    .examples = kAddServerExamples,
    .call = call_of<run_add_server>,
};

}  // namespace pgkeep::server
