#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/io/units.h"
#include "catalog/postgres/timeline.h"
#include "catalog/records/identity.h"
#include "catalog/store/backup_record.h"

namespace pgkeep::catalog {

/// One history of a server's WAL that was set aside because the server continued with another: its WAL is
/// kept under ServerLayout::of_line(), and the backups that were taken on it are recovered with that WAL
/// alone.
///
///     lines/<number>/line.json, sealed (io/sealed_json.h): {"format":1,"set_aside":RFC
///     3339,"why":…,"timeline":number or null,
///                                "end":LSN or null,"backups":[id, …]}
///     lines/<number>/wal, lines/<number>/events.jsonl: as those of the current line
///     lines/<number>/cluster.json: as identity.json, where that is another cluster's since
///
/// Numbers begin with 1 and rise. The record is written first, and durable before anything is moved; the line
/// counts from the moment on when its wal folder is there. What a kill leaves in between,
/// finish_setting_aside() completes.
struct SetAsideLine {
  unsigned number = 0;
  io::TimePoint at;
  std::string why;
  std::optional<postgres::WalPosition> end;  // of the newest WAL that was held
  std::vector<store::BackupId> backups;      // that belong to it, also those that were deleted since
  /// Not empty: the record cannot be read, and this says why, and what to do. Then `at` is when the line
  /// after it began, if that line's journal tells (else it is the clock's zero), and all but the number is
  /// missing.
  std::string damage;
};

/// All that count, by number, also those whose record is damaged: that concerns only the backups of which no
/// other record tells (is_unclear()).
std::vector<SetAsideLine> read_set_aside_lines(const store::ServerLayout& layout);

/// The server with the WAL of each of its lines, by number; that of the current line last.
std::vector<store::ServerLayout> layouts_of_lines(const store::ServerLayout& layout);

/// Which line a backup belongs to; nothing: the current one, or that is unclear.
std::optional<unsigned> line_of(std::span<const SetAsideLine> lines, const store::BackupId& backup);

/// Whether a backup may belong to a line whose record is damaged: no record that can be read has it, and it
/// did not begin after the newest line was set aside. It can be listed and deleted, but it is not known which
/// WAL is that of its history.
bool is_unclear(std::span<const SetAsideLine> lines, const store::BackupId& backup);

/// The layout with the WAL that a backup is recovered with: that of its line. Throws Corruption, with the way
/// out, when that is unclear.
store::ServerLayout layout_of_backup(const store::ServerLayout& layout, std::span<const SetAsideLine> lines,
                                     const store::BackupId& backup);

/// Stable: those of which it is unclear first, then those of lines that were set aside, by number, and those
/// of the current line last.
void sort_by_line(std::span<const SetAsideLine> lines, std::vector<store::BackupRecord>& backups);

/// Leaves only the backups of the layout's own line, and none of which that is unclear.
void keep_only_own(const store::ServerLayout& layout, std::vector<store::BackupRecord>& backups);

/// Sets the current line aside; the next WAL that is received begins a new one. The caller holds the server's
/// receiver_lock() and writer_lock(). With `next`, the new line is of that cluster, which took the place of
/// the one that is held. One that was begun and killed is completed in place of another. Durable when it
/// returns. Throws Refused when there is no WAL and no other cluster.
SetAsideLine set_line_aside(const store::ServerLayout& layout, const std::string& why,
                            const std::optional<ServerIdentity>& next = {});

/// Whether a kill has left something of set_line_aside() undone, while nobody holds the receiver_lock().
bool is_half_set_aside(const store::ServerLayout& layout);

/// Completes it. The caller holds the receiver_lock(). Cheap when there is nothing to do.
void finish_setting_aside(const store::ServerLayout& layout);

}  // namespace pgkeep::catalog
