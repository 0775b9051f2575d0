#pragma once

#include "catalog/io/units.h"
#include "server/cli/arguments.h"

namespace pgkeep::server {

/// A time as an operator gives it for the future: "2027-01-31", "2027-01-31T12:00:00Z", or "90d" from now on.
io::TimePoint parse_until(const std::string& text);

struct KeepArguments : OneBackup {
  std::optional<io::TimePoint> until;
  std::string reason;
  bool standalone = false;

  void declare(Syntax& syntax) {
    OneBackup::declare(syntax);
    syntax.option("--until", "WHEN", "only so long: a date, a time as 2027-01-31T12:00:00Z, or 90d from now",
                  until, parse_until);
    syntax.flag("--standalone", "with the WAL that makes it consistent only, and not all from it on",
                standalone);
    syntax.option("--reason", "TEXT", "why, for those who wonder later", reason);
  }
};

Exit run_keep(const KeepArguments& arguments, const Invocation& invocation);

inline constexpr std::array kKeepExamples{
    Example{"keep main latest --reason 'before the upgrade'", "until it is released"},
    Example{"keep main 20261120T020000Z --until 2027-01-31", "for so long"},
    Example{"keep main 20261231T020000Z --standalone --reason 'the books of 2026'", "that state alone"},
};
inline constexpr Command kKeep{
    .name = "keep",
    .summary = "Keep a backup, whatever the retention policy says",
    .details =
        "The backup and all WAL from it on stay until `release`, or until the time that is given, "
        "and neither `expire` nor `delete` removes it. One that has expired already is brought back. "
        "With --standalone `expire` keeps no more WAL for it than makes it consistent, so that it costs what it "
        "takes itself, and is recovered to its end alone (`recover` with --target-immediate). "
        "`keep` without it, or `release`, ends that, but brings no WAL back.",
    .examples = kKeepExamples,
    .call = call_of<run_keep>,
};

}  // namespace pgkeep::server
