#include "catalog/store/sweep.h"

#include <cerrno>
#include <set>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/store/backup_reader.h"
#include "catalog/store/file_table.h"
#include "catalog/store/pack_series.h"

namespace pgkeep::store {
namespace {

/// One that is missing says nothing of what is needed: a mount point, say, where nothing is mounted.
std::vector<std::filesystem::directory_entry> entries_there(const std::filesystem::path& folder) {
  if (!io::is_there(folder)) throw StorageError(ENOENT, folder, "list the directory");
  return io::entries(folder);
}

std::uint64_t size_below(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  io::for_each_below(folder, [&](const std::filesystem::directory_entry& entry) {
    std::error_code gone;
    const auto size = entry.is_symlink(gone) ? 0 : entry.file_size(gone);
    if (!gone) bytes += size;
  });
  return bytes;
}

/// Removes the folders of backups without a commit record.
std::uint64_t sweep_folders(const ServerLayout& layout) {
  std::uint64_t bytes = 0;
  for (const auto& entry : entries_there(layout.backups())) {
    const auto id = BackupId::parse(entry.path().filename().native());
    if (!id || io::is_there(layout.record(*id))) continue;
    bytes += size_below(entry.path());
    io::remove_tree(entry.path());
  }
  return bytes;
}

/// What the committed backups need, the bases of their deltas included.
struct LivingPacks {
  std::set<std::uint32_t> numbers;
  std::vector<std::string> unknown;  // of which backups that cannot be said, and why
};

constexpr std::string_view kGiveBack = "Give the file back to the owner of the repository";

std::string give_up_or_restore(const ServerLayout& layout, const BackupId& id) {
  return fmt::format(
      "Bring the file back from another copy of the repository, or give the backup up: `pgkeep delete {} {}`",
      layout.root().filename().native(), id.to_string());
}

/// SQLite does not notice every damage, so each table is held against the digest in its record before
/// anything is unlinked on its word.
LivingPacks living_packs(const ServerLayout& layout) {
  LivingPacks living;
  for (const auto& entry : entries_there(layout.backups())) {
    const auto id = BackupId::parse(entry.path().filename().native());
    if (!id) continue;
    try {
      const auto record = read_backup_record(layout, *id);
      if (!record) continue;
      check_file_table(layout, *record);
      for (const auto& [pack, used] : FileTable(layout.file_table(*id)).packs()) living.numbers.insert(pack);
    } catch (const Error& e) {
      living.unknown.push_back(fmt::format(
          "{}; so nobody can say which packs backup {} needs, and none is removed. {}", e.what(),
          id->to_string(), is_denied(e) ? std::string(kGiveBack) : give_up_or_restore(layout, *id)));
    }
  }
  return living;
}

/// What no backup names. The living are asked for only when there is something to decide.
std::vector<std::filesystem::path> dead_packs(const ServerLayout& layout, Freed& freed) {
  std::vector<std::filesystem::path> dead;
  std::optional<LivingPacks> living;
  for (const auto& entry : entries_there(layout.packs())) {
    const auto pack = parse_pack_name(entry.path().filename().native());
    if (!pack) {
      if (entry.path().extension() == ".tmp") dead.push_back(entry.path());
      continue;
    }
    if (!living) living = living_packs(layout);
    if (living->unknown.empty() && !living->numbers.contains(pack->number)) dead.push_back(entry.path());
  }
  if (living) freed.packs_kept = std::move(living->unknown);
  return dead;
}

void sweep_packs(const ServerLayout& layout, Freed& freed) {
  const auto dead = dead_packs(layout, freed);
  if (dead.empty()) return;
  // The folders that were removed first, also by a sweep that was killed: with a record in it one would come
  // back as a backup without its packs.
  io::sync_directory(layout.backups());
  for (const auto& path : dead) {
    freed.bytes += std::filesystem::file_size(path);
    io::remove_file(path);
  }
  io::sync_directory(layout.packs());
}

}  // namespace

Freed sweep_unfinished(const ServerLayout& layout) {
  Freed freed{.bytes = sweep_folders(layout)};
  sweep_packs(layout, freed);
  return freed;
}

Freed delete_backups(const ServerLayout& layout, std::span<const BackupClaim> claims) {
  for (const auto& claim : claims) {
    io::remove_file(layout.record(claim.id()));
    io::sync_directory(layout.backup(claim.id()));
  }
  return sweep_unfinished(layout);
}

}  // namespace pgkeep::store
