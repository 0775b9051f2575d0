#pragma once

#include "server/cli/arguments.h"
#include "server/fleet/fleet.h"
#include "streaming/backup/take_backup.h"

namespace pgkeep::server {

struct BackupArguments : SomeServers {
  std::optional<std::string> label;
  std::optional<bool> fast_checkpoint;
  std::optional<std::uint64_t> max_rate;  // bytes in a second; 0: no limit
  std::optional<unsigned> jobs;
  bool no_verify_checksums = false;

  void declare(Syntax& syntax);
};

Exit run_backup(const BackupArguments& arguments, const Invocation& invocation);
/// Takes one backup, says how it went, and adds its record to `backups`. Exit::partly for damaged pages.
Exit take_and_report(const Fleet& fleet, const ServerConfig& server, streaming::BackupJob job,
                     const Invocation& invocation, Json& backups);

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
    .examples = kBackupExamples,
    .call = call_of<run_backup>,
};

}  // namespace pgkeep::server
