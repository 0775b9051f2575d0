#include <algorithm>
#include <ranges>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/health/findings_parts.h"
#include "server/terminal/output.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kMostShown = 10;

/// A backup that a verification of it found damaged.
struct DamagedBackup {
  store::BackupId id;
  catalog::DamageMark mark;
  bool is_newest = false;  // of those that have not expired
};

bool is_named(const std::vector<DamageFacts>& damage, const store::BackupId& id) {
  return std::ranges::any_of(damage, [&](const DamageFacts& one) {
    return std::ranges::find(one.damage.backups, id) != one.damage.backups.end();
  });
}

/// But for those that have expired, which nobody is to use, and those that known damage names; newest first.
std::vector<DamagedBackup> damaged_backups(const StoredFacts& stored) {
  std::vector<DamagedBackup> damaged;
  bool is_newest = true;
  for (const auto& backup : std::views::reverse(stored.backups)) {
    const auto marks = stored.marks.find(backup.id);
    const bool is_known = marks != stored.marks.end();
    if (is_known && marks->second.expired) continue;
    if (is_known && marks->second.damaged && !is_named(stored.damage, backup.id))
      damaged.push_back({backup.id, *marks->second.damaged, is_newest});
    is_newest = false;
  }
  return damaged;
}

std::string place_of(const DamageFacts& facts) {
  const auto& damage = facts.damage;
  const auto backups =
      damage.backups.empty() ? "" : fmt::format(", needed by {}", counted(damage.backups.size(), "backup"));
  const auto files = describe_files(damage);
  return fmt::format("{}: {}{}{}", describe_place(damage), damage.what, backups,
                     files.empty() ? "" : " for " + files);
}

std::string hint_for_damage(const std::string& server, const StoredFacts& stored,
                            const std::vector<DamagedBackup>& backups, bool concerns_newest) {
  const auto is_wal = [](const DamageFacts& one) { return one.damage.kind == catalog::StoredKind::wal; };
  const bool has_wal = std::ranges::any_of(stored.damage, is_wal);
  const bool has_other = !backups.empty() || !std::ranges::all_of(stored.damage, is_wal);
  std::vector<std::string> hints;
  if (!concerns_newest)
    hints.emplace_back("the newest backup is not concerned; older ones may be, until they expire");
  if (concerns_newest && has_other)
    hints.push_back(fmt::format(
        "take a backup, which stores again what the server still has: `pgkeep backup {}`", server));
  if (has_wal)
    hints.push_back(fmt::format(
        "of WAL, push a sound copy by `pgkeep put-wal {0}`; see the runbook \"A WAL segment of the archive is damaged\"",
        server));
  if (has_other) hints.emplace_back("or bring the file back from another copy of the repository");
  if (!stored.damage.empty()) hints.push_back(fmt::format("then `pgkeep verify {}`", server));
  if (!backups.empty())
    hints.push_back(fmt::format("then `pgkeep verify-backup {} {}`", server, backups.front().id.to_string()));
  return fmt::format("{}", fmt::join(hints, "; "));
}

/// Nothing while no verification has found any.
std::optional<Finding> examine_known_damage(const std::string& server, const StoredFacts& stored) {
  const auto backups = damaged_backups(stored);
  if (stored.damage.empty() && backups.empty()) return std::nullopt;
  Finding finding{.key = "damage", .severity = Severity::warning, .what = {}};
  std::vector<std::string> places;
  const auto add = [&](std::string place, io::TimePoint since, bool concerns_newest) {
    places.push_back(std::move(place));
    if (concerns_newest) finding.severity = Severity::failed;
    finding.since = std::min(finding.since.value_or(since), since);
  };
  for (const auto& one : stored.damage) add(place_of(one), one.damage.since, one.concerns_newest);
  for (const auto& one : backups)
    add(fmt::format("backup {}: {}", one.id.to_string(), one.mark.why), one.mark.at, one.is_newest);
  const auto all = places.size();
  places.resize(std::min(all, kMostShown));
  finding.what = fmt::format("{}", fmt::join(places, "; "));
  if (all > places.size()) finding.what += fmt::format("; and {} more", all - places.size());
  finding.hint = hint_for_damage(server, stored, backups, finding.severity == Severity::failed);
  return finding;
}

/// What protects a backup, and whether it is damaged, is not known then.
std::optional<Finding> examine_marks(const std::vector<std::string>& unread) {
  if (unread.empty()) return std::nullopt;
  auto what = fmt::format("what was decided of {} cannot be read: {}", counted(unread.size(), "backup"),
                          unread.front());
  if (unread.size() > 1) what += fmt::format("; and {} more", unread.size() - 1);
  return Finding{.key = "marks", .severity = Severity::failed, .what = std::move(what)};
}

}  // namespace

void examine_damage(const std::string& server, const StoredFacts& stored, std::vector<Finding>& findings) {
  if (auto finding = examine_known_damage(server, stored)) findings.push_back(*std::move(finding));
  if (auto finding = examine_marks(stored.unread_marks)) findings.push_back(*std::move(finding));
}

}  // namespace pgkeep::server
