#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "recover/plan.h"

namespace pgkeep::recover {

/// postgresql.auto.conf for the recovered directory and what to tell about it. Pure.
struct RecoverySettings {
  std::string auto_conf;                 // the whole new content
  std::vector<std::string> changed;
  std::vector<std::string> review;
};

/// From the backup's postgresql.auto.conf and postgresql.conf (empty when not in the backup): recovery settings of
/// the plan are set, old ones removed; what would harm is neutralised: archive_mode, archive_command and
/// archive_library, synchronous_standby_names, primary_conninfo, primary_slot_name, restore_command, recovery_target_*,
/// recovery_end_command, archive_cleanup_command. Absolute paths (hba_file, data_directory, ssl_*_file, include …) are
/// put under review.
RecoverySettings make_settings(const RecoveryPlan& plan, std::string_view auto_conf, std::string_view main_conf);

/// One assignment in a postgresql.conf-style file, unquoted (PostgreSQL manual, "Parameter Interaction via the Configuration File").
struct ConfLine {
  std::string name;   // lower case; empty for comments and blank lines
  std::string value;
  std::string raw;    // the line as it stands
};
std::vector<ConfLine> parse_conf(std::string_view content);
std::string quote_conf_value(std::string_view value);

}  // namespace pgkeep::recover
