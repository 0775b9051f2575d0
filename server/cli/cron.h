#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct CronArguments : AnyServers {
  bool dry_run = false;

  void declare(Syntax& syntax) {
    AnyServers::declare(syntax);
    syntax.flag("--dry-run", "only say what is due", dry_run);
  }
};

Exit run_cron(const CronArguments& arguments, const Invocation& invocation);

inline constexpr std::array kCronExamples{
    Example{"cron", "every few minutes, from cron or a systemd timer"},
    Example{"cron --dry-run", "what would be done now"},
};
inline constexpr Command kCron{
    .name = "cron",
    .summary = "Do once what the schedules have due",
    .details =
        "For those who prefer cron or a systemd timer to the clock of `serve`: does what is due, one job after the other, "
        "and ends. What is due is decided by the journals of runs, as `serve` decides it: what was missed runs once, what failed "
        "is tried again after a pause, and no job begins in a window of `windows.never`. Without servers, or with `all`, "
        "the report of `schedule.report` is sent too. Two of them, or one beside `serve`, do nothing twice.",
    .examples = kCronExamples,
    .call = call_of<run_cron>,
};

}  // namespace pgkeep::server
