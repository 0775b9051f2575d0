#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct RemoveServerArguments {
  std::string name;
  bool keep_slot = false;

  void declare(Syntax& syntax) {
    syntax.positional("NAME", "the server, as named in the configuration", name);
    syntax.flag("--keep-slot", "leave the replication slot on the server, which keeps WAL for it", keep_slot);
  }
};

Exit run_remove_server(const RemoveServerArguments& arguments, const Invocation& invocation);

inline constexpr std::array kRemoveServerExamples{
    Example{"remove-server main", "keep its backups, and drop its slot"},
};
inline constexpr Command kRemoveServer{
    .name = "remove-server",
    .summary = "Take a server out of the configuration",
    .details =
        "For a server that `add-server` added: its file becomes `conf.d/NAME.yaml.removed`, the daemon ends "
        "its stream, and the slot that pgkeep made is dropped. What is stored of it stays in the repository, "
        "and it is said where. To read it again, put the file back, or add the server again under its name. "
        "`pgkeep server remove` is the same.",
    .examples = kRemoveServerExamples,
    .call = call_of<run_remove_server>,
};

}  // namespace pgkeep::server
