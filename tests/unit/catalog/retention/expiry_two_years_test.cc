// A server that is backed up every hour for two years, under the policy that the manual shows.
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "catalog/retention/expiry_plan.h"
#include "tests/unit/catalog/retention/retention_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using postgres::WalSegment;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::year_month_day;
using test::hour;
using namespace std::chrono_literals;

constexpr TimelineId kOne{1};
constexpr int kHours = 2 * 365 * 24;
constexpr int kBadEvery = 97;
constexpr RetentionPolicy kPolicy{.redundancy = 3,
                                  .recovery_window = 14 * 24h,
                                  .daily = 14,
                                  .weekly = 8,
                                  .monthly = 12,
                                  .yearly = 2,
                                  .grace = 24h};

/// Numbers the days, weeks, months and years.
std::int64_t day_number(io::TimePoint time) {
  return floor<days>(time).time_since_epoch().count();
}
std::int64_t week_number(io::TimePoint time) {
  return (day_number(time) + 3) / 7;  // 1970-01-01 was a Thursday
}
std::int64_t month_number(io::TimePoint time) {
  const year_month_day date(floor<days>(time));
  return static_cast<int>(date.year()) * 12 + static_cast<int>(static_cast<unsigned>(date.month()));
}
std::int64_t year_number(io::TimePoint time) {
  return static_cast<int>(year_month_day(floor<days>(time)).year());
}

class TwoYears {
 public:
  void back_up() {
    auto backup = test::backup_at(static_cast<double>(now_));
    if (now_ % kBadEvery == kBadEvery - 1) {
      backup.fault = "damaged pages";
    } else {
      good_.push_back(backup);
    }
    there_.push_back(backup);
    held_.names.segments.insert(WalSegment{kOne, static_cast<std::uint64_t>(now_)});
    ++now_;
  }

  void expire() {
    const auto time = hour(now_);
    const auto plan = plan_expiry({there_, {test::line_of(held_)}, {}}, kPolicy, time);
    std::vector<ExpiryCandidate> left;
    for (std::size_t i = 0; i < there_.size(); ++i) {
      auto& backup = there_[i];
      const auto fate = plan.backups[i].fate;
      if (fate == Fate::goes) {
        ASSERT_LE(backup.expired->at + kPolicy.grace, time) << "before its time";
        continue;
      }
      if (fate == Fate::expires) backup.expired = {ExpiryMark::By::policy, time, plan.backups[i].reasons[0]};
      if (fate == Fate::returns) backup.expired.reset();
      left.push_back(std::move(backup));
    }
    there_ = std::move(left);
    held_.names.segments = held_.names.segments.without(plan.wal[0].goes.segments);
  }

  void require_what_the_policy_promises() const {
    std::set<store::BackupId> staying;
    for (const auto& backup : there_)
      if (!backup.expired) staying.insert(backup.id);
    require_newest_of("day", staying, day_number, kPolicy.daily);
    require_newest_of("week", staying, week_number, kPolicy.weekly);
    require_newest_of("month", staying, month_number, kPolicy.monthly);
    require_newest_of("year", staying, year_number, kPolicy.yearly);
    require_window(staying);
    require_wal();
    // All of the window, what rules keep from before it, and what a day marked.
    EXPECT_LE(there_.size(), 15 * 24u + 8 + 12 + 2 + 2 * 24);
  }

  std::size_t backups() const { return there_.size(); }
  double oldest() const {
    return static_cast<double>(there_.front().start.lsn.value()) /
           static_cast<double>(test::kHeldSize.bytes());
  }

 private:
  void require_newest_of(const char* what, const std::set<store::BackupId>& staying,
                         std::int64_t (*number_of)(io::TimePoint), std::uint64_t count) const {
    std::map<std::int64_t, store::BackupId> newest;
    for (const auto& backup : good_) newest.insert_or_assign(number_of(backup.ended), backup.id);
    for (auto last = newest.rbegin(); last != newest.rend() && count-- > 0; ++last)
      ASSERT_TRUE(staying.contains(last->second)) << what << " of " << last->second.to_string();
  }

  /// All that ended in it, and the one from which its first moment is recovered.
  void require_window(const std::set<store::BackupId>& staying) const {
    const auto begin = hour(now_) - kPolicy.recovery_window;
    auto last = good_.rbegin();
    for (; last != good_.rend() && last->ended > begin; ++last) ASSERT_TRUE(staying.contains(last->id));
    if (last != good_.rend()) {
      ASSERT_TRUE(staying.contains(last->id));
    }
  }

  /// All of it from the oldest backup on, and none from before.
  void require_wal() const {
    const auto& segments = held_.names.segments;
    ASSERT_EQ(segments.front().number, static_cast<std::uint64_t>(oldest()));
    ASSERT_EQ(segments.size(), static_cast<std::uint64_t>(now_) - segments.front().number);
  }

  int now_ = 1;
  test::Held held_;
  std::vector<ExpiryCandidate> there_;
  std::vector<RuledBackup> good_;  // that were ever taken
};

TEST(TwoYearsTest, OfHourlyBackupsKeepWhatThePolicyPromisesAndNoMore) {
  TwoYears server;
  for (int i = 1; i <= kHours; ++i) {
    server.back_up();
    if (i % 24 != 0) continue;
    server.expire();
    if (i % (24 * 5) == 0) server.require_what_the_policy_promises();
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GE(server.backups(), 14 * 24u);
  EXPECT_EQ(server.oldest(), 364 * 24 + 23) << "the last of the first year";
}

}  // namespace
}  // namespace pgkeep::catalog
