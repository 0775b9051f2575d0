#include "catalog/retention/expiry_plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace pgkeep::catalog {
namespace {

/// What is held along the lines of timelines on which backups ended. To make one looks at all runs of
/// segments, and there may be many backups.
class HeldLines {
 public:
  explicit HeldLines(std::span<const LineOfWal> lines) : lines_(lines) {}

  const HeldLine& of(const ExpiryCandidate& candidate) {
    const auto timeline = candidate.end.timeline;
    const std::pair place(candidate.line, timeline);
    const auto known = held_.find(place);
    if (known != held_.end()) return known->second;
    const auto& held = lines_[candidate.line].held;
    return held_.emplace(place, held.along(held.names().line_of(timeline))).first->second;
  }

 private:
  std::span<const LineOfWal> lines_;
  std::map<std::pair<std::size_t, postgres::TimelineId>, HeldLine> held_;
};

std::string fault_of(const ExpiryCandidate& candidate, const HeldLine& along, std::span<const Event> events) {
  if (!candidate.fault.empty()) return candidate.fault;
  const auto reach = along.replay_reach(candidate.start.lsn, events);
  if (reach >= candidate.end.lsn) return {};
  return fmt::format("WAL is missing from {} on, before it is consistent", reach.to_string());
}

class Planner {
 public:
  Planner(const ExpiryFacts& facts, const RetentionPolicy& policy, io::TimePoint now, const LocalTime& local)
      : candidates_(facts.candidates),
        lines_(facts.lines),
        policy_(&policy),
        now_(now),
        all_wal_stays_(!facts.unclear.empty() || !somebody_decided(facts)),
        local_(&local),
        held_(facts.lines),
        faults_(faults_of(facts.candidates, facts.lines)),
        only_annotated_(facts.candidates.size()) {}

  ExpiryPlan plan() {
    find_those_that_stay();
    ExpiryPlan plan;
    for (std::size_t i = 0; i < candidates_.size(); ++i) plan.backups.push_back(decide(candidates_[i]));
    for (std::size_t line = 0; line < lines_.size(); ++line)
      plan.wal.push_back(all_wal_stays_ ? WalExpiry() : expire_wal(line, plan.backups));
    return plan;
  }

 private:
  /// That WAL may go.
  bool somebody_decided(const ExpiryFacts& facts) const {
    return policy_->lets_go() || facts.deleted_by_hand ||
           std::ranges::any_of(facts.candidates, [this](const ExpiryCandidate& candidate) {
             return candidate.is_deleted() || candidate.stands_alone(now_);
           });
  }

  void find_those_that_stay() {
    std::vector<RuledBackup> good;
    std::vector<RuledBackup> all;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (candidates_[i].is_deleted()) continue;
      all.push_back(candidates_[i]);
      if (faults_[i].empty()) good.push_back(candidates_[i]);
    }
    stay_ = apply_rules(good, lines_, *policy_, now_, *local_);
    const auto begin = wal_window_begin(*policy_, now_);
    if (begin) {
      for (const auto& branch : branches_since(*begin, good, lines_))
        if (const auto* way = only_way_into(branch, *begin, Which::good))
          stay_[way->id].push_back(fmt::format("wal_window: the last before {}", io::format_time(*begin)));
    }
    if (!stay_.empty()) leave_annotated_alone();
    needs_ = wal_needs(users_of_wal(), lines_, *policy_, now_);
    if (stay_.empty() || good.size() == all.size()) return;
    auto if_all_were_good = apply_rules(all, lines_, *policy_, now_, *local_);
    if (begin) {
      for (const auto& branch : branches_since(*begin, all, lines_))
        if (const auto* way = only_way_into(branch, *begin, Which::all)) if_all_were_good[way->id];
    }
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const auto& candidate = candidates_[i];
      const bool would_stay = if_all_were_good.contains(candidate.id) || is_annotated(candidate);
      if (faults_[i].empty() || !would_stay || is_reached_by_another(candidate)) continue;
      stay_[candidate.id].push_back(
          fmt::format("nothing else reaches its time, though it is not good: {}", faults_[i]));
    }
  }

  static bool is_annotated(const ExpiryCandidate& candidate) {
    return !candidate.note.empty() && !candidate.is_deleted();
  }

  /// They count for no rule: what the rules keep stays beside them.
  void leave_annotated_alone() {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const auto& candidate = candidates_[i];
      if (!is_annotated(candidate) || !faults_[i].empty()) continue;
      auto& reasons = stay_[candidate.id];
      only_annotated_[i] = reasons.empty() && !candidate.is_kept(now_);
      reasons.push_back("annotated: " + candidate.note);
    }
  }

  bool can_be_relied_on(std::size_t i) const {
    const auto& candidate = candidates_[i];
    if (!faults_[i].empty() || candidate.is_deleted() || only_annotated_[i]) return false;
    return !policy_->has_rules() || stay_.contains(candidate.id) || candidate.is_kept(now_);
  }

  std::vector<WalUser> users_of_wal() const {
    std::vector<WalUser> users;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      users.push_back(candidates_[i].as_user(now_, can_be_relied_on(i)));
      users.back().standalone = users.back().standalone || only_annotated_[i];
    }
    return users;
  }

  enum class Which : std::uint8_t { good, all };

  /// The newest backup from before the WAL window, where a good one that stays was such before and the WAL
  /// between the two has gone since: then moments in the window are reached from this one alone. Null: there
  /// is none such.
  const ExpiryCandidate* only_way_into(const Branch& branch, io::TimePoint window_begin, Which which) {
    const ExpiryCandidate* newest = nullptr;
    for (std::size_t i = candidates_.size(); i > 0; --i) {
      const auto& candidate = candidates_[i - 1];
      if ((which == Which::good && !faults_[i - 1].empty()) || candidate.is_deleted() ||
          candidate.stands_alone(now_) || candidate.ended > window_begin || !leads_along(candidate, branch))
        continue;
      if (newest == nullptr) newest = &candidate;
      if (!can_be_relied_on(i - 1)) continue;
      const auto& events = lines_[branch.line].events;
      const bool is_reached = &candidate == newest ||
                              held_.of(*newest).replay_reach(candidate.start.lsn, events) >= newest->end.lsn;
      return is_reached ? nullptr : newest;
    }
    return nullptr;
  }

  /// Whether a recovery from a good backup that stays comes to where this one is consistent.
  bool is_reached_by_another(const ExpiryCandidate& wanted) {
    const auto& along = held_.of(wanted);
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const auto& other = candidates_[i];
      if (!faults_[i].empty() || other.line != wanted.line || !stay_.contains(other.id)) continue;
      if (!along.line().contains(other.start) || !along.line().contains(other.end) ||
          other.end.lsn > wanted.end.lsn || !needs_[i].goes_on_along(wanted.end.timeline))
        continue;
      if (along.replay_reach(other.start.lsn, lines_[wanted.line].events) >= wanted.end.lsn) return true;
    }
    return false;
  }

  std::vector<std::string> why_it_stays(const ExpiryCandidate& candidate) const {
    if (candidate.is_deleted() && !candidate.is_kept(now_)) return {};
    std::vector<std::string> reasons;
    if (const auto kept = stay_.find(candidate.id); kept != stay_.end()) reasons = kept->second;
    if (candidate.is_kept(now_)) {
      reasons.push_back(
          fmt::format("keep{}{}{}", candidate.keep->standalone ? ", standalone" : "",
                      candidate.keep->until ? " until " + io::format_time(*candidate.keep->until) : "",
                      candidate.keep->why.empty() ? "" : ": " + candidate.keep->why));
    }
    if (!policy_->has_rules())
      reasons.emplace_back(policy_->lets_go() ? "no rule for backups" : "no retention policy");
    else if (stay_.empty())
      reasons.emplace_back("there is no good backup");
    // Be it good or not: without it every recovery would need all WAL since the one before.
    if (reasons.empty() && &candidate == &candidates_.back())
      reasons.push_back(fmt::format("the newest, though it is not good: {}", faults_.back()));
    return reasons;
  }

  ExpiryDecision decide(const ExpiryCandidate& candidate) const {
    ExpiryDecision decision{.id = candidate.id, .reasons = why_it_stays(candidate)};
    const auto& mark = candidate.expired;
    if (!decision.reasons.empty()) {
      decision.fate = mark ? Fate::returns : Fate::stays;
      return decision;
    }
    decision.reasons = {mark ? mark->why : why_it_goes(candidate)};
    if (!candidate.reader.empty()) decision.reasons.push_back("is being read by " + candidate.reader);
    if (!candidate.objection.empty()) decision.reasons.push_back(candidate.objection);
    if (!mark) {
      decision.fate = candidate.reader.empty() ? Fate::expires : Fate::stays;
      if (decision.fate == Fate::expires) decision.goes_at = now_ + policy_->grace;
      return decision;
    }
    // A mark from before the backup was made by a clock that was wrong.
    decision.goes_at = std::max(mark->at, candidate.ended) + policy_->grace;
    const bool may_go = candidate.reader.empty() && candidate.objection.empty();
    decision.fate = *decision.goes_at <= now_ && may_go ? Fate::goes : Fate::waits;
    return decision;
  }

  std::string why_it_goes(const ExpiryCandidate& candidate) const {
    const auto& fault = faults_[static_cast<std::size_t>(&candidate - candidates_.data())];
    if (fault.empty()) return "no rule keeps it";
    return fmt::format("is not good, and what stays reaches its time: {}", fault);
  }

  WalExpiry expire_wal(std::size_t line, std::span<const ExpiryDecision> decisions) const {
    std::vector<WalNeed> left;     // after this plan
    std::vector<WalNeed> staying;  // when what has expired is gone
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (candidates_[i].line != line) continue;
      const auto fate = decisions[i].fate;
      if (fate != Fate::goes) left.push_back(needs_[i]);
      if (fate == Fate::stays || fate == Fate::returns) staying.push_back(needs_[i]);
    }
    WalExpiry wal{.goes = needless_of(lines_[line], left), .waits = {}};
    wal.waits = needless_of(lines_[line], staying).segments.without(wal.goes.segments);
    return wal;
  }

  std::span<const ExpiryCandidate> candidates_;
  std::span<const LineOfWal> lines_;
  const RetentionPolicy* policy_;
  io::TimePoint now_;
  bool all_wal_stays_;
  const LocalTime* local_;
  HeldLines held_;
  std::vector<std::string> faults_;   // in the order of the candidates; empty: good
  std::vector<bool> only_annotated_;  // in the order of the candidates: nothing else keeps it
  Reasons stay_;                      // by the rules, and by notes
  std::vector<WalNeed> needs_;        // in the order of the candidates
};

}  // namespace

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::stays:
      return "stays";
    case Fate::expires:
      return "expires";
    case Fate::waits:
      return "waits";
    case Fate::goes:
      return "goes";
    case Fate::returns:
      break;
  }
  return "returns";
}

WalUser ExpiryCandidate::as_user(io::TimePoint now, bool can_be_relied_on) const {
  return {*this, stands_alone(now), is_kept(now) && !stands_alone(now), can_be_relied_on};
}

std::vector<std::string> faults_of(std::span<const ExpiryCandidate> candidates,
                                   std::span<const LineOfWal> lines) {
  HeldLines held(lines);
  std::vector<std::string> faults;
  for (const auto& candidate : candidates)
    faults.push_back(fault_of(candidate, held.of(candidate), lines[candidate.line].events));
  return faults;
}

ExpiryPlan plan_expiry(const ExpiryFacts& facts, const RetentionPolicy& policy, io::TimePoint now,
                       const LocalTime& local) {
  return Planner(facts, policy, now, local).plan();
}

}  // namespace pgkeep::catalog
