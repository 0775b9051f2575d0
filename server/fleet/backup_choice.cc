#include "server/fleet/backup_choice.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/error.h"
#include "catalog/retention/retention_marks.h"
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

constexpr std::array<std::string_view, 6> kWords{"latest", "last", "oldest",
                                                 "first",  "all",  kAutomaticChoice};
constexpr std::size_t kLongestName = 64;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

const store::BackupRecord& named_backup(std::span<const store::BackupRecord> backups,
                                        const store::BackupId& id, std::string_view server,
                                        const BackupLookup& lookup) {
  const auto found = std::ranges::find(backups, id, &store::BackupRecord::id);
  if (found != backups.end()) return *found;
  refuse_unread(id.to_string(), server, true, lookup.unread());
  throw NotFound(fmt::format("server {} has no backup {} any more", server, id.to_string()));
}

}  // namespace

const store::BackupRecord& choose_backup(std::span<const store::BackupRecord> backups,
                                         std::string_view wanted, std::string_view server,
                                         const BackupLookup& lookup) {
  if (backups.empty()) {
    refuse_unread(wanted, server, false, lookup.unread());
    throw NotFound(fmt::format("server {} has no backup yet; `pgkeep backup {}` takes one", server, server));
  }
  if (wanted == "all")
    throw UsageError(fmt::format(
        "`all` is not taken here; name the backups, `pgkeep list-backups {}` lists them", server));
  if (wanted == "latest" || wanted == "last") return backups.back();
  if (wanted == "oldest" || wanted == "first") return backups.front();
  std::vector<const store::BackupRecord*> found;
  std::vector<std::string> ids;
  if (is_letter(wanted.empty() ? '\0' : wanted.front())) {
    for (const auto& [name, id] : lookup.names()) {
      ids.push_back(name);
      if (name == wanted) return named_backup(backups, id, server, lookup);
    }
  }
  for (const auto& backup : backups) {
    ids.push_back(backup.id.to_string());
    if (!wanted.empty() && ids.back().starts_with(wanted)) found.push_back(&backup);
  }
  if (found.size() == 1) return *found.front();
  if (found.empty()) {
    if (!wanted.empty()) refuse_unread(wanted, server, true, lookup.unread());
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

BackupLookup lookup_in_files(const store::ServerLayout& layout) {
  return {.unread = [layout] { return store::list_backup_records(layout).unread; },
          .names = [layout] { return catalog::read_backup_names(layout); }};
}

std::string id_of_name(const store::ServerLayout& layout, const std::string& wanted) {
  if (!why_no_name(wanted).empty()) return wanted;
  const auto names = catalog::read_backup_names(layout);
  const auto found = names.find(wanted);
  return found == names.end() ? wanted : found->second.to_string();
}

std::string why_no_name(std::string_view name) {
  if (std::ranges::find(kWords, name) != kWords.end()) return fmt::format("`{}` means another backup", name);
  if (name.size() > kLongestName) return fmt::format("it has more than {} characters", kLongestName);
  if (name.empty() || !is_letter(name.front())) return "it does not begin with a letter";
  const auto is_taken = [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return std::ranges::all_of(name, is_taken)
             ? ""
             : "it has other characters than letters, digits, `-`, `_` and `.`";
}

store::ServerLayout layout_for_backup(const store::ServerLayout& layout, std::string_view wanted,
                                      std::string_view server) {
  const auto lines = catalog::read_set_aside_lines(layout);
  auto backups = store::list_backup_records(layout).backups;
  if (lines.empty() || backups.empty()) return layout;
  catalog::sort_by_line(lines, backups);
  const auto& backup = wanted == kAutomaticChoice
                           ? backups.back()
                           : choose_backup(backups, wanted, server, lookup_in_files(layout));
  return catalog::layout_of_backup(layout, lines, backup.id);
}

}  // namespace pgkeep::server
