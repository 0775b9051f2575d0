#pragma once

#include "catalog/wal/held_wal.h"

namespace pgkeep::streaming {

/// Recovery to the last byte leaves the timeline before a record of which only the beginning was received. So
/// a server that was recovered from here continues a little before the end of what is here.
///
/// True when after `fork`, up to the end of what the archive holds of that timeline (`last`: its last file),
/// there is nothing but such a record, or zeroes. A whole record there is
/// another branch's.
bool only_a_cut_record_follows(const catalog::WalArchive& archive, const postgres::WalPosition& fork,
                               const catalog::HeldFile& last);

}  // namespace pgkeep::streaming
