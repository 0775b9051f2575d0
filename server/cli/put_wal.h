#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct PutWalArguments : OneServer {
  std::optional<std::string> name;
  std::optional<std::string> sha256;
  bool no_checksum = false;
  std::optional<std::filesystem::path> file;
  bool from_ssh = false;

  void declare(Syntax& syntax) {
    OneServer::declare(syntax);
    syntax.positional("NAME", "the WAL file, as PostgreSQL names it (`%f`); not with --from-ssh", name);
    syntax.option("--sha256", "HEX", "the SHA-256 of the file, as it is where it comes from", sha256);
    syntax.flag("--no-checksum", "do without; for a file of this host", no_checksum);
    syntax.option("--file", "FILE", "read FILE (`%p`) instead of standard input", file);
    syntax.flag("--from-ssh",
                "be the forced command of an SSH key: "
                "NAME and --sha256 are taken from SSH_ORIGINAL_COMMAND, and nothing else",
                from_ssh);
  }
};

Exit run_put_wal(const PutWalArguments& arguments, const Invocation& invocation);

inline constexpr std::array kPutWalExamples{
    Example{"put-wal main 00000001000000000000002A --file /tmp/segment --no-checksum",
            "bring back a segment that is missing"},
};
inline constexpr Command kPutWal{
    .name = "put-wal",
    .summary = "Take in a WAL file, as PostgreSQL's archive_command",
    .details =
        "The second way in for WAL, beside the stream, whose gaps it fills. "
        "Takes segments, history files, "
        "backup history files and the last segment of a timeline (NAME.partial), "
        "from standard input or FILE. Ends with 0, and says nothing, only when the file is whole, "
        "checked and durable. A file that is there already with the same bytes is accepted. "
        "One with other bytes is refused and kept aside, and an event is written; "
        "`pgkeep wal-conflicts` shows and settles it.\n\nA segment that the stream has not brought waits: "
        "a copy of the host may have pushed it, "
        "so it counts for nothing until the stream brings the same bytes, "
        "or until it fills a gap and its records join those of the segments before and after it. "
        "`pgkeep pushed-wal` lists what waits, `pgkeep adopt-wal` takes it on your word. "
        "How much may wait is limited (pushed_wal.most_bytes, pushed_wal.most_files): "
        "what goes past that is refused, and PostgreSQL keeps it.\n\n"
        "In postgresql.conf of a database host that has nothing but ssh and sha256sum (PostgreSQL 13 to 19, "
        "`archive_mode = on`, archive_library empty):\n\n"
        "    archive_command = 'ssh -o BatchMode=yes pgkeep@backuphost pgkeep -q put-wal main %f --sha256 $(sha256sum < %p | cut -c1-64) "
        "< %p || exit 1'\n\n`|| exit 1`, because ssh ends with 255 when it cannot connect, "
        "and PostgreSQL's archiver restarts at codes above 125. put-wal's own codes are below that; "
        "PostgreSQL keeps the file, and tries again, until it gets 0.\n\n"
        "To let that key do nothing else, in authorized_keys of pgkeep@backuphost:\n\n"
        "    restrict,command=\"pgkeep -q put-wal main --from-ssh\" ssh-ed25519 AAAA... postgres@dbhost\n\n"
        "On the backup host itself, as a user who may write into the repository:\n\n"
        "    archive_command = 'pgkeep -q put-wal main %f --file %p --no-checksum'\n\n"
        "pgkeep has to know the server: `pgkeep backup`, "
        "`pgkeep receive-wal` or the daemon makes the first contact.",
    .examples = kPutWalExamples,
    .call = call_of<run_put_wal>,
};

}  // namespace pgkeep::server
