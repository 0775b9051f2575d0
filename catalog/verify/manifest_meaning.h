#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/postgres/backup_manifest.h"
#include "catalog/postgres/timeline.h"
#include "catalog/store/backup_record.h"

namespace pgkeep::catalog {

/// What PostgreSQL's manifest says of the whole backup and cannot be, after what `record` knows from
/// elsewhere: from the log-in, from backup_label, and from the end of BASE_BACKUP; and after `line`, the
/// history of the timeline on which the backup ended. Where that is not known, how the backup passed from one
/// timeline to the next is not compared. A message each; empty: they agree.
///
/// The manifest's own checksum is no proof: who changes the one on its way computes the other again. The
/// server lists the WAL of a backup from the newest timeline to the oldest, each range from where its
/// timeline began, the oldest from where the backup did (AddWALInfoToBackupManifest() in PostgreSQL). So its
/// list follows from where the backup began and ended and from the history, and is compared with that.
std::vector<std::string> contradictions(const postgres::ManifestSummary& manifest,
                                        const store::BackupRecord& record,
                                        const std::optional<postgres::TimelineHistory>& line);

}  // namespace pgkeep::catalog
