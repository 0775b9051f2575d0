#include "catalog/retention/deletion.h"

#include <algorithm>
#include <iterator>

namespace pgkeep::catalog {
namespace {

bool contains(std::span<const store::BackupId> ids, const store::BackupId& id) {
  return std::ranges::find(ids, id) != ids.end();
}

/// Of the other backups of its line, those that have expired included or not.
std::vector<postgres::WalPosition> starts_without(const ExpiryFacts& facts, const ExpiryCandidate& backup,
                                                  bool expired_too) {
  std::vector<postgres::WalPosition> starts;
  for (const auto& other : facts.candidates)
    if (other.line == backup.line && other.id != backup.id && (expired_too || !other.expired))
      starts.push_back(other.start);
  return starts;
}

/// A line without backups keeps its WAL, as when backups expire.
NeedlessWal needless(const HeldWal& held, std::span<const postgres::WalPosition> starts) {
  return starts.empty() ? NeedlessWal() : needless_wal(held, starts);
}

}  // namespace

std::string why_they_are_needed(const ExpiryFacts& facts, std::span<const store::BackupId> ids) {
  const auto current = facts.lines.size() - 1;
  bool takes_good = false;
  bool takes_of_current = false;
  bool leaves_good = false;
  bool leaves_of_current = false;
  const auto faults = faults_of(facts.candidates, facts.lines);
  for (std::size_t i = 0; i < facts.candidates.size(); ++i) {
    const auto& candidate = facts.candidates[i];
    if (candidate.expired || !faults[i].empty()) continue;
    const bool taken = contains(ids, candidate.id);
    (taken ? takes_good : leaves_good) = true;
    if (candidate.line == current) (taken ? takes_of_current : leaves_of_current) = true;
  }
  if (takes_good && !leaves_good) return "no good backup would be left";
  if (takes_of_current && !leaves_of_current)
    return "no good backup would be left of the line that the server is on";
  return {};
}

std::vector<NeedlessWal> wal_that_goes_with(const ExpiryFacts& facts, const store::BackupId& id) {
  std::vector<NeedlessWal> wal(facts.lines.size());
  const auto backup = std::ranges::find(facts.candidates, id, &ExpiryCandidate::id);
  if (!facts.unclear.empty() || backup == facts.candidates.end()) return wal;
  auto starts = starts_without(facts, *backup, false);
  const auto& held = facts.lines[backup->line].held;
  const auto after = needless(held, starts);
  starts.push_back(backup->start);
  const auto before = needless(held, starts);
  auto& gained = wal[backup->line];
  std::ranges::set_difference(after.segments, before.segments, std::back_inserter(gained.segments));
  std::ranges::set_difference(after.partials, before.partials, std::back_inserter(gained.partials));
  return wal;
}

std::vector<NeedlessWal> wal_needless_without(const ExpiryFacts& facts, const store::BackupId& id) {
  std::vector<NeedlessWal> wal(facts.lines.size());
  const auto backup = std::ranges::find(facts.candidates, id, &ExpiryCandidate::id);
  if (!facts.unclear.empty() || backup == facts.candidates.end()) return wal;
  wal[backup->line] = needless(facts.lines[backup->line].held, starts_without(facts, *backup, true));
  return wal;
}

}  // namespace pgkeep::catalog
