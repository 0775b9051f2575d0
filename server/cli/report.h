#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct ReportArguments : AnyServers, HookArguments {
  enum class Format { text, html, json, mail };

  std::chrono::milliseconds since = std::chrono::hours(24);
  Format format = Format::text;
  std::optional<std::filesystem::path> output;
  std::string to;    // of a mail
  std::string from;  // empty: the program that sends it says so
  bool mail = false;

  void declare(Syntax& syntax);
};

Exit run_report(const ReportArguments& arguments, const Invocation& invocation);

inline constexpr std::array kReportExamples{
    Example{"report", "the fleet this morning, and what happened since yesterday"},
    Example{"report --format html --output /srv/www/pgkeep.html",
            "a page to look at, or to attach to a mail"},
    Example{"report --format mail --to dba@example.org | /usr/sbin/sendmail -t",
            "the mail of the morning, from cron"},
    Example{"report --mail", "send it now to whom the configuration names"},
    Example{"report orders --since 7d", "one server, and its week"},
};
inline constexpr Command kReport{
    .name = "report",
    .summary = "Report how the fleet is, what needs you, and what happened",
    .details =
        "First the verdict: how many servers can be recovered, and how many need you. Then what needs you, the worst "
        "first, each with what to do next: the findings of `check`, with their words. Then the fleet: the last backup "
        "of each server, the times that it can be recovered to, the last verification, how much WAL of it was not received yet. Then "
        "what happened since yesterday (--since): backups, growth, verifications, what expired and what was removed and "
        "why, what failed, and how the repository's disk fills.\n\n"
        "The servers are asked as `check` asks them. What cannot be read, of one server or of several, is among what "
        "needs you, and the report has all the rest. The exit code is 0 whatever the report says; `check` has one for "
        "scripts.\n\n"
        "Text fits into 78 columns. HTML is one file that needs nothing else, and no script. A mail is a "
        "whole message, whose subject is the verdict, for `sendmail -t` or any program that sends one, and --mail sends it, as `mail` in the configuration says; in it are the "
        "text, plain HTML, and the page as an attachment. What --format json prints "
        "is the `data` of the document that --json prints; the others shorten long lists, it does not:\n\n"
        "    verdict, expected, recoverable   the first line, and its servers that are to be, and can be, recovered\n"
        "    now, since, version              the two moments of the report, and the program's version\n"
        "    needs                            servers (none: of the repository), severity (failed, warning), findings\n"
        "    needs[].findings                 key, severity, what, since, next\n"
        "    servers                          server, description, active, recoverable (null: it cannot be told),\n"
        "                                     recoverable_from, recoverable_until, stretches (without a gap inside),\n"
        "                                     backups, wal_stored_bytes, stream, lag_bytes, proof, service, changes,\n"
        "                                     known (backups, wal, stretches, runs, proof: false where they could not\n"
        "                                     be read, so that they are null or lack something)\n"
        "    servers[].backups                id, started, ended, duration_seconds, data_bytes, stored_bytes,\n"
        "                                     going (it is removed when its grace time is over)\n"
        "    servers[].proof                  of backups: at, sound (no damage is known), left_bytes (for the next\n"
        "                                     one), all_since (everything was read back since then)\n"
        "    servers[].service                days, succeeded, failed, longest_without_seconds,\n"
        "                                     added_by_day (the oldest first): of backups\n"
        "    servers[].changes                backups_made, backup_bytes, backups_failed, wal_bytes, expired,\n"
        "                                     removed, freed_bytes, verifications, verified_bytes, damage, bad_pages,\n"
        "                                     failed_runs, events\n"
        "    repository, space, daemon        where it is, how full its disk is, and whether `serve` runs",
    .examples = kReportExamples,
    .call = call_of<run_report>,
};

}  // namespace pgkeep::server
