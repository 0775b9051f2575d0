#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct DeleteArguments : OneServer, HookArguments {
  std::vector<std::string> backups;
  std::string reason;
  std::optional<std::uint64_t> missing;  // number of a backup
  bool now = false;
  bool force = false;

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.any_number("BACKUP", "the backups: ids, beginnings of them, names, `latest` or `oldest`", backups);
    syntax.option("--reason", "TEXT", "why, for those who wonder later", reason);
    syntax.flag("--now",
                "remove them at once, and do not wait for the grace time: they cannot be brought back", now);
    syntax.flag("--force", "also the last good backup", force);
    syntax.number("--missing", "NUMBER", "give up a backup that `check` calls missing, by its number",
                  missing, 1, std::numeric_limits<std::uint64_t>::max());
    HookArguments::declare(syntax);
  }
};

Exit run_delete(const DeleteArguments& arguments, const Invocation& invocation);

inline constexpr std::array kDeleteExamples{
    Example{"delete main oldest", "gone tomorrow; until then `undelete main oldest` brings it back"},
    Example{"delete main 20261120T020000Z 20261121T020000Z --reason 'taken during the migration'",
            "two of them"},
    Example{"delete main oldest --now", "the disk is full"},
    Example{"delete main --missing 7", "one that somebody removed by hand"},
};
inline constexpr Command kDelete{
    .name = "delete",
    .summary = "Delete base backups",
    .details =
        "Marks the backups as deleted. Until `retention.grace` is over nothing of them is removed, they can "
        "be recovered, and `undelete` brings them back. The first `expire` after that removes them with what no "
        "other backup needs of their data, and the WAL that nothing else needs; `serve` and `cron` run it when "
        "it is due, also for a server without a schedule and without a retention policy. No other backup "
        "depends on a deleted one. Nothing is asked; what goes, when, and what that frees is printed.\n\n"
        "With --now they are removed at once. One that is being recovered, verified or read otherwise is not: "
        "the command says who reads it, removes none of the backups, and ends with exit code 4. "
        "A backup whose record is damaged is always removed at once, and named by its whole id.\n\n"
        "One that was kept with `keep` is refused (exit code 6), and so is the last good backup, of all or of the line "
        "that the server is on, without --force. Backups that have expired or are damaged do not count as others.\n\n"
        "What is removed is noted before, with its time and the reason, in `deletions.jsonl` of the server's "
        "folder. A backup whose folder is missing though its deletion was not noted is reported by `check` "
        "until it is brought back from another copy of the repository, or given up with `--missing`.",
    .examples = kDeleteExamples,
    .call = call_of<run_delete>,
};

}  // namespace pgkeep::server
