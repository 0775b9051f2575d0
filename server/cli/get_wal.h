#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_get_wal(const Invocation& invocation);

inline constexpr std::array kGetWalPositionals{
    kOneServer,
    Positional{"NAME", "the WAL file, as PostgreSQL names it (`%f`)"},
    Positional{"FILE", "where to put it (`%p`); without it, standard output", Arity::optional},
};
inline constexpr std::array kGetWalOptions{
    Option{"--line", "N", "of a line of WAL that was set aside (`new-line`), as list-backups names it"},
};
inline constexpr std::array kGetWalExamples{
    Example{"get-wal main 00000001000000000000002A /tmp/segment", "one segment, decompressed and checked"},
    Example{"get-wal main %f %p",
            "as restore_command on this host: `restore_command = 'pgkeep -q get-wal main %f %p'`"},
};
inline constexpr Command kGetWal{
    .name = "get-wal",
    .summary = "Hand out a WAL file, as PostgreSQL's restore_command",
    .details =
        "Writes a segment (the one still being received, too, padded with zeroes) or a history file, "
        "whichever way it came in; also a backup history file and NAME.partial, where these were pushed. "
        "FILE appears whole and durable or not at all.\n\n"
        "The exit codes are those that PostgreSQL's recovery reads: 0 delivered; "
        "1 the archive surely does not have it, which ends an archive recovery; "
        "200 everything else, errors of the configuration and command line included: "
        "PostgreSQL stops the recovery instead of taking a failure for the end of the archive.\n\n"
        "On another host, over SSH: "
        "`restore_command = 'ssh pgkeep@backuphost pgkeep -q get-wal main %f > %p'`. "
        "A connection that fails ends with ssh's 255, which PostgreSQL also reads as a failure.",
    .positionals = kGetWalPositionals,
    .options = kGetWalOptions,
    .examples = kGetWalExamples,
    .run = run_get_wal,
    .for_postgres = true,
};

}  // namespace pgkeep::server
