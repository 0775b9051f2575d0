#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct GetWalArguments : OneServer {
  std::string name;
  std::optional<std::filesystem::path> file;
  std::optional<unsigned> line;

  void declare(Syntax& syntax) {
    constexpr unsigned kMostLines = 1'000'000;
    OneServer::declare(syntax);
    syntax.positional("NAME", "the WAL file, as PostgreSQL names it (`%f`)", name);
    syntax.positional("FILE", "where to put it (`%p`); without it, standard output", file);
    syntax.number("--line", "N", "of a line of WAL that was set aside (`new-line`), as list-backups names it",
                  line, 1, kMostLines);
  }
};

Exit run_get_wal(const GetWalArguments& arguments, const Invocation& invocation);

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
    .examples = kGetWalExamples,
    .call = call_of<run_get_wal>,
    .for_postgres = true,
};

}  // namespace pgkeep::server
