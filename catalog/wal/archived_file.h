#pragma once

#include <memory>
#include <string_view>

#include "catalog/io/bytes.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// Opens a whole file of the archive by the name that PostgreSQL has for it: a segment, a history file, a
/// backup history file, the last segment of a timeline as it was pushed (NAME.partial). Null when the archive
/// has no such file, or when the name is none of these. What is being received is not looked at. Damage is
/// thrown as Corruption, here or by the read() that finds it.
std::unique_ptr<io::ByteSource> open_archived_file(const WalArchive& archive, std::string_view name);

/// The segment that a name begins with, whatever kind of WAL file it names; nothing for histories and for
/// what no WAL file of such segments is called.
std::optional<postgres::WalSegment> segment_of_wal_file(std::string_view name, postgres::WalSegmentSize size);

/// No history file or backup history file is longer.
inline constexpr std::uint64_t kMaxSmallWalFile = 1u << 20;

}  // namespace pgkeep::catalog
