#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct ListWalArguments : AnyServers {
  bool segments = false;
  bool events = false;

  void declare(Syntax& syntax) {
    AnyServers::declare(syntax);
    syntax.flag("--segments", "every segment: its name, what it takes, when its commits were", segments);
    syntax.flag("--events", "everything that ever happened to the WAL, not only what is still missing",
                events);
  }
};

Exit run_list_wal(const ListWalArguments& arguments, const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kListWalAliases{"list-wals"};
inline constexpr std::array kListWalExamples{
    Example{"list-wal main", "which stretches of WAL are held without a gap, and what is missing, and why"},
    Example{"list-wal main --segments", "each file"},
};
inline constexpr Command kListWal{
    .name = "list-wal",
    .aliases = kListWalAliases,
    .summary = "Show which WAL is held, and what is missing",
    .details =
        "The WAL of a server as stretches without a gap, by timeline, "
        "with the places where one timeline continues on the next. "
        "MISSING is a gap that no recovery can cross, with its cause when it is known to be lost; "
        "without a cause it may still come, by the stream or by put-wal. Reads the files, not the server.",
    .examples = kListWalExamples,
    .call = call_of<run_list_wal>,
};

}  // namespace pgkeep::server
