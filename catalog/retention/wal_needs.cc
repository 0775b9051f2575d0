#include "catalog/retention/wal_needs.h"

#include <algorithm>
#include <utility>

namespace pgkeep::catalog {
namespace {

/// What the backups need, as the windows make them go on one after the other.
class Needs {
 public:
  Needs(std::span<const WalUser> users, std::span<const LineOfWal> lines)
      : users_(users), lines_(lines), backups_(users.begin(), users.end()) {
    for (const auto& user : users) needs_.push_back({user.start, user.end, std::set<postgres::TimelineId>()});
  }

  template <typename Which>
  void all_go_on(Which which) {
    for (std::size_t i = 0; i < users_.size(); ++i)
      if (which(users_[i])) needs_[i].onward.reset();
  }

  /// Of those that may, the ones that ended after `begin`, and along each branch since then the newest
  /// before.
  template <typename May>
  void go_on_for(io::TimePoint begin, May may) {
    all_go_on([&](const WalUser& user) { return may(user) && user.ended > begin; });
    for (const auto& branch : branches_since(begin, backups_, lines_)) {
      const auto leads = [&](const WalUser& user) {
        return may(user) && user.ended <= begin && leads_along(user, branch);
      };
      if (go_on_along(
              branch, [&](const WalUser& user) { return user.can_be_relied_on && leads(user); }, 1) == 0)
        go_on_along(branch, leads, users_.size());
    }
  }

  std::vector<WalNeed> take() { return std::move(needs_); }

 private:
  /// The newest `most` of those; returns how many there were.
  template <typename Which>
  std::size_t go_on_along(const Branch& branch, Which which, std::size_t most) {
    std::size_t count = 0;
    for (std::size_t i = users_.size(); i > 0 && count < most; --i) {
      if (!which(users_[i - 1])) continue;
      if (auto& onward = needs_[i - 1].onward) onward->insert(branch.history.timeline());
      ++count;
    }
    return count;
  }

  std::span<const WalUser> users_;
  std::span<const LineOfWal> lines_;
  std::vector<RuledBackup> backups_;
  std::vector<WalNeed> needs_;  // in the order of the users
};

}  // namespace

std::optional<io::TimePoint> wal_window_begin(const RetentionPolicy& policy, io::TimePoint now) {
  if (policy.wal_window.count() == 0) return std::nullopt;
  return now - std::max(policy.wal_window, policy.recovery_window);
}

std::vector<WalNeed> wal_needs(std::span<const WalUser> users, std::span<const LineOfWal> lines,
                               const RetentionPolicy& policy, io::TimePoint now) {
  const auto stands_alone = [](const WalUser& user) { return user.standalone; };
  const auto does_not = [](const WalUser& user) { return !user.standalone; };
  Needs needs(users, lines);
  needs.all_go_on([](const WalUser& user) { return user.kept_with_wal; });
  if (const auto begin = wal_window_begin(policy, now))
    needs.go_on_for(*begin, does_not);
  else
    needs.all_go_on(does_not);
  if (policy.recovery_window.count() != 0 && std::ranges::any_of(users, stands_alone))
    needs.go_on_for(now - policy.recovery_window, [](const WalUser&) { return true; });
  return needs.take();
}

NeedlessWal needless_of(const LineOfWal& line, std::span<const WalNeed> needs) {
  if (!needs.empty()) return needless_wal(line.held, needs);
  return line.goes_with_its_backups ? all_wal(line.held) : NeedlessWal();
}

}  // namespace pgkeep::catalog
