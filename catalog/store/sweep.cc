#include "catalog/store/sweep.h"

#include <set>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/store/backup_reader.h"
#include "catalog/store/file_table.h"
#include "catalog/store/pack_series.h"

namespace pgkeep::store {
namespace {

std::uint64_t size_below(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && !entry.is_symlink()) bytes += entry.file_size();
  }
  return bytes;
}

/// Removes the folders of backups without a commit record.
std::uint64_t sweep_folders(const ServerLayout& layout) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(layout.backups())) {
    const auto id = BackupId::parse(entry.path().filename().native());
    if (!id || std::filesystem::exists(layout.record(*id))) continue;
    bytes += size_below(entry.path());
    io::remove_tree(entry.path());
  }
  if (bytes != 0) io::sync_directory(layout.backups());
  return bytes;
}

/// The packs that the committed backups need, the bases of their deltas included. SQLite does not notice
/// every damage, so each table is held against the digest in its record before anything is unlinked on its
/// word.
std::set<std::uint32_t> living_packs(const ServerLayout& layout) {
  std::set<std::uint32_t> living;
  for (const auto& entry : std::filesystem::directory_iterator(layout.backups())) {
    const auto id = BackupId::parse(entry.path().filename().native());
    if (!id) continue;
    const auto record = read_backup_record(layout, *id);
    if (!record) continue;
    try {
      check_file_table(layout, *record);
      for (const auto& [pack, used] : FileTable(layout.file_table(*id)).packs()) living.insert(pack);
    } catch (const Error& e) {
      throw Corruption(
          fmt::format("{}; so nobody can say which packs are needed, and none is removed. Delete backup {}, "
                      "which cannot be recovered without its file table",
                      e.what(), id->to_string()));
    }
  }
  return living;
}

/// What no backup names. The living are asked for only when there is something to decide.
std::vector<std::filesystem::path> dead_packs(const ServerLayout& layout) {
  std::vector<std::filesystem::path> dead;
  std::optional<std::set<std::uint32_t>> living;
  for (const auto& entry : std::filesystem::directory_iterator(layout.packs())) {
    const auto pack = parse_pack_name(entry.path().filename().native());
    if (pack && !living) living = living_packs(layout);
    if (pack ? !living->contains(pack->number) : entry.path().extension() == ".tmp")
      dead.push_back(entry.path());
  }
  return dead;
}

Freed sweep_packs(const ServerLayout& layout) {
  const auto dead = dead_packs(layout);
  if (dead.empty()) return {};
  Freed freed;
  for (const auto& path : dead) {
    freed.bytes += std::filesystem::file_size(path);
    io::remove_file(path);
  }
  io::sync_directory(layout.packs());
  return freed;
}

}  // namespace

Freed sweep_unfinished(const ServerLayout& layout) {
  const auto folders = sweep_folders(layout);
  auto freed = sweep_packs(layout);
  freed.bytes += folders;
  return freed;
}

Freed delete_backup(const ServerLayout& layout, const BackupClaim& claim) {
  io::remove_file(layout.record(claim.id()));
  io::sync_directory(layout.backup(claim.id()));
  return sweep_unfinished(layout);
}

}  // namespace pgkeep::store
