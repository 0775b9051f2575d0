#include "server/cli/words_of_others.h"

#include <algorithm>
#include <array>

namespace pgkeep::server {
namespace {

struct Word {
  std::string_view command;  // here; empty: of any
  std::string_view word;
  std::string_view answer;
};

constexpr std::string_view kNothingToArchive =
    "WAL is received over replication (`pgkeep serve`), and archive_command can stay empty; "
    "`pgkeep put-wal` takes in a file all the same";
constexpr std::string_view kNothingToMake =
    "`pgkeep add-server NAME CONNINFO` says what the server lacks, and makes what is to be made";
constexpr std::string_view kOneInstanceIsEnough =
    "nothing is to be started or stopped for it: `active: false` leaves a server alone";

constexpr std::array kCommands{
    Word{"", "archive-get", "`pgkeep get-wal SERVER NAME` hands out a WAL file"},
    Word{"", "archive-push", kNothingToArchive},
    Word{"", "archive-wal", kNothingToArchive},
    Word{"", "backup-fetch", "`pgkeep recover SERVER BACKUP DEST` makes a data directory"},
    Word{"", "backup-list", "`pgkeep list-backups` lists them"},
    Word{"", "backup-push", "`pgkeep backup SERVER` takes a backup"},
    Word{"", "backup-show", "`pgkeep show-backup SERVER BACKUP` shows one"},
    Word{"", "check-backup",
         "`pgkeep show-backup SERVER BACKUP` tells whether its WAL is here, "
         "`pgkeep verify-backup SERVER BACKUP` reads all of it"},
    Word{"", "config-switch", "edit the server in the configuration, then `pgkeep reload`"},
    Word{"", "config-update", "edit the server in the configuration, then `pgkeep reload`"},
    Word{"", "delete-backup", "`pgkeep delete SERVER BACKUP` deletes one"},
    Word{"", "generate-manifest",
         "every backup has PostgreSQL's manifest; `pgkeep verify-backup` compares with it"},
    Word{"", "info", "`pgkeep status` shows the servers, `pgkeep list-backups` the backups"},
    Word{"", "list-processes", "`pgkeep list-jobs` lists what runs"},
    Word{"", "lock-directory-cleanup", "locks end with who holds them, and nothing is to be cleaned up"},
    Word{"", "rebuild-xlogdb", "`pgkeep rebuild-catalog SERVER` makes the index again"},
    Word{"", "repo-get",
         "`pgkeep recover SERVER BACKUP DEST` makes a data directory; packs are of no use one by one"},
    Word{"", "repo-ls", "`pgkeep list-files SERVER BACKUP` lists the files of a backup"},
    Word{"", "server",
         "`pgkeep add-server NAME CONNINFO` and `pgkeep remove-server NAME` do what there is to do"},
    Word{"", "stanza-create", kNothingToMake},
    Word{
        "", "stanza-delete",
        "`pgkeep remove-server SERVER` keeps what is stored, and says where; `pgkeep delete` before that deletes backups"},
    Word{"", "stanza-upgrade",
         "a server of a new major version is another cluster: `pgkeep add-server` with a new name"},
    Word{"", "start", kOneInstanceIsEnough},
    Word{"", "stop", kOneInstanceIsEnough},
    Word{"", "sync-backup", "a repository is copied as it is, file by file; there is no passive node"},
    Word{"", "sync-info", "a repository is copied as it is, file by file; there is no passive node"},
    Word{"", "sync-wals", "a repository is copied as it is, file by file; there is no passive node"},
    Word{"", "terminate-process", "a SIGTERM ends a command in order; `pgkeep list-jobs` tells what runs"},
    Word{"", "version", "`pgkeep --version` prints it"},
    Word{"", "wal-fetch", "`pgkeep get-wal SERVER NAME` hands out a WAL file"},
    Word{"", "wal-push", kNothingToArchive},
    Word{"", "wal-show", "`pgkeep list-wal SERVER` shows which WAL is held"},
};

constexpr std::array kOptions{
    Word{"", "--stanza", "servers are named as arguments, without an option"},
    Word{"", "--format", "--json prints a document"},
    Word{"", "--output", "--json prints a document"},
    Word{"", "--process-max", "--jobs is its name here"},
    Word{"", "--log-level-console", "-v says more, -q less"},
    Word{"", "--pg1-path", "where the data lies is asked of the server"},
    Word{"", "--repo", "there is one repository: that of the configuration"},
    Word{"backup", "--wait", "a backup always waits for the WAL that makes it consistent"},
    Word{"backup", "--wait-timeout",
         "a backup always waits for the WAL that makes it consistent, up to an hour"},
    Word{"backup", "--name", "`pgkeep name SERVER BACKUP NAME` gives a backup a name afterwards"},
    Word{"backup", "--type", "every backup stands on its own and costs no more than what changed"},
    Word{"backup", "--incremental", "every backup stands on its own and costs no more than what changed"},
    Word{"backup", "--reuse-link", "every backup stands on its own and costs no more than what changed"},
    Word{"backup", "--no-reuse", "every backup stands on its own and costs no more than what changed"},
    Word{"backup", "--reuse", "every backup stands on its own and costs no more than what changed"},
    Word{"backup", "--immediate-checkpoint", "--checkpoint fast says that here"},
    Word{"backup", "--start-fast", "--checkpoint fast says that here"},
    Word{"backup", "--no-immediate-checkpoint", "--checkpoint spread says that here"},
    Word{"backup", "--bwlimit", "--max-rate says that here"},
    Word{"backup", "--annotation", "`pgkeep annotate SERVER BACKUP TEXT` notes something about a backup"},
    Word{"backup", "--keepalive-interval", "connections are kept alive without it"},
    Word{"recover", "--set", "the backup is an argument: `pgkeep recover SERVER BACKUP DEST`"},
    Word{"recover", "--delta", "a recovery goes into a directory that is empty or missing"},
    Word{"recover", "--force", "a recovery goes into a directory that is empty or missing"},
    Word{"recover", "--type",
         "--target-time, --target-xid, --target-lsn, --target-name and --target-immediate say where to stop"},
    Word{"recover", "--target",
         "--target-time, --target-xid, --target-lsn and --target-name say where to stop"},
    Word{"recover", "--target-exclusive", "--exclusive says that here"},
    Word{"recover", "--target-timeline", "--target-tli says that here"},
    Word{"recover", "--tablespace-map", "--tablespace NAME:PATH says that here"},
    Word{"recover", "--link-map", "--tablespace NAME:PATH says that here"},
    Word{"recover", "--db-include", "a cluster is recovered as a whole"},
    Word{"recover", "--db-exclude", "a cluster is recovered as a whole"},
    Word{"recover", "--archive-mode", "archiving is switched off in what is recovered, and said"},
    Word{"recover", "--pg1-host", "--remote-ssh-command 'ssh user@host' recovers on another host"},
    Word{"recover", "--staging-path", "nothing is staged: files go to their places"},
    Word{"recover", "--local-staging-path", "nothing is staged: files go to their places"},
    Word{"recover", "--network-compression", "`ssh -C` in --remote-ssh-command says that here"},
    Word{"recover", "--bwlimit", "recoveries are never slowed down"},
    Word{"recover", "--retry-times", "`pgkeep recover` can be repeated once the directory is empty again"},
    Word{"delete", "--set", "the backup is an argument: `pgkeep delete SERVER BACKUP`"},
    Word{"expire", "--set", "`pgkeep delete SERVER BACKUP` deletes one backup"},
    Word{"keep", "--target",
         "--standalone keeps a backup without the WAL after it; without it, all of that stays"},
    Word{"keep", "--release", "`pgkeep release SERVER BACKUP` does that"},
    Word{"keep", "--status", "`pgkeep show-backup SERVER BACKUP` shows it"},
    Word{"show-backup", "--set", "the backup is an argument: `pgkeep show-backup SERVER BACKUP`"},
};

}  // namespace

std::string_view answer_to_command(std::string_view word) {
  const auto* known = std::ranges::find(kCommands, word, &Word::word);
  return known == kCommands.end() ? std::string_view() : known->answer;
}

std::string_view answer_to_option(std::string_view command, std::string_view option) {
  const auto* known = std::ranges::find_if(kOptions, [&](const Word& word) {
    return word.word == option && (word.command.empty() || word.command == command);
  });
  return known == kOptions.end() ? std::string_view() : known->answer;
}

}  // namespace pgkeep::server
