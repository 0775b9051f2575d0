#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "catalog/index/server_catalog.h"
#include "catalog/io/sqlite.h"

// How the rows of catalog.db are written: for server_catalog.cc and server_catalog_rebuild.cc alone.
namespace pgkeep::catalog::rows {

/// SQLite's integers are signed. LSNs, numbers and sizes stay below 2^63 and are stored as they are, so that
/// they order; one above it can only be damage, and throws Corruption.
std::int64_t stored(std::uint64_t value);
std::int64_t stored(io::TimePoint time);
std::optional<std::int64_t> stored(const std::optional<io::TimePoint>& time);

SegmentRow segment_row(const SegmentFileHeader& header, std::uint64_t stored_bytes);

void put_backup(io::Database& database, const store::BackupRecord& record);
void remove_backup(io::Database& database, std::string_view id);
void put_segment(io::Database& database, const SegmentRow& row);
void remove_segment(io::Database& database, const postgres::WalSegment& segment);
void put_history(io::Database& database, postgres::TimelineId timeline, std::string_view content);
void remove_history(io::Database& database, postgres::TimelineId timeline);
void put_run(io::Database& database, const RunRecord& run);

}  // namespace pgkeep::catalog::rows
