#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_recover(const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kRecoverAliases{"restore"};
inline constexpr std::array kRecoverPositionals{
    kOneServer,
    Positional{"BACKUP",
               "the backup to begin with: its id, the beginning of it, `latest`, `oldest`, "
               "or `auto` for the newest that reaches the target"},
    Positional{"DEST",
               "the new data directory, missing or empty; a relative path is below the current directory, "
               "and is not taken with --remote-ssh-command"},
};
inline constexpr std::array kRecoverOptions{
    Option{"--target-time", "TIME",
           "replay up to this time, as '2026-11-20 02:00:00+01'; without a zone, local time of this host"},
    Option{"--target-xid", "XID", "up to this transaction"},
    Option{"--target-lsn", "LSN", "up to this position"},
    Option{"--target-name", "NAME", "up to this restore point"},
    Option{"--target-immediate", "", "only until the backup is consistent"},
    Option{"--target-tli", "N|current|latest",
           "the timeline to follow: a number, that of the backup, or the newest; default: "
           "the one the server was on last"},
    Option{"--target-action", "pause|promote|shutdown", "what PostgreSQL does when the target is reached"},
    Option{"--exclusive", "", "stop just before the target, not just after it"},
    Option{"--standby-mode", "", "make a standby, which goes on waiting for WAL"},
    Option{"--tablespace", "NAME:PATH",
           "put a tablespace (by name, OID or original location) there; may be repeated; "
           "root has to name the place of each, also where it stays the same",
           true},
    Option{"--get-wal", "", "let PostgreSQL fetch WAL by restore_command while it replays"},
    Option{"--no-get-wal", "", "lay the WAL down beforehand (the default)"},
    Option{"--get-wal-command", "COMMAND",
           "the restore_command for --get-wal, with %f and %p; "
           "needed with --remote-ssh-command, whose host must reach this one"},
    Option{"--remote-ssh-command", "COMMAND",
           "recover on another host: 'ssh user@host'; nothing but tar is needed there"},
    Option{"-j,--jobs", "N", "files written at a time; default: one a core"},
    Option{"--dry-run", "", "print the plan and write nothing"},
};
inline constexpr std::array kRecoverExamples{
    Example{"recover main latest /var/lib/postgresql/18/main", "up to the last byte that was received"},
    Example{"recover main auto /srv/pg --target-time '2026-11-20 02:00:00+01'", "to a point in time"},
    Example{"recover main latest /srv/pg --remote-ssh-command 'ssh postgres@pg2'", "on another host"},
    Example{"recover main latest /srv/pg --dry-run", "what would be done"},
};
inline constexpr Command kRecover{
    .name = "recover",
    .aliases = kRecoverAliases,
    .summary = "Recover a server into a new data directory",
    .details =
        "The plan is made and checked before anything is written: "
        "that the WAL reaches the target without a hole, that DEST is empty, "
        "holds no running server and has the room. "
        "Settings that would harm (archive_command, synchronous_standby_names, old recovery settings …) "
        "are neutralised and listed, with what must be looked at and the commands that start the server.\n\n"
        "pg_control is written last: a recovery that was cut off leaves a directory that cannot start. "
        "DEST passes pg_verifybackup.\n\nWith --get-wal on another host the command has to come back here, "
        "for example: --get-wal-command 'ssh pgkeep@backuphost pgkeep -q get-wal main %f > %p'.",
    .positionals = kRecoverPositionals,
    .options = kRecoverOptions,
    .examples = kRecoverExamples,
    .run = run_recover,
};

}  // namespace pgkeep::server
