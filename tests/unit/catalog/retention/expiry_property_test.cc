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
/// backups expire now and then, and are kept, with all WAL from them on or standing alone. One hour is one
/// segment.
class Server {
 public:
  using Moment = std::pair<TimelineId, std::uint64_t>;

  /// `has_wal_window`: false makes the same server, with the same history, which keeps all WAL.
  explicit Server(unsigned seed, bool has_wal_window = true) : chance_(seed) {
    policy_.redundancy = static_cast<std::uint64_t>(chance_.number(0, 3));
    policy_.recovery_window = chance_.number(0, 60) * 1h;
    policy_.daily = static_cast<std::uint64_t>(chance_.number(0, 4));
    policy_.minimum_redundancy = static_cast<std::uint64_t>(chance_.number(1, 2));
    policy_.grace = chance_.number(0, 1) * chance_.number(1, 30) * 1h;
    // Longer than a promotion goes back: that may end before the newest backup from before the window.
    window_ = std::max(policy_.recovery_window, std::chrono::milliseconds(chance_.number(4, 60) * 1h));
    if (chance_.number(0, 2) == 0) window_ = 0h;
    if (has_wal_window) policy_.wal_window = window_;
  }

  void live_an_hour() {
    enum class Hour { quiet, backup, bad_backup, promotion, lost, pin, pin_alone, release };
    switch (chance_.one_of<Hour>({{70, Hour::quiet},
                                  {20, Hour::backup},
                                  {4, Hour::bad_backup},
                                  {2, Hour::promotion},
                                  {2, Hour::lost},
                                  {2, Hour::pin},
                                  {2, Hour::pin_alone},
                                  {2, Hour::release}})) {
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
      case Hour::pin_alone:
        if (!backups_.empty()) backups_.back().keep = {hour(0), {}, "wanted", true};
        break;
      case Hour::release:
        for (auto& backup : backups_) backup.keep.reset();
        break;
    }
    held_.segments(timeline_, now_, now_);
    ++now_;
  }

  void expire() {
    const auto before = recoverable();
    const auto resumed_before = resume_point();
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
    EXPECT_TRUE(reaches_what_it_did()) << "a backup that stays lost its WAL";
    EXPECT_EQ(resume_point(), resumed_before) << "WAL that was let go would be asked for";
    EXPECT_TRUE(gaps_are_told());
  }

  /// Of the WAL window, by the timeline along which a recovery goes.
  std::set<Moment> recoverable_in_window() const {
    auto moments = recoverable();
    const auto begin = hour(static_cast<double>(now_)) - window_;
    std::erase_if(moments, [&](const Moment& moment) {
      return hour(static_cast<double>(moment.second) + 0.5) < begin;
    });
    return moments;
  }

  bool chance(int percent) { return chance_.number(1, 100) <= percent; }

 private:
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

  /// How far each backup comes never changes while it is there, but where it keeps only what makes it
  /// consistent.
  bool reaches_what_it_did() {
    for (const auto& backup : backups_) {
      const auto reach = held_.along(backup.end.timeline).replay_reach(backup.start.lsn, held_.events);
      auto& known = reach_[backup.id];
      const bool may_be_cut = policy_.wal_window != 0h || (backup.keep && backup.keep->standalone);
      cut_.insert_or_assign(backup.id, cut_[backup.id] || may_be_cut);
      if (reach < known && (!cut_[backup.id] || reach < backup.end.lsn)) return false;
      known = reach;
    }
    return true;
  }

  std::optional<postgres::Lsn> resume_point() const {
    const auto point = held_.along(timeline_).resume_point(held_.events);
    return point ? std::optional(point->position.lsn) : std::nullopt;
  }

  bool gaps_are_told() const {
    const auto wal = held_.wal();
    for (std::uint32_t number = 1; number <= timeline_.value(); ++number) {
      const auto gaps = wal.along(held_.names.line_of(TimelineId(number))).gaps(held_.events);
      if (!std::ranges::all_of(gaps, [](const WalGap& gap) { return gap.event.has_value(); })) return false;
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
    for (const auto& range : plan.wal[0].goes.between)
      held_.recorded({hour(static_cast<double>(now_)), EventKind::removed, "let go", range});
    held_.names.segments = held_.names.segments.without(plan.wal[0].goes.segments);
  }

  test::Chance chance_;
  RetentionPolicy policy_;
  std::chrono::milliseconds window_{0};  // the WAL window; nothing: none
  test::Held held_;
  std::uint64_t now_ = 1;
  TimelineId timeline_{1};
  std::vector<ExpiryCandidate> backups_;
  std::map<store::BackupId, postgres::Lsn> reach_;
  std::map<store::BackupId, bool> cut_;  // whether it ever may have been
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

/// Whatever is decided later: what recoveries could come to without a WAL window they come to with it.
TEST(ExpiryPropertyTest, AWalWindowTakesNoMomentOfIt) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Server server(seed);
    Server keeps_all(seed, false);
    for (int i = 0; i < 150; ++i) {
      server.live_an_hour();
      keeps_all.live_an_hour();
      const bool expires = server.chance(20);
      if (keeps_all.chance(20) != expires) FAIL() << "two histories";
      if (!expires) continue;
      server.expire();
      keeps_all.expire();
      const auto with = server.recoverable_in_window();
      for (const auto& [timeline, moment] : keeps_all.recoverable_in_window())
        EXPECT_TRUE(with.contains({timeline, moment}))
            << "hour " << moment << " on timeline " << timeline.to_string() << ", step " << i;
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace pgkeep::catalog
