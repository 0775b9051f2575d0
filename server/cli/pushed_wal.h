#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct PushedWalArguments : OneServer {
  std::optional<std::string> name;
  bool is_delete = false;

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.positional(
        "NAME", "only that segment; with the digits after it (NAME.DIGITS) one of several copies", name);
    syntax.flag("--delete", "delete what NAME says; with `all`, everything that waits", is_delete);
  }
};

Exit run_pushed_wal(const PushedWalArguments& arguments, const Invocation& invocation);

inline constexpr std::array kPushedWalExamples{
    Example{"pushed-wal main", "what was pushed and waits"},
    Example{"pushed-wal main 00000001000000000000002A.0123456789abcdef --delete", "that copy is not wanted"},
};
inline constexpr Command kPushedWal{
    .name = "pushed-wal",
    .summary = "List pushed WAL that waits for the stream, and delete what is not wanted",
    .details =
        "Segments that `put-wal` took and that neither the stream nor their neighbours have proved yet. "
        "They are in no recovery. While a stream runs, little waits, and not for long; "
        "what waits on was pushed by a server that nothing is received from, or by a copy of it.\n\n"
        "A copy of which the records continue what is held can be taken by `pgkeep adopt-wal`. "
        "What is deleted is gone: the server that pushed it was told that it is safe here.",
    .examples = kPushedWalExamples,
    .call = call_of<run_pushed_wal>,
};

}  // namespace pgkeep::server
