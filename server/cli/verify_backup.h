#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct VerifyBackupArguments : OneServer {
  std::vector<std::string> backups;
  unsigned jobs = one_a_core();

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.one_or_more("BACKUP", "the backups: ids, beginnings of them, names, `latest`, `oldest`, or `all`",
                       backups);
    syntax.number("-j,--jobs", "N", "threads; default: one a core", jobs, 1, kMostJobs);
  }
};

Exit run_verify_backup(const VerifyBackupArguments& arguments, const Invocation& invocation);

inline constexpr std::array kVerifyBackupExamples{
    Example{"verify-backup main latest", "read a backup back and check every byte"},
    Example{"verify-backup main all", "every backup of a server"},
};
inline constexpr Command kVerifyBackup{
    .name = "verify-backup",
    .summary = "Read backups back and check every byte",
    .details =
        "Checks the record, the file table, every stored piece, each file against PostgreSQL's own manifest, "
        "and the WAL that the backup needs to become consistent; `verify-wal` reads the rest. "
        "All that is wrong is listed; exit code 1 when something is. "
        "Damaged pieces are remembered, and the next backup stores them again.",
    .examples = kVerifyBackupExamples,
    .call = call_of<run_verify_backup>,
};

}  // namespace pgkeep::server
