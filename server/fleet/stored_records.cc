#include "server/fleet/stored_records.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "catalog/wal/set_aside_line.h"
#include "server/fleet/fleet.h"

namespace pgkeep::server {
namespace {

/// The place takes no new bytes from us, but what is there can still be read.
bool only_not_writable(const StorageError& error) {
  return error.cause() == EROFS || error.cause() == EACCES || error.cause() == EPERM || error.out_of_space();
}

}  // namespace

std::vector<catalog::SegmentRow> segments_in_files(const catalog::WalArchive& archive) {
  const auto size = archive.identity().wal_segment_size;
  std::vector<catalog::SegmentRow> rows;
  for (const auto& segment : archive.inventory().segments) {
    const auto path = archive.layout().archived(segment, size);
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path, error);
    if (error) throw StorageError(error.value(), path, "read the size");
    rows.push_back({.segment = segment,
                    .begin = segment.begin(size),
                    .end = segment.end(size),
                    .stored_bytes = bytes,
                    .first_time = {},
                    .last_time = {}});
  }
  return rows;
}

StoredRecords::StoredRecords(const ServerConfig& server, const store::ServerLayout& layout, Output& out)
    : layout_(layout) {
  const auto without_index = [&](const Error& error) {
    out.warning(fmt::format("{}: the index cannot be opened; reading the files themselves: {}", server.name,
                            error.what()));
  };
  try {
    index_ = open_catalog(server, layout, out);
    return;
  } catch (const StorageError& error) {
    if (!only_not_writable(error)) throw;
    without_index(error);
  } catch (const Busy& error) {
    without_index(error);
  }
  auto listing = store::list_backup_records(layout);
  for (const auto& backup : listing.unread) out.warning(describe(backup));
  backups_ = std::move(listing.backups);
  segments_ = segments_in_files(open_archive(server, layout));
}

std::vector<store::BackupRecord> StoredRecords::backups() {
  auto backups = index_ ? index_->backups() : backups_;
  catalog::sort_by_line(catalog::read_set_aside_lines(layout_), backups);
  return backups;
}

std::vector<catalog::SegmentRow> StoredRecords::segments() {
  return index_ ? index_->segments() : segments_;
}

std::vector<catalog::RunRecord> StoredRecords::runs(std::size_t newest) {
  if (index_) return index_->runs(newest);
  auto runs = catalog::RunJournal(layout_).read();
  std::ranges::reverse(runs);
  if (runs.size() > newest) runs.resize(newest);
  return runs;
}

std::optional<catalog::RecoveryWindow> StoredRecords::recovery_window(
    const catalog::WalArchive& archive, const catalog::HeldWal& wal, std::span<const catalog::Event> events) {
  return index_ ? catalog::read_recovery_window(*index_, archive, wal, events) : std::nullopt;
}

std::uint64_t StoredRecords::wal_stored_bytes() {
  if (index_) return index_->wal_stored_bytes();
  std::uint64_t bytes = 0;
  for (const auto& row : segments_) bytes += row.stored_bytes;
  return bytes;
}

}  // namespace pgkeep::server
