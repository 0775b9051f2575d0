#include "catalog/retention/retention_rules.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace pgkeep::catalog {
namespace {

using std::chrono::local_days;
using std::chrono::year_month_day;

/// A day, week, month or year: a number that rises with time, and how people call it.
struct Bucket {
  std::int64_t number = 0;
  std::string name;
};

std::string name_of(local_days day) {
  const year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

Bucket daily(local_days day) {
  return {day.time_since_epoch().count(), name_of(day)};
}

Bucket weekly(local_days day) {
  const auto monday = day - (std::chrono::weekday(day) - std::chrono::Monday);
  return {monday.time_since_epoch().count(), "week of " + name_of(monday)};
}

Bucket monthly(local_days day) {
  const year_month_day date(day);
  const auto year = static_cast<int>(date.year());
  const auto month = static_cast<unsigned>(date.month());
  return {std::int64_t{year} * 12 + month, fmt::format("{:04}-{:02}", year, month)};
}

Bucket yearly(local_days day) {
  const auto year = static_cast<int>(year_month_day(day).year());
  return {year, fmt::format("{:04}", year)};
}

/// Those that have WAL, and those that backups began or ended on.
std::set<postgres::TimelineId> timelines_of(std::size_t line, std::span<const RuledBackup> backups,
                                            std::span<const LineOfWal> lines) {
  std::set<postgres::TimelineId> timelines;
  const auto& held = lines[line].held;
  for (const auto* names : {&held.names().segments, &held.names().partials})
    for (const auto& run : names->runs()) timelines.insert(run.timeline);
  for (const auto& backup : backups)
    if (backup.line == line) timelines.insert(backup.end.timeline);
  return timelines;
}

/// Whether something of a timeline may have been written after `begin`.
bool reaches(const LineOfWal& line, postgres::TimelineId timeline, io::TimePoint begin) {
  if (line.set_aside && *line.set_aside < begin) return false;
  const auto last = line.held.last_of(timeline);
  if (last && last->partial) {
    const auto known = line.partial_commits.find(last->segment);
    if (known == line.partial_commits.end() || !known->second.known) return true;
  }
  const auto archived = line.commits.find(timeline);
  if (!line.held.names().segments.runs_of(timeline).empty() &&
      (archived == line.commits.end() || !archived->second.known))
    return true;
  if (archived != line.commits.end() && archived->second.latest >= begin) return true;
  return std::ranges::any_of(line.partial_commits, [&](const auto& partial) {
    return partial.first.timeline == timeline && partial.second.latest >= begin;
  });
}

class Rules {
 public:
  Rules(std::span<const RuledBackup> backups, std::span<const LineOfWal> lines, const RetentionPolicy& policy,
        io::TimePoint now, const LocalTime& local)
      : backups_(backups), lines_(lines), policy_(&policy), now_(now), local_(&local) {}

  Reasons apply() {
    keep_newest();
    keep_window();
    keep_buckets("daily", policy_->daily, daily);
    keep_buckets("weekly", policy_->weekly, weekly);
    keep_buckets("monthly", policy_->monthly, monthly);
    keep_buckets("yearly", policy_->yearly, yearly);
    keep_minimum();
    keep_the_newest();
    return std::move(reasons_);
  }

 private:
  void keep(const RuledBackup& backup, std::string reason) {
    auto& reasons = reasons_[backup.id];
    if (std::ranges::find(reasons, reason) == reasons.end()) reasons.push_back(std::move(reason));
  }

  void keep_newest() {
    const auto count = std::min<std::size_t>(policy_->redundancy, backups_.size());
    for (std::size_t i = 1; i <= count; ++i)
      keep(backups_[backups_.size() - i], fmt::format("redundancy: {} of {}", i, policy_->redundancy));
  }

  // ------------------------------------------------------------------------------------ recovery window

  void keep_window() {
    if (policy_->recovery_window.count() == 0) return;
    const auto begin = now_ - policy_->recovery_window;
    for (const auto& backup : backups_)
      if (backup.ended > begin) keep(backup, "recovery_window");
    for (const auto& branch : branches_since(begin, backups_, lines_)) keep_the_one_before(branch, begin);
  }

  void keep_the_one_before(const Branch& branch, io::TimePoint begin) {
    for (std::size_t i = backups_.size(); i > 0; --i) {
      const auto& backup = backups_[i - 1];
      if (backup.ended > begin || !leads_along(backup, branch)) continue;
      keep(backup, fmt::format("recovery_window: the last before {}", io::format_time(begin)));
      return;
    }
  }

  // --------------------------------------------------------------------------------------------- buckets

  void keep_buckets(std::string_view rule, std::uint64_t count, Bucket (*bucket_of)(local_days)) {
    if (count == 0) return;
    // By the clock: of two with one time the one that is newer by its WAL.
    std::map<std::int64_t, std::pair<const RuledBackup*, std::string>, std::greater<>> newest;
    for (const auto& backup : backups_) {
      auto [number, name] = bucket_of(std::chrono::floor<std::chrono::days>((*local_)(backup.ended)));
      auto& known = newest[number];
      if (!known.first || known.first->ended <= backup.ended) known = {&backup, std::move(name)};
    }
    for (const auto& [number, kept] : newest) {
      if (count-- == 0) return;
      keep(*kept.first, fmt::format("{}: {}", rule, kept.second));
    }
  }

  /// On the timeline that the server is on: those of a branch that was left may be newer, or by a clock that
  /// was ahead, and lead nowhere near it.
  void keep_the_newest() {
    if (reasons_.empty() || lines_.empty()) return;
    const auto current = lines_.size() - 1;
    const auto timelines = timelines_of(current, backups_, lines_);
    if (timelines.empty()) return;
    const Branch newest{current, lines_[current].held.names().line_of(*timelines.rbegin())};
    for (std::size_t i = backups_.size(); i > 0; --i) {
      const auto& backup = backups_[i - 1];
      if (!leads_along(backup, newest)) continue;
      if (!reasons_.contains(backup.id))
        keep(backup, fmt::format("the newest that leads to timeline {}", timelines.rbegin()->to_string()));
      return;
    }
  }

  void keep_minimum() {
    for (std::size_t i = backups_.size(); i > 0 && reasons_.size() < policy_->minimum_redundancy; --i)
      if (const auto& backup = backups_[i - 1]; !reasons_.contains(backup.id))
        keep(backup, fmt::format("minimum_redundancy: {}", policy_->minimum_redundancy));
  }

  std::span<const RuledBackup> backups_;
  std::span<const LineOfWal> lines_;
  const RetentionPolicy* policy_;
  io::TimePoint now_;
  const LocalTime* local_;
  Reasons reasons_;
};

}  // namespace

std::chrono::local_seconds in_utc(io::TimePoint time) {
  return std::chrono::local_seconds(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch());
}

std::vector<Branch> branches_since(io::TimePoint begin, std::span<const RuledBackup> backups,
                                   std::span<const LineOfWal> lines) {
  std::vector<Branch> branches;
  for (std::size_t line = 0; line < lines.size(); ++line) {
    const auto timelines = timelines_of(line, backups, lines);
    for (const auto timeline : timelines) {
      const bool goes_on = line + 1 == lines.size() && timeline == *timelines.rbegin();
      if (goes_on || reaches(lines[line], timeline, begin))
        branches.push_back({line, lines[line].held.names().line_of(timeline)});
    }
  }
  return branches;
}

bool leads_along(const RuledBackup& backup, const Branch& branch) {
  return backup.line == branch.line && branch.history.contains(backup.start) &&
         branch.history.contains(backup.end);
}

Reasons apply_rules(std::span<const RuledBackup> backups, std::span<const LineOfWal> lines,
                    const RetentionPolicy& policy, io::TimePoint now, const LocalTime& local) {
  return Rules(backups, lines, policy, now, local).apply();
}

}  // namespace pgkeep::catalog
