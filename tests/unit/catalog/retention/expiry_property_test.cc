// Whatever the history of a server was: what the policy promises is still there after it was carried out.
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "catalog/retention/expiry_plan.h"
#include "tests/support/chance.h"
#include "tests/unit/catalog/retention/retention_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using test::at;
using test::hour;
using test::left;
using namespace std::chrono_literals;

/// A server that is backed up now and then, promoted now and then, whose WAL is lost now and then, and whose
/// backups expire now and then. One hour is one segment.
class Server {
 public:
  explicit Server(unsigned seed) : chance_(seed) {
    policy_.redundancy = static_cast<std::uint64_t>(chance_.number(0, 3));
    policy_.recovery_window = chance_.number(0, 60) * 1h;
    policy_.daily = static_cast<std::uint64_t>(chance_.number(0, 4));
    policy_.minimum_redundancy = static_cast<std::uint64_t>(chance_.number(1, 2));
    policy_.grace = chance_.number(0, 1) * chance_.number(1, 30) * 1h;
  }

  void live_an_hour() {
    enum class Hour { quiet, backup, bad_backup, promotion, lost, pin };
    switch (chance_.one_of<Hour>({{70, Hour::quiet},
                                  {20, Hour::backup},
                                  {4, Hour::bad_backup},
                                  {2, Hour::promotion},
                                  {2, Hour::lost},
                                  {2, Hour::pin}})) {
      case Hour::quiet:
        break;
      case Hour::backup:
        backups_.push_back(test::backup_at(static_cast<double>(now_) + 0.25, timeline_));
        break;
      case Hour::bad_backup:
        backups_.push_back(test::backup_at(static_cast<double>(now_) + 0.25, timeline_));
        backups_.back().fault = "damaged pages";
        break;
      case Hour::promotion:
        promote();
        break;
      case Hour::lost:
        held_.recorded(test::gap(timeline_, static_cast<double>(now_), static_cast<double>(now_ + 1)));
        ++now_;
        return;
      case Hour::pin:
        if (!backups_.empty()) backups_.back().keep = {hour(0), {}, "wanted"};
        break;
    }
    held_.segments(timeline_, now_, now_);
    ++now_;
  }

  void expire() {
    const auto before = recoverable();
    const auto good_before = good_backups();
    const auto plan = plan_expiry({backups_, lines(), {}}, policy_, hour(static_cast<double>(now_)));
    carry_out(plan);
    const auto after = recoverable();
    const auto begin = hour(static_cast<double>(now_)) - policy_.recovery_window;
    for (const auto& moment : before) {
      if (hour(static_cast<double>(moment.second) + 0.5) < begin || policy_.recovery_window == 0h) continue;
      EXPECT_TRUE(after.contains(moment))
          << "hour " << moment.second << " on timeline " << moment.first.to_string() << " at " << now_;
    }
    EXPECT_GE(good_backups(), std::min<std::size_t>(good_before, policy_.minimum_redundancy));
    EXPECT_TRUE(reaches_what_it_did(after)) << "a backup that stays lost its WAL";
  }

  bool chance(int percent) { return chance_.number(1, 100) <= percent; }

 private:
  using Moment = std::pair<TimelineId, std::uint64_t>;

  std::vector<LineOfWal> lines() const { return {test::line_of(held_)}; }

  void promote() {
    if (now_ < 3) return;
    const auto line = held_.names.line_of(timeline_);
    const auto segments = [](postgres::Lsn position) {
      return static_cast<double>(position.value()) / static_cast<double>(test::kHeldSize.bytes());
    };
    const auto back = static_cast<double>(now_) - static_cast<double>(chance_.number(0, 20)) / 10;
    const auto fork = std::max(back, segments(line.begin()) + 0.5);
    if (fork >= static_cast<double>(now_)) return;
    std::string history;
    for (const auto& ancestor : line.ancestors()) history += left(ancestor.timeline, segments(ancestor.end));
    history += left(timeline_, fork);
    timeline_ = TimelineId(timeline_.value() + 1);
    held_.history(timeline_, history);
    held_.segments(timeline_, static_cast<std::uint64_t>(fork), now_ - 1);
  }

  /// The hours to whose middle a recovery comes, by the timeline along which it goes; by brute force.
  std::set<Moment> recoverable() const {
    std::set<Moment> moments;
    const auto wal = held_.wal();
    for (std::uint32_t number = 1; number <= timeline_.value(); ++number) {
      const TimelineId timeline(number);
      const auto along = wal.along(held_.names.line_of(timeline));
      for (const auto& backup : backups_) {
        if (!backup.fault.empty() || !along.line().contains(backup.start) ||
            !along.line().contains(backup.end))
          continue;
        const auto reach = along.replay_reach(backup.start.lsn, held_.events);
        for (std::uint64_t n = 0; n < now_; ++n)
          if (at(static_cast<double>(n) + 0.5) >= backup.end.lsn && at(static_cast<double>(n) + 0.5) < reach)
            moments.insert({timeline, n});
      }
    }
    return moments;
  }

  std::size_t good_backups() const {
    return static_cast<std::size_t>(std::ranges::count_if(backups_, [&](const ExpiryCandidate& backup) {
      const auto along = held_.along(backup.end.timeline);
      return backup.fault.empty() && along.replay_reach(backup.start.lsn, held_.events) >= backup.end.lsn;
    }));
  }

  /// How far each backup comes never changes while it is there.
  bool reaches_what_it_did(const std::set<Moment>&) {
    for (const auto& backup : backups_) {
      const auto reach = held_.along(backup.end.timeline).replay_reach(backup.start.lsn, held_.events);
      auto& known = reach_[backup.id];
      if (reach < known) return false;
      known = reach;
    }
    return true;
  }

  void carry_out(const ExpiryPlan& plan) {
    std::vector<ExpiryCandidate> left;
    for (std::size_t i = 0; i < backups_.size(); ++i) {
      auto backup = backups_[i];
      const auto& decision = plan.backups[i];
      EXPECT_FALSE(decision.reasons.empty());
      if (decision.fate == Fate::goes) continue;
      if (decision.fate == Fate::returns) backup.expired.reset();
      if (decision.fate == Fate::expires)
        backup.expired = {ExpiryMark::By::policy, hour(static_cast<double>(now_)), decision.reasons.front()};
      left.push_back(backup);
    }
    backups_ = std::move(left);
    auto& segments = held_.names.segments;
    std::erase_if(segments, [&](const auto& segment) {
      return std::ranges::binary_search(plan.wal[0].goes.segments, segment);
    });
  }

  test::Chance chance_;
  RetentionPolicy policy_;
  test::Held held_;
  std::uint64_t now_ = 1;
  TimelineId timeline_{1};
  std::vector<ExpiryCandidate> backups_;
  std::map<store::BackupId, postgres::Lsn> reach_;
};

TEST(ExpiryPropertyTest, WhatThePolicyPromisesIsThereAfterwards) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Server server(seed);
    for (int i = 0; i < 150; ++i) {
      server.live_an_hour();
      if (server.chance(20)) server.expire();
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace pgkeep::catalog
