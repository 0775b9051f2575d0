#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct NewLineArguments : OneServer {
  std::optional<std::string> reason;
  bool keep = false;
  bool new_cluster = false;

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.option("--reason", "TEXT", "why, for the record; default: what was found", reason);
    syntax.flag("--keep",
                "the other decision: what is held is right, and the server that answered was the wrong one; "
                "the conninfo was corrected",
                keep);
    syntax.flag("--new-cluster",
                "another cluster answers, and took the place of the one that is held: after pg_upgrade, say",
                new_cluster);
  }
};

Exit run_new_line(const NewLineArguments& arguments, const Invocation& invocation);

inline constexpr std::array kNewLineExamples{
    Example{"new-line main", "the server was put back to a snapshot, and continues from there"},
    Example{"new-line main --keep", "the conninfo led to a copy, and was corrected"},
    Example{"new-line main --new-cluster", "the server was upgraded to another major version"},
};
inline constexpr Command kNewLine{
    .name = "new-line",
    .summary = "Set the WAL of a server aside, and begin again with a new backup",
    .details =
        "For a server whose history is not the one that is held: "
        "it was put back to a snapshot or to a copy of its files, or two servers took one timeline. "
        "To receive on would join two histories, "
        "so nothing is received until somebody decides (events `rolled_back` and `split_brain`).\n\n"
        "What is held becomes a line of its own: "
        "its WAL is moved to `lines/N` of the server's folder, with a record of when, why, "
        "where it ended and which backups belong to it. Nothing is deleted: "
        "those backups stay listed, and `recover` brings them back with the WAL of their line. "
        "Then WAL is received into a new line, which begins with a base backup.\n\n"
        "The server must answer and be the same cluster, or with --new-cluster another one; "
        "else nothing is changed. The daemon need not be stopped: "
        "while a server needs attention it leaves its WAL to this command, and continues by itself.",
    .examples = kNewLineExamples,
    .call = call_of<run_new_line>,
};

}  // namespace pgkeep::server
