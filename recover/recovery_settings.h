#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recover/conf_file.h"
#include "recover/plan/least_settings.h"
#include "recover/plan/plan.h"

namespace pgkeep::recover {

/// postgresql.auto.conf for the recovered directory and what to tell about it. Pure.
struct RecoverySettings {
  std::string auto_conf;             // the whole new content
  std::vector<std::string> changed;  // what was set or neutralised, a line each
  std::vector<std::string> review;   // what the operator should look at, a line each
  /// SQL that takes the recovery's own settings back once the copy is open for writing: standbys cloned from
  /// it would inherit them.
  std::vector<std::string> resets;
  /// SQL that takes back the rest of what was set, a statement each: until then it wins over postgresql.conf.
  std::vector<std::string> overrides;
  /// What must stand on the command line of the start (pg_ctl -o "-c NAME=VALUE"): PostgreSQL needs it before
  /// it reads postgresql.auto.conf.
  std::vector<std::pair<std::string, std::string>> start_options;
};

/// From the backup's postgresql.auto.conf and postgresql.conf (empty when not in the backup): recovery
/// settings of the plan are set, old ones removed (the timeline is given by number only where PostgreSQL's
/// `latest` would be another); what would harm is neutralised: archiving, waiting for standbys, replication,
/// restore_command, recovery_target_*, commands at the end of recovery, and files outside of the data
/// directory that PostgreSQL writes. What replay demands (`least`) and a pause that can be looked at
/// (hot_standby) are set where the source's configuration would not do.
///
/// A value goes into postgresql.auto.conf only when another file has another one, or may have it because
/// pgkeep does not see all of them; each has its statement in `resets` or `overrides`. Paths of the original
/// (hba_file, data_directory, ssl_*_file, include …) are put under review. Values of the source are not
/// repeated: they may hold passwords.
RecoverySettings make_settings(const RecoveryPlan& plan, std::string_view auto_conf,
                               std::string_view main_conf, const LeastSettings& least = {});

}  // namespace pgkeep::recover
