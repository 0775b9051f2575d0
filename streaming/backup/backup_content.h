#pragma once

#include "catalog/io/progress.h"
#include "catalog/store/backup_record.h"
#include "streaming/backup/backup_sink.h"
#include "streaming/backup/source_facts.h"

namespace pgkeep::streaming {

/// Puts into the record what the files of the backup say of it (backup_label, pg_control, tablespace_map):
/// its start, its tablespaces, its checksums, and where its configuration lies. `record` has what the server
/// said before and at the end. Throws Refused or ProtocolError where they contradict that: it is not the
/// backup that was asked for.
void describe_content(const BackupSink& sink, const SourceFacts& facts, io::ProgressObserver& observer,
                      store::BackupRecord& record);

}  // namespace pgkeep::streaming
