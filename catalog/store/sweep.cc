#include "catalog/store/sweep.h"

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/store/deletions.h"
#include "catalog/store/living_objects.h"
#include "catalog/store/pack.h"
#include "catalog/store/pack_files.h"

namespace pgkeep::store {
namespace {

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
  for (const auto& entry : io::entries_there(layout.backups())) {
    const auto id = BackupId::parse(entry.path().filename().native());
    if (!id || io::is_there(layout.record(*id))) continue;
    bytes += size_below(entry.path());
    io::remove_tree(entry.path());
  }
  return bytes;
}

/// Generations that have a later one, which is whole as far as its directory tells: a copy of the repository
/// may have been cut in the middle of it.
std::vector<PackName> superseded(const Repository& repository, const ServerLayout& layout,
                                 const std::vector<PackName>& files) {
  std::vector<PackName> old;
  const auto& last = files.back();
  try {
    if (files.size() > 1) PackReader(repository, layout, last);
  } catch (const Corruption&) {
    return old;
  }
  for (const auto& name : files)
    if (name.generation < last.generation && name.kind == last.kind) old.push_back(name);
  return old;
}

/// What no backup names, and what has a later generation. The living are asked for only when there is
/// something to decide.
std::vector<std::filesystem::path> dead_packs(const ServerLayout& layout, Freed& freed) {
  std::vector<std::filesystem::path> dead;
  for (const auto& entry : io::entries_there(layout.packs()))
    if (entry.path().extension() == ".tmp") dead.push_back(entry.path());
  const auto packs = list_pack_files(layout);
  if (packs.empty()) return dead;
  const auto repository = Repository::of(layout);
  auto living = living_objects(layout);
  for (const auto& [number, files] : packs) {
    const bool needed = !living.unknown.empty() || living.packs.contains(number);
    for (const auto& name : needed ? superseded(repository, layout, files) : files)
      dead.push_back(layout.pack(name));
  }
  freed.packs_kept = std::move(living.unknown);
  return dead;
}

/// Deleting is the way out of a full disk.
bool note_if_there_is_room(const ServerLayout& layout, const Deletion& deletion) {
  try {
    note_deletion(layout, deletion);
    return true;
  } catch (const StorageError& error) {
    if (!error.out_of_space()) throw;
    return false;
  }
}

void sweep_packs(const ServerLayout& layout, Freed& freed) {
  const auto dead = dead_packs(layout, freed);
  if (dead.empty()) return;
  // The folders that were removed first, also by a sweep that was killed: with a record in it one would come
  // back as a backup without its packs.
  io::sync_directory(layout.backups());
  // A later generation may have been seen by its name alone.
  io::sync_directory(layout.packs());
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

Freed delete_backups(const ServerLayout& layout, std::span<const BackupClaim> claims, const WhyDeleted& why) {
  std::vector<Deletion> unnoted;
  for (const auto& claim : claims) {
    const auto deletion = deletion_of(layout, claim.id(), why(claim.id()));
    // First, or a power cut in between would leave a backup that is missing without a reason.
    if (!note_if_there_is_room(layout, deletion)) unnoted.push_back(deletion);
    io::remove_file(layout.record(claim.id()));
    io::sync_directory(layout.backup(claim.id()));
  }
  auto freed = sweep_unfinished(layout);
  for (const auto& deletion : unnoted) note_deletion(layout, deletion);
  return freed;
}

}  // namespace pgkeep::store
