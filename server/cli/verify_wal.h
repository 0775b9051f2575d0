#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct VerifyWalArguments : OneServer {
  unsigned jobs = one_a_core();

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.number("-j,--jobs", "N", "threads; default: one a core", jobs, 1, kMostJobs);
  }
};

Exit run_verify_wal(const VerifyWalArguments& arguments, const Invocation& invocation);

inline constexpr std::array kVerifyWalExamples{
    Example{"verify-wal main", "read all stored WAL of a server back and check every record"},
};
inline constexpr Command kVerifyWal{
    .name = "verify-wal",
    .summary = "Read all stored WAL back and check every record",
    .details =
        "`verify-backup` reads the WAL that a backup needs to become consistent. "
        "This one reads all there is, after the newest backup too: "
        "every archived segment, what was received of those that are not whole yet, "
        "and the WAL of lines that were set aside. "
        "Every page and record is checked, and that each segment continues the one before it. "
        "All that is wrong is listed; exit code 1 when something is. "
        "WAL that is missing is told of by `list-wal` and `check`.",
    .examples = kVerifyWalExamples,
    .call = call_of<run_verify_wal>,
};

}  // namespace pgkeep::server
