#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/progress.h"
#include "catalog/store/backup_reader.h"
#include "recover/deliver/delivery.h"
#include "recover/plan/plan.h"

namespace pgkeep::recover {

/// What was done, for the operator.
struct RecoveryReport {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t wal_segments = 0;
  std::vector<std::string> changed_settings;  // what was neutralised or set, a line each
  std::vector<std::string> review;  // what the operator must look at: absolute paths, missing configuration
  std::vector<std::string> start_commands;  // exact commands
  std::vector<std::string> resets;          // SQL for when it is open: takes back the recovery's settings
  std::vector<std::string> overrides;       // SQL that takes back the rest of what was set
  std::chrono::milliseconds duration{};
};

/// What can be said beforehand.
struct RecoveryPreview {
  std::vector<std::string> changed_settings;  // as in RecoveryReport
  std::vector<std::string> review;
  std::vector<std::string> resets;
  std::vector<std::string> overrides;
};

/// All that carry_out() checks before it writes, the destination included; writes nothing. Throws what
/// carry_out() would.
RecoveryPreview check(const RecoveryPlan& plan, const store::Repository& repository,
                      const store::ServerLayout& layout, io::ProgressObserver& observer);

/// Carries out a plan: directories, files (every byte checked on the way out), WAL, settings, signal file,
/// and global/pg_control last, so that what was interrupted cannot start. The result carries a
/// backup_manifest that pg_verifybackup accepts. Throws what its parts throw; what was written stays, without
/// pg_control, and is said.
RecoveryReport carry_out(const RecoveryPlan& plan, const store::Repository& repository,
                         const store::ServerLayout& layout, io::ProgressObserver& observer,
                         const std::stop_token& stop);

}  // namespace pgkeep::recover
