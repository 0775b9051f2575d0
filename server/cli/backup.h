#pragma once

#include "server/cli/positionals.h"
#include "server/fleet/fleet.h"
#include "streaming/backup/take_backup.h"

namespace pgkeep::server {

Exit run_backup(const Invocation& invocation);
/// Takes one backup, says how it went, and adds its record to `backups`. Exit::partly for damaged pages.
Exit take_and_report(const Fleet& fleet, const ServerConfig& server, streaming::BackupJob job,
                     const Invocation& invocation, Json& backups);

inline constexpr std::array kBackupPositionals{kSomeServers};
inline constexpr std::array kBackupOptions{
    Option{"--label", "TEXT", "a label for the backup, shown in listings"},
    Option{"--checkpoint", "fast|spread",
           "how the backup begins; default: `checkpoint` of the configuration"},
    Option{"--max-rate", "SIZE", "the most to ask of the server in a second, as 50MiB; 0: no limit"},
    Option{"-j,--jobs", "N", "threads that compare and compress; default: one a core, eight at most"},
    Option{"--no-verify-checksums", "", "do not let the server check its data checksums while it sends"},
};
inline constexpr std::array kBackupExamples{
    Example{"backup main", "take a base backup of one server"},
    Example{"backup all", "of each active server, one after the other"},
    Example{"backup main --checkpoint spread --max-rate 50MiB", "gently"},
};
inline constexpr Command kBackup{
    .name = "backup",
    .summary = "Take a base backup",
    .details =
        "The server sends all of its files; stored is what differs from the backup before. "
        "The result stands on its own: any other backup may be deleted.\n\n"
        "When no receiver runs for the server, the backup receives the WAL it needs itself. "
        "The replication slot that it makes for that stays on the server, "
        "and makes it keep WAL until a receiver runs: "
        "start `pgkeep serve`, or drop it with `pgkeep drop-slot`.\n\nNothing is copied until WAL arrives. "
        "When it does not within two minutes, as while another program uses the slot, "
        "the backup fails with the cause; after the copy it waits for WAL for up to an hour. "
        "A backup that was cut off leaves nothing behind that looks like one.\n\n"
        "Exit code 5 when the server found damaged pages while it sent them: the backup is kept and flagged.",
    .positionals = kBackupPositionals,
    .options = kBackupOptions,
    .examples = kBackupExamples,
    .run = run_backup,
};

}  // namespace pgkeep::server
