#pragma once

#include <string>

#include "catalog/io/bytes.h"
#include "catalog/wal/wal_archive.h"
#include "recover/plan/plan.h"

namespace pgkeep::recover {

enum class WalAnswer {
  delivered,
  not_there,  // we are sure: the archive does not have it
};

/// Writes a WAL file that PostgreSQL's recovery asks for into `out`: a segment, decompressed and checked; one
/// that is not archived yet from its partial, as it is when WAL after it was received, else padded with
/// zeroes after what was received (the first one of a timeline from its ancestor's file, up to the fork, as
/// long as that one reaches further); a history file; what else was pushed (a backup history file, the last
/// segment of a timeline as NAME.partial). Any other name is not_there. Throws when it cannot tell
/// (unreadable, damaged), and when a segment is missing or incomplete that has WAL after it, since recovery
/// would end at it: then `out` must not be kept.
WalAnswer deliver_wal(const catalog::WalArchive& archive, const std::string& name, io::ByteSink& out);

/// Writes a segment that a plan has chosen: always as many bytes as a segment has. Throws Corruption when it
/// is damaged or gone.
void deliver_planned(const catalog::WalArchive& archive, const PlannedWal& file, io::ByteSink& out);

}  // namespace pgkeep::recover
