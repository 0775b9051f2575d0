#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recover/conf_file.h"
#include "recover/plan.h"

namespace pgkeep::recover {

/// postgresql.auto.conf for the recovered directory and what to tell about it. Pure.
struct RecoverySettings {
  std::string auto_conf;             // the whole new content
  std::vector<std::string> changed;  // what was set or neutralised, a line each
  std::vector<std::string> review;   // what the operator should look at, a line each
  /// SQL that takes the recovery's own settings back once the copy is open for writing: standbys cloned from
  /// it would inherit them.
  std::vector<std::string> resets;
  /// What must stand on the command line of the start (pg_ctl -o "-c NAME=VALUE"): PostgreSQL needs it before
  /// it reads postgresql.auto.conf.
  std::vector<std::pair<std::string, std::string>> start_options;
};

/// From the backup's postgresql.auto.conf and postgresql.conf (empty when not in the backup): recovery
/// settings of the plan are set, old ones removed (the timeline is given by number only where PostgreSQL's
/// `latest` would be another); what would harm is neutralised: archive_mode,
/// archive_command and archive_library, synchronous_standby_names, synchronized_standby_slots,
/// primary_conninfo, primary_slot_name, restore_command, recovery_target_*, recovery_end_command,
/// archive_cleanup_command, recovery_min_apply_delay. Absolute paths (hba_file, data_directory, ssl_*_file,
/// include …) are put under review. Values of the source are not repeated: they may hold passwords.
RecoverySettings make_settings(const RecoveryPlan& plan, std::string_view auto_conf,
                               std::string_view main_conf);

}  // namespace pgkeep::recover
