#include "server/fleet/backup_choice.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/error.h"
#include "catalog/wal/set_aside_line.h"
#include "server/config/suggestion.h"

namespace pgkeep::server {
namespace {

/// None of those that can be read is meant: it may be one that cannot.
void refuse_unread(std::string_view wanted, std::string_view server, bool others,
                   const std::vector<store::UnreadBackup>& unread) {
  for (const auto& backup : unread) {
    // Without others, `latest` and the like mean one of these.
    if (others && !backup.id.to_string().starts_with(wanted)) continue;
    throw Error(fmt::format("server {}: {}", server, describe(backup)));
  }
}

}  // namespace

const store::BackupRecord& choose_backup(std::span<const store::BackupRecord> backups,
                                         std::string_view wanted, std::string_view server,
                                         const UnreadBackups& unread) {
  if (backups.empty()) {
    refuse_unread(wanted, server, false, unread());
    throw NotFound(fmt::format("server {} has no backup yet; `pgkeep backup {}` takes one", server, server));
  }
  if (wanted == "all")
    throw UsageError(fmt::format(
        "`all` is not taken here; name the backups, `pgkeep list-backups {}` lists them", server));
  if (wanted == "latest" || wanted == "last") return backups.back();
  if (wanted == "oldest" || wanted == "first") return backups.front();
  std::vector<const store::BackupRecord*> found;
  std::vector<std::string> ids;
  for (const auto& backup : backups) {
    ids.push_back(backup.id.to_string());
    if (!wanted.empty() && ids.back().starts_with(wanted)) found.push_back(&backup);
  }
  if (found.size() == 1) return *found.front();
  if (found.empty()) {
    if (!wanted.empty()) refuse_unread(wanted, server, true, unread());
    const auto hint = did_you_mean(wanted, ids);
    throw NotFound(
        fmt::format("server {} has no backup '{}'{}", server, wanted,
                    hint.empty() ? fmt::format("; `pgkeep list-backups {}` lists them", server) : hint));
  }
  std::vector<std::string> candidates;
  candidates.reserve(found.size());
  for (const auto* backup : found) candidates.push_back(backup->id.to_string());
  throw UsageError(fmt::format("'{}' is the beginning of {} backups of server {}: {}; give more of the id",
                               wanted, found.size(), server, fmt::join(candidates, ", ")));
}

UnreadBackups unread_in_files(const store::ServerLayout& layout) {
  return [layout] { return store::list_backup_records(layout).unread; };
}

store::ServerLayout layout_for_backup(const store::ServerLayout& layout, std::string_view wanted,
                                      std::string_view server) {
  const auto lines = catalog::read_set_aside_lines(layout);
  auto backups = store::list_backup_records(layout).backups;
  if (lines.empty() || backups.empty()) return layout;
  catalog::sort_by_line(lines, backups);
  const auto& backup = wanted == kAutomaticChoice
                           ? backups.back()
                           : choose_backup(backups, wanted, server, unread_in_files(layout));
  return catalog::layout_of_backup(layout, lines, backup.id);
}

}  // namespace pgkeep::server
