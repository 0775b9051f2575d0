#pragma once

#include <optional>
#include <string>

#include "catalog/postgres/backup_label.h"
#include "catalog/postgres/control_file.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// Why the WAL that is held is not that of a backup's history; nothing when it is, or when it is not held.
///
/// Replay begins with the checkpoint that backup_label names: its record must be in the held WAL, and begin
/// replay where the label does. The checkpoint that the backup's pg_control names, when its WAL is held, must
/// be the same byte for byte: a server that was put back to an earlier state has others at the same places.
/// `line` is that of the backup's end.
std::optional<std::string> checkpoint_problem(const WalArchive& archive,
                                              const postgres::TimelineHistory& line,
                                              const postgres::BackupLabel& label,
                                              const postgres::ControlFile& control);

}  // namespace pgkeep::catalog
