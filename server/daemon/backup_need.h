#pragma once

#include <optional>
#include <span>
#include <string>

#include "catalog/store/layout.h"
#include "catalog/wal/held_wal.h"

namespace pgkeep::server {

/// The lost WAL that keeps a recovery from a backup, which begins at `start`, from coming to the end of what
/// is held: the newest such gap. Only what is known to be lost counts; what is missing otherwise may still
/// come.
const catalog::WalGap* gap_behind(std::span<const catalog::WalGap> gaps, const postgres::WalPosition& start);

/// Why the server has to have a new base backup, from what is in its files; nothing when it has none to begin
/// with, or its newest one reaches the end of the WAL. Throws StorageError, Corruption.
std::optional<std::string> why_backup_is_needed(const store::ServerLayout& layout);

}  // namespace pgkeep::server
