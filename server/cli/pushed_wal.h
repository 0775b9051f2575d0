#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_pushed_wal(const Invocation& invocation);

inline constexpr std::array kPushedWalPositionals{
    kOneServer,
    Positional{"NAME", "only that segment; with the digits after it (NAME.DIGITS) one of several copies",
               Arity::optional},
};
inline constexpr std::array kPushedWalOptions{
    Option{"--delete", "", "delete what NAME says; with `all`, everything that waits"},
};
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
    .positionals = kPushedWalPositionals,
    .options = kPushedWalOptions,
    .examples = kPushedWalExamples,
    .run = run_pushed_wal,
};

}  // namespace pgkeep::server
