#include "recover/plan/plan_time.h"

#include <algorithm>

namespace pgkeep::recover {
namespace {

/// Only the newest file of a segment is read, and after a fork inside it its commits are not of the line.
bool counts(const std::vector<PlannedWal>& files, std::size_t index) {
  const bool newest =
      index + 1 == files.size() || files[index + 1].segment.number != files[index].segment.number;
  return newest && !files[index].fork;
}

}  // namespace

bool stops_at(const RecoveryTarget& target, io::TimePoint commit) {
  const auto* time = std::get_if<TargetTime>(&target.where);
  if (time == nullptr) return false;
  return target.inclusive ? commit > time->time : commit >= time->time;
}

FoundTime find_time(const RecoveryTarget& target, const WalLine& wal, const RecoveryFacts& facts) {
  FoundTime found;
  for (std::size_t i = 0; i < wal.files.size(); ++i) {
    const auto& segment = wal.files[i].segment;
    if (!counts(wal.files, i)) {
      found.known = found.known && !wal.files[i].fork;
      continue;
    }
    const auto commits = facts.commits.find(segment);
    if (commits == facts.commits.end()) {
      found.known = false;
      continue;
    }
    const auto& [known, earliest, latest] = commits->second;
    found.known = found.known && known;
    if (latest && stops_at(target, *latest)) {
      found.segment = segment.number;
      return found;
    }
    if (latest) found.latest = std::max(found.latest, latest);
  }
  return found;
}

std::string format_moment(io::TimePoint time) {
  auto text = io::format_rfc3339(time);
  std::ranges::replace(text, 'T', ' ');
  text.pop_back();
  return text + " UTC";
}

}  // namespace pgkeep::recover
