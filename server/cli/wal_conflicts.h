#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct WalConflictsArguments : OneServer {
  enum class Keep : std::uint8_t { stored, pushed };

  std::optional<std::string> name;
  std::optional<Keep> keep;

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.positional("NAME", "only this WAL file; with the digits after it (NAME.DIGITS) one of several",
                      name);
    syntax.choice("--keep", "stored|pushed",
                  "`stored`: what is stored is right; the pushed copy is freed, "
                  "and the same file is accepted from then on. `pushed`: "
                  "the pushed one takes the place of the stored one, which is kept aside in its stead",
                  keep, {{"stored", Keep::stored}, {"pushed", Keep::pushed}});
  }
};

Exit run_wal_conflicts(const WalConflictsArguments& arguments, const Invocation& invocation);

inline constexpr std::array kWalConflictsExamples{
    Example{"wal-conflicts main", "what was pushed and differs"},
    Example{"wal-conflicts main 00000001000000000000002A --keep stored", "the archive is right"},
};
inline constexpr Command kWalConflicts{
    .name = "wal-conflicts",
    .summary = "Show and settle WAL that was pushed and differs from what is stored",
    .details =
        "A file that put-wal refuses because other bytes are stored under its name, "
        "or were received by the stream, is kept aside (at most 64 files and 2 GiB a server). "
        "Usually two clusters push as one server, "
        "as an old primary does that was started again after a failover: "
        "correct its archive_command first, then keep what is stored.\n\n"
        "Until it is settled, a push of that file is refused, and PostgreSQL keeps it and tries again. "
        "--keep pushed changes what backups are recovered with that need that WAL: verify them afterwards. "
        "It is refused where the WAL being received says otherwise. "
        "Settling is recorded among the server's runs.",
    .examples = kWalConflictsExamples,
    .call = call_of<run_wal_conflicts>,
};

}  // namespace pgkeep::server
