#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/index/server_catalog.h"
#include "catalog/io/sqlite.h"

// How the rows of catalog.db are written, and made of the files: for the sources of this folder alone.
namespace pgkeep::catalog::rows {

/// SQLite's integers are signed. LSNs, numbers and sizes stay below 2^63 and are stored as they are, so that
/// they order; one above it can only be damage, and throws Corruption.
std::int64_t stored(std::uint64_t value);
std::int64_t stored(io::TimePoint time);
std::optional<std::int64_t> stored(const std::optional<io::TimePoint>& time);

/// Throws Corruption for a row of what no segment can be.
void require_possible(const SegmentRow& row);
SegmentRow segment_row(const SegmentFileHeader& header, std::uint64_t stored_bytes);

void put_backup(io::Database& database, const store::BackupRecord& record);
void remove_backup(io::Database& database, std::string_view id);
/// What becomes of a row that is there for the same segment.
enum class Known { stays, is_replaced };
void put_segment(io::Database& database, const SegmentRow& row, Known known);
/// In one transaction.
void put_segments(io::Database& database, std::span<const SegmentRow> segments, Known known);
void remove_segments(io::Database& database, const SegmentSet& segments);
void put_run(io::Database& database, const RunRecord& run);

/// The committed backups, by their names.
std::set<std::string> committed_backups(const store::ServerLayout& layout);

// One file that is damaged, or that this user may not open, keeps nobody from the others: it is in
// `unreadable`. One that has gone is passed over.
std::vector<store::BackupRecord> read_backups(const store::ServerLayout& layout,
                                              const std::vector<std::string>& ids,
                                              std::vector<std::string>& unreadable);
std::vector<SegmentRow> read_segments(const WalArchive& archive, const SegmentSet& segments,
                                      std::vector<std::string>& unreadable);

/// What `all` has and `known` has not; both are sorted.
template <typename Set>
std::vector<typename Set::value_type> without(const Set& all, const Set& known) {
  std::vector<typename Set::value_type> rest;
  std::ranges::set_difference(all, known, std::back_inserter(rest));
  return rest;
}

}  // namespace pgkeep::catalog::rows
