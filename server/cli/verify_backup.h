#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_verify_backup(const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kVerifyBackupAliases{"verify"};
inline constexpr std::array kVerifyBackupPositionals{
    kOneServer,
    Positional{"BACKUP", "the backups: ids, beginnings of them, `latest`, `oldest`, or `all`",
               Arity::one_or_more},
};
inline constexpr std::array kVerifyBackupOptions{
    Option{"-j,--jobs", "N", "threads; default: one a core"},
};
inline constexpr std::array kVerifyBackupExamples{
    Example{"verify-backup main latest", "read a backup back and check every byte"},
    Example{"verify-backup main all", "every backup of a server"},
};
inline constexpr Command kVerifyBackup{
    .name = "verify-backup",
    .aliases = kVerifyBackupAliases,
    .summary = "Read backups back and check every byte",
    .details =
        "Checks the record, the file table, every stored piece, each file against PostgreSQL's own manifest, "
        "and the WAL that the backup needs to become consistent; `verify-wal` reads the rest. "
        "All that is wrong is listed; exit code 1 when something is. "
        "Damaged pieces are remembered, and the next backup stores them anew.",
    .positionals = kVerifyBackupPositionals,
    .options = kVerifyBackupOptions,
    .examples = kVerifyBackupExamples,
    .run = run_verify_backup,
};

}  // namespace pgkeep::server
