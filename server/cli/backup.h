#pragma once

#include "server/cli/arguments.h"
#include "server/cli/many_servers.h"
#include "server/fleet/fleet.h"
#include "streaming/backup/take_backup.h"

namespace pgkeep::server {

struct BackupArguments : SomeServers, HookArguments {
  std::optional<std::string> label;
  std::optional<bool> fast_checkpoint;
  std::optional<std::uint64_t> max_rate;  // bytes in a second; 0: no limit
  std::optional<unsigned> jobs;
  std::optional<unsigned> parallel;  // servers
  bool no_verify_checksums = false;

  void declare(Syntax& syntax);
};

Exit run_backup(const BackupArguments& arguments, const Invocation& invocation);
/// Takes one backup and says how it went. Exit::partly for damaged pages.
ServerOutcome take_and_report(const Fleet& fleet, const ServerConfig& server, streaming::BackupJob job,
                              WithHooks with_hooks, const Invocation& invocation);

inline constexpr std::array kBackupExamples{
    Example{"backup main", "take a base backup of one server"},
    Example{"backup all --parallel 4", "of each active server, four at a time"},
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
        "Of several servers as many are backed up at a time as `--parallel` says, or `limits.backups`; "
        "of those on one host `limits.per_host`. The failure of one keeps no other from its turn.\n\n"
        "Exit code 5 when some of the servers failed, or when a server found damaged pages while it sent them: "
        "that backup is kept and flagged.",
    .examples = kBackupExamples,
    .call = call_of<run_backup>,
};

}  // namespace pgkeep::server
