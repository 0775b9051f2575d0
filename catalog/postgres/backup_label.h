#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/postgres/timeline.h"

namespace pgkeep::postgres {

/// The file backup_label, without which a restored directory would recover from the wrong place
/// (PostgreSQL manual, "Continuous Archiving"; protocol: one "KEY: value" a line).
struct BackupLabel {
  WalPosition start;  // START WAL LOCATION, START TIMELINE: where replay begins
  Lsn checkpoint;     // CHECKPOINT LOCATION
  bool from_standby = false;
  std::string label;
  std::optional<WalPosition> incremental_from;  // 17+

  /// Throws Corruption naming the line that is missing or wrong.
  static BackupLabel parse(std::string_view content);
};

}  // namespace pgkeep::postgres
