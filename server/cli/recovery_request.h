#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "recover/plan/plan.h"
#include "server/cli/arguments.h"
#include "server/config/config.h"

namespace pgkeep::server {

/// Which timeline an operator wants: the one of that number, the backup's own, or the newest.
struct WantedTimeline {
  std::optional<postgres::TimelineId> number;
  bool of_backup = false;
};

struct NewTablespacePlace {
  std::string tablespace;  // name, OID or original location
  std::filesystem::path place;
};

/// What the operator of `recover` types.
struct RecoverArguments : OneServer, HookArguments {
  std::string backup;  // or kAutomaticChoice
  std::filesystem::path destination;
  std::optional<recover::TargetTime> target_time;
  std::optional<recover::TargetXid> target_xid;
  std::optional<recover::TargetLsn> target_lsn;
  std::optional<recover::TargetName> target_name;
  bool target_immediate = false;
  WantedTimeline target_timeline;
  std::optional<recover::TargetAction> target_action;
  bool exclusive = false;
  bool standby_mode = false;
  std::vector<NewTablespacePlace> tablespaces;
  bool get_wal = false;
  bool no_get_wal = false;
  std::optional<std::string> get_wal_command;
  std::string remote_ssh_command;  // empty: this host
  unsigned jobs = 0;               // 0: one a core
  bool dry_run = false;

  void declare(Syntax& syntax);
};

/// What is asked for with them; the backup by its id, not by its name. `facts` are of one line of the server;
/// `line`: its number when it was set aside. Throws UsageError for options that do not go together, and what
/// choose_backup() does.
recover::RecoveryRequest make_recovery_request(const RecoverArguments& arguments, const ServerConfig& server,
                                               const recover::RecoveryFacts& facts,
                                               const std::filesystem::path& config_file,
                                               std::optional<unsigned> line = {});

/// restore_command for this host: this program's own path and the configuration's, quoted for the shell and
/// for PostgreSQL's percent signs.
std::string local_get_wal_command(const std::filesystem::path& program,
                                  const std::filesystem::path& config_file, const std::string& server,
                                  std::optional<unsigned> line = {});

}  // namespace pgkeep::server
