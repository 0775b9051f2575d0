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

void StoredRecords::look_at_segments(const catalog::WalArchive& archive, const catalog::WalInventory& names,
                                     const std::function<void(catalog::StoredSegments&)>& look) {
  const auto look_at_files = [&] {
    catalog::SegmentFiles files(archive, names.segments);
    look(files);
    return true;
  };
  if (archive.layout().line()) {
    look_at_files();
    return;
  }
  for (const auto& [timeline, damage] : names.damaged_histories) warn_once(damage);
  ask(
      [&](auto& index, auto& unreadable) {
        auto known = index.known_of(names.segments);
        if (names.segments.size() > known.size() + kMostPassedBy) {
          put_index_right();
          known = index_->known_of(names.segments);
        }
        catalog::IndexedSegments indexed(*index_, archive, names.segments, known, unreadable);
        look(indexed);
        return true;
      },
      look_at_files);
}

}  // namespace pgkeep::server
