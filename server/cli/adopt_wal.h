#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct AdoptWalArguments : OneServer {
  std::optional<std::string> name;
  bool dry_run = false;

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.positional("NAME",
                      "the last segment to take; its timeline is the one that is followed. "
                      "Without it, all that continues the timeline that is held. "
                      "Or a damaged segment of the archive, of which a copy waits",
                      name);
    syntax.flag("--dry-run", "only say what would be taken", dry_run);
  }
};

Exit run_adopt_wal(const AdoptWalArguments& arguments, const Invocation& invocation);

inline constexpr std::array kAdoptWalExamples{
    Example{"adopt-wal main --dry-run", "what of the WAL that was pushed would be taken"},
    Example{"adopt-wal main 00000002000000000000002A",
            "up to that segment, along timeline 2; or a copy of just it, if the archived one is damaged"},
};
inline constexpr Command kAdoptWal{
    .name = "adopt-wal",
    .summary = "Take pushed WAL that waits into the archive, on your word",
    .details =
        "WAL that `put-wal` took waits until the stream brings the same bytes, "
        "or until it fills a gap and is proved by the segments on both sides. "
        "This command takes it without that: "
        "when the server is gone and what it pushed last was not received, where nothing is received at all, "
        "or for a gap of which one side cannot be compared.\n\nWhat is proved: "
        "every page and record is sound, and the records continue those that are held, segment by segment; "
        "what the stream had begun to receive of a segment is contained in it. What is not proved: "
        "that the server itself wrote it. A copy of the host that started with the same archive_command, "
        "or somebody who may push, can have made it. "
        "So look at where it comes from first, and whether the server is really gone: "
        "if it answers again and has other WAL there, the stream stops, mostly with the event `rolled_back`, "
        "until `pgkeep new-line` decides. That is seen where the two can be compared, "
        "which is from the last commit that is held on; "
        "where the server has removed that WAL, it continues, and the event is `unproved`.\n\n"
        "Nothing is taken while the stream runs, which brings that WAL itself, "
        "nor where several different copies of a segment would do: "
        "`pgkeep pushed-wal` lists them, and deletes the wrong ones. "
        "What is taken is recorded as an event (`adopted`) and among the server's runs. "
        "When it stops early, what was taken until then is told, with the reason, and the exit code is 5.\n\n"
        "A segment of the archive can be damaged: "
        "it cannot be read, or its records are not sound or do not continue those of the segment before it. "
        "`verify-wal` finds that. When the server pushes that segment again, "
        "from pg_wal or from another archive, the copy waits, "
        "and this command puts it in the place of the damaged one, also while the stream runs. "
        "The copy has to be sound, to join at least one of the segments before and after it, "
        "and to contradict neither. The damaged one is not deleted: "
        "it stays beside the new one, as `NAME.damaged.1`.",
    .examples = kAdoptWalExamples,
    .call = call_of<run_adopt_wal>,
};

}  // namespace pgkeep::server
