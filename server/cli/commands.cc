#include "server/cli/commands.h"

#include <algorithm>

#include "server/cli/add_server.h"
#include "server/cli/adopt_wal.h"
#include "server/cli/annotate.h"
#include "server/cli/backup.h"
#include "server/cli/check.h"
#include "server/cli/compact.h"
#include "server/cli/complete.h"
#include "server/cli/completion.h"
#include "server/cli/create_slot.h"
#include "server/cli/cron.h"
#include "server/cli/delete.h"
#include "server/cli/diagnose.h"
#include "server/cli/drop_slot.h"
#include "server/cli/expire.h"
#include "server/cli/generate_docs.h"
#include "server/cli/generate_man.h"
#include "server/cli/get_wal.h"
#include "server/cli/keep.h"
#include "server/cli/list_backups.h"
#include "server/cli/list_files.h"
#include "server/cli/list_jobs.h"
#include "server/cli/list_servers.h"
#include "server/cli/list_wal.h"
#include "server/cli/metrics.h"
#include "server/cli/name.h"
#include "server/cli/new_line.h"
#include "server/cli/notify.h"
#include "server/cli/pushed_wal.h"
#include "server/cli/put_wal.h"
#include "server/cli/rebuild_catalog.h"
#include "server/cli/receive_wal.h"
#include "server/cli/recover.h"
#include "server/cli/release.h"
#include "server/cli/reload.h"
#include "server/cli/remove_server.h"
#include "server/cli/replication_status.h"
#include "server/cli/report.h"
#include "server/cli/run_job.h"
#include "server/cli/serve.h"
#include "server/cli/show_backup.h"
#include "server/cli/show_job.h"
#include "server/cli/show_server.h"
#include "server/cli/status.h"
#include "server/cli/switch_wal.h"
#include "server/cli/undelete.h"
#include "server/cli/verify.h"
#include "server/cli/verify_backup.h"
#include "server/cli/verify_wal.h"
#include "server/cli/wal_conflicts.h"

namespace pgkeep::server {
namespace {

constexpr std::array kCommands{
    kAddServer,    kAdoptWal,   kAnnotate,     kBackup,      kCheck,        kCompact,
    kComplete,     kCompletion, kCreateSlot,   kCron,        kDelete,       kDiagnose,
    kDropSlot,     kExpire,     kGenerateDocs, kGenerateMan, kGetWal,       kKeep,
    kListBackups,  kListFiles,  kListJobs,     kListServers, kListWal,      kMetrics,
    kName,         kNewLine,    kNotify,       kPushedWal,   kPutWal,       kRebuildCatalog,
    kReceiveWal,   kRecover,    kRelease,      kReload,      kRemoveServer, kReplicationStatus,
    kReport,       kRunJob,     kServe,        kShowBackup,  kShowJob,      kShowServer,
    kStatus,       kSwitchWal,  kUndelete,     kVerify,      kVerifyBackup, kVerifyWal,
    kWalConflicts,
};
static_assert(std::ranges::is_sorted(kCommands, {}, &Command::name));

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

const Command* find_command(std::string_view name) {
  const auto found = std::ranges::find_if(kCommands, [&](const Command& command) {
    return command.name == name || std::ranges::find(command.aliases, name) != command.aliases.end();
  });
  return found == kCommands.end() ? nullptr : &*found;
}

void GlobalArguments::declare(Syntax& syntax) {
  syntax.option("-c,--config", "FILE", "the configuration; default /etc/pgkeep/pgkeep.yaml", config_file);
  syntax.flag("--json", "print one JSON document instead of text", json);
  syntax.flag("-q,--quiet", "no progress and no talk, only what was asked for and what is wrong", quiet);
  syntax.flag("-v,--verbose", "more about what happens", verbose);
  syntax.choice("--color", "auto|always|never",
                "colors; auto: on a terminal, unless the environment variable NO_COLOR is set", color,
                {{"auto", Output::Color::automatic},
                 {"always", Output::Color::always},
                 {"never", Output::Color::never}});
  syntax.flag("-h,--help", "help for the program or the command", help);
  syntax.flag("--version", "the version", version);
}

}  // namespace pgkeep::server
