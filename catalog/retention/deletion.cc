#include "catalog/retention/deletion.h"

#include <algorithm>

namespace pgkeep::catalog {
namespace {

bool contains(std::span<const store::BackupId> ids, const store::BackupId& id) {
  return std::ranges::find(ids, id) != ids.end();
}

/// What those of the line of a backup need of its WAL which `stay`.
template <typename Stays>
NeedlessWal needless_when(const ExpiryFacts& facts, std::size_t line, const RetentionPolicy& policy,
                          io::TimePoint now, Stays stays) {
  const auto faults = faults_of(facts.candidates, facts.lines);
  std::vector<WalUser> users;
  for (std::size_t i = 0; i < facts.candidates.size(); ++i) {
    const auto& candidate = facts.candidates[i];
    if (candidate.line == line && stays(candidate))
      users.push_back(candidate.as_user(now, faults[i].empty() && !candidate.expired));
  }
  return needless_of(facts.lines[line], wal_needs(users, facts.lines, policy, now));
}

/// Not one that retention, or a gap, left no more WAL than makes it consistent.
bool leads_to_the_end(const ExpiryCandidate& candidate, const HeldLine& newest,
                      std::span<const Event> events) {
  return newest.line().contains(candidate.start) && newest.line().contains(candidate.end) &&
         !newest.replay_stops_after(candidate.start, events);
}

}  // namespace

std::string why_they_are_needed(const ExpiryFacts& facts, std::span<const store::BackupId> ids) {
  const auto current = facts.lines.size() - 1;
  const auto newest = facts.lines[current].held.along_newest();
  bool takes_good = false;
  bool takes_of_current = false;
  bool takes_to_the_end = false;
  bool leaves_good = false;
  bool leaves_of_current = false;
  bool leaves_to_the_end = false;
  const auto faults = faults_of(facts.candidates, facts.lines);
  for (std::size_t i = 0; i < facts.candidates.size(); ++i) {
    const auto& candidate = facts.candidates[i];
    if (candidate.expired || !faults[i].empty()) continue;
    const bool taken = contains(ids, candidate.id);
    (taken ? takes_good : leaves_good) = true;
    if (candidate.line != current) continue;
    (taken ? takes_of_current : leaves_of_current) = true;
    if (newest && leads_to_the_end(candidate, *newest, facts.lines[current].events))
      (taken ? takes_to_the_end : leaves_to_the_end) = true;
  }
  if (takes_good && !leaves_good) return "no good backup would be left";
  if (takes_of_current && !leaves_of_current)
    return "no good backup would be left of the line that the server is on";
  if (takes_to_the_end && !leaves_to_the_end)
    return "no good backup would be left from which a recovery comes to the end of the WAL";
  return {};
}

std::vector<NeedlessWal> wal_that_goes_with(const ExpiryFacts& facts, const RetentionPolicy& policy,
                                            io::TimePoint now, const store::BackupId& id) {
  std::vector<NeedlessWal> wal(facts.lines.size());
  const auto backup = std::ranges::find(facts.candidates, id, &ExpiryCandidate::id);
  if (!facts.unclear.empty() || backup == facts.candidates.end()) return wal;
  const auto line = backup->line;
  const auto after = needless_when(facts, line, policy, now, [&](const ExpiryCandidate& other) {
    return other.id != id && !other.expired;
  });
  const auto before = needless_when(facts, line, policy, now, [&](const ExpiryCandidate& other) {
    return other.id == id || !other.expired;
  });
  wal[line].segments = after.segments.without(before.segments);
  wal[line].partials = after.partials.without(before.partials);
  return wal;
}

std::vector<NeedlessWal> wal_needless_without(const ExpiryFacts& facts, const RetentionPolicy& policy,
                                              io::TimePoint now, const store::BackupId& id) {
  std::vector<NeedlessWal> wal(facts.lines.size());
  const auto backup = std::ranges::find(facts.candidates, id, &ExpiryCandidate::id);
  if (!facts.unclear.empty() || backup == facts.candidates.end()) return wal;
  wal[backup->line] = needless_when(facts, backup->line, policy, now,
                                    [&](const ExpiryCandidate& other) { return other.id != id; });
  return wal;
}

}  // namespace pgkeep::catalog
