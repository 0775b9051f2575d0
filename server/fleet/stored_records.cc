#include "server/fleet/stored_records.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "catalog/index/stored_rows.h"
#include "catalog/records/newest_runs.h"
#include "catalog/wal/set_aside_line.h"
#include "server/fleet/fleet.h"

namespace pgkeep::server {
namespace {

/// An index that lacks more segments is put right, where it can be, and not passed by each time.
constexpr std::size_t kMostPassedBy = 1000;

/// The files may still be read: the index is held, is damaged, or its place takes no new bytes from us.
bool leaves_the_files(const store::ServerLayout& layout, const Error& error) {
  if (dynamic_cast<const Busy*>(&error) != nullptr || catalog::is_index_damage(layout, error) ||
      is_denied(error))
    return true;
  const auto* storage = dynamic_cast<const StorageError*>(&error);
  return storage != nullptr && (storage->cause() == EROFS || storage->out_of_space());
}

}  // namespace

std::vector<catalog::SegmentRow> segments_in_files(const catalog::WalArchive& archive,
                                                   const catalog::WalInventory& names) {
  const auto size = archive.identity().wal_segment_size;
  std::vector<catalog::SegmentRow> rows;
  for (const auto& segment : names.segments) {
    const auto path = archive.layout().archived(segment, size);
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path, error);
    if (error == std::errc::no_such_file_or_directory) continue;  // expired meanwhile
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

StoredRecords::StoredRecords(const ServerConfig& server, const store::ServerLayout& layout, Warn warn)
    : server_(&server), layout_(layout), warn_(std::move(warn)) {
  require_known(server, layout);
  if_possible([&] {
    index_ = catalog::ServerCatalog::open_to_read(layout);
    if (!index_) make_index();
  });
}

void StoredRecords::make_index() {
  index_ = open_catalog(*server_, layout_, warn_);
  warned_.insert(index_->unreadable().begin(), index_->unreadable().end());
}

/// The one that is open will do where that cannot be done now.
void StoredRecords::put_index_right() {
  try {
    make_index();
  } catch (const Error& error) {
    if (!leaves_the_files(layout_, error)) throw;
  }
}

void StoredRecords::warn_once(const std::string& problem) {
  if (warned_.insert(problem).second) warn_(problem);
}

/// Continues without the index where it cannot be had.
template <typename Step>
void StoredRecords::if_possible(Step&& step) {
  try {
    step();
  } catch (const Error& error) {
    if (!leaves_the_files(layout_, error)) throw;
    index_.reset();
    warn_(fmt::format("{}: the index cannot be opened; reading the files themselves: {}", server_->name,
                      error.what()));
  }
}

/// Asks the index, which is made again when that comes upon damage; or else the files.
template <typename Question, typename FromFiles>
auto StoredRecords::ask(Question&& question, FromFiles&& from_files) {
  std::vector<std::string> unreadable;
  std::optional<decltype(from_files())> answer;
  if_possible([&] {
    if (!index_) return;
    try {
      answer = question(*index_, unreadable);
    } catch (const Error& error) {
      if (!catalog::is_index_damage(layout_, error)) throw;
      unreadable.clear();
      make_index();
      answer = question(*index_, unreadable);
    }
  });
  for (const auto& problem : unreadable) warn_once(problem);
  return answer ? *std::move(answer) : from_files();
}

std::vector<store::BackupRecord> StoredRecords::backups() {
  auto backups =
      ask([&](auto& index, auto& unreadable) { return catalog::stored_backups(index, layout_, unreadable); },
          [&] {
            auto listing = store::list_backup_records(layout_);
            for (const auto& backup : listing.unread) warn_once(describe(backup));
            return std::move(listing.backups);
          });
  catalog::sort_by_line(catalog::read_set_aside_lines(layout_), backups);
  return backups;
}

std::vector<catalog::RunRecord> StoredRecords::runs(std::size_t newest) {
  return ask([&](auto& index, auto&) { return catalog::stored_runs(index, layout_, newest); },
             [&] {
               auto runs = catalog::newest_runs(layout_, newest);
               std::ranges::reverse(runs);
               return runs;
             });
}

std::vector<catalog::SegmentRow> StoredRecords::segments(const catalog::WalArchive& archive,
                                                         const catalog::WalInventory& names) {
  for (const auto& [timeline, damage] : names.damaged_histories) warn_once(damage);
  return ask(
      [&](auto& index, auto& unreadable) {
        if (names.segments.size() > index.segment_count() + kMostPassedBy) put_index_right();
        return catalog::stored_segments(*index_, archive, names, unreadable);
      },
      [&] { return segments_in_files(archive, names); });
}

std::optional<catalog::RecoveryWindow> StoredRecords::recovery_window(
    std::span<const store::BackupRecord> backups, std::span<const catalog::SegmentRow> segments,
    const catalog::WalArchive& archive, const catalog::HeldWal& wal,
    std::span<const catalog::Event> events) const {
  if (!index_) return std::nullopt;
  return catalog::read_recovery_window(backups, segments, archive, wal, events);
}

std::uint64_t stored_bytes(std::span<const catalog::SegmentRow> segments) {
  std::uint64_t bytes = 0;
  for (const auto& segment : segments) bytes += segment.stored_bytes;
  return bytes;
}

}  // namespace pgkeep::server
