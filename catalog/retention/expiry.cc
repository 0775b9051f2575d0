#include "catalog/retention/expiry.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "catalog/index/index_note.h"
#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/wal/wal_removal.h"

namespace pgkeep::catalog {
namespace {

bool marks_are_as_planned(const store::ServerLayout& layout, ExpiryCandidate& candidate) {
  const auto now = read_retention_marks(layout, candidate.id);
  if (now.expired == candidate.expired && now.keep == candidate.keep && now.note == candidate.note)
    return true;
  candidate.expired = now.expired;
  candidate.keep = now.keep;
  candidate.note = now.note;
  return false;
}

/// False when the plan does not hold any more; `candidate` tells why.
bool claim(const store::ServerLayout& layout, ExpiryCandidate& candidate,
           std::vector<store::BackupClaim>& claims) {
  try {
    claims.emplace_back(layout, candidate.id);
  } catch (const Busy&) {
    candidate.reader = "another process";
    return false;
  }
  return marks_are_as_planned(layout, candidate);
}

constexpr std::string_view kWhyRemoved =
    "the retention policy let go of it: the backups before it keep no more than what makes them consistent";

/// By one event, and not in pieces.
bool is_told(const WalRange& range, std::span<const Event> events) {
  return std::ranges::any_of(events, [&](const Event& event) {
    return event.kind == EventKind::removed && event.range && event.range->timeline == range.timeline &&
           event.range->begin <= range.begin && event.range->end >= range.end;
  });
}

void leave_what_lies_between(NeedlessWal& needless, postgres::WalSegmentSize size) {
  SegmentSet between;
  for (const auto& range : needless.between) {
    between.insert({range.timeline, postgres::WalSegment::holding({range.timeline, range.begin}, size).number,
                    postgres::WalSegment::ending({range.timeline, range.end}, size).number});
  }
  needless.segments = needless.segments.without(between);
  needless.partials = needless.partials.without(between);
}

class Execution {
 public:
  Execution(const store::ServerLayout& layout, const ClaimedExpiry& expiry, const ExpiryFacts& facts,
            io::TimePoint now, io::ProgressObserver& observer, std::stop_token stop)
      : layout_(layout),
        expiry_(&expiry),
        facts_(&facts),
        now_(now),
        observer_(&observer),
        stop_(std::move(stop)) {}

  ExpiryResult run() {
    // Marks first: a backup that was marked by mistake can be brought back until its time has passed.
    for (const auto& decision : expiry_->plan.backups) mark(decision);
    if (stop_.stop_requested()) throw Interrupted("stopped before anything was removed");
    remove_backups();
    // The WAL last, when the backups that needed it are durably gone: a backup is never without its WAL.
    if (any_wal_goes()) make_deletions_durable();
    for (std::size_t line = 0; line < facts_->lines.size(); ++line)
      remove_wal(line, expiry_->plan.wal[line].goes);
    return std::move(result_);
  }

 private:
  /// A full disk keeps nothing from going: what cannot be marked stays unmarked, and the plan keeps its WAL.
  void mark(const ExpiryDecision& decision) {
    if (decision.fate != Fate::expires && decision.fate != Fate::returns) return;
    try {
      const store::BackupLease stays(layout_, decision.id);
      change_retention_marks(layout_, decision.id, [&](RetentionMarks& marks) { mark(decision, marks); });
    } catch (const StorageError& error) {
      if (!error.out_of_space()) throw;
      result_.warnings.emplace_back(error.what());
    }
  }

  void mark(const ExpiryDecision& decision, RetentionMarks& marks) const {
    if (decision.fate == Fate::expires && !marks.expired)
      marks.expired = {ExpiryMark::By::policy, now_, decision.reasons.front()};
    if (decision.fate == Fate::returns && marks.expired && marks.expired->by == ExpiryMark::By::policy)
      marks.expired.reset();
  }

  void remove_backups() {
    if (expiry_->claims.empty()) return;
    observer_->progress({.phase = "removing backups"});
    // The rows go before the files: who has an index that is free to be told never sees what is not there.
    tell_index([&](ServerCatalog& index) {
      for (const auto& claim : expiry_->claims) index.remove_backup(claim.id());
    });
    auto freed = store::delete_backups(layout_, expiry_->claims,
                                       [this](const store::BackupId& id) { return why_it_went(id); });
    for (const auto& claim : expiry_->claims) result_.backups.push_back(claim.id());
    result_.backup_bytes = freed.bytes;
    std::ranges::move(freed.packs_kept, std::back_inserter(result_.warnings));
  }

  std::string why_it_went(const store::BackupId& id) const {
    return std::ranges::find(expiry_->plan.backups, id, &ExpiryDecision::id)->reasons.front();
  }

  bool any_wal_goes() const {
    return std::ranges::any_of(expiry_->plan.wal, [](const WalExpiry& wal) { return !wal.goes.empty(); });
  }

  /// Also of a process that was killed after it had removed a record: a power cut would bring that back.
  void make_deletions_durable() const {
    if (expiry_->claims.empty()) store::sweep_unfinished(layout_);
    io::sync_directory(layout_.backups());
  }

  /// Durable before the first file goes: a receiver that finds a gap of which nothing tells asks its server
  /// for it, and what it does not get it records as lost. False where there is no room to say so.
  bool tell_what_goes(const store::ServerLayout& layout, const NeedlessWal& needless) {
    EventJournal journal(layout);
    const auto told = needless.between.empty() ? std::vector<Event>() : journal.read();
    try {
      for (const auto& range : needless.between)
        if (!is_told(range, told))
          journal.append({now_, EventKind::removed, std::string(kWhyRemoved), range});
      return true;
    } catch (const StorageError& error) {
      if (!error.out_of_space()) throw;
      result_.warnings.emplace_back(error.what());
      return false;
    }
  }

  bool has_gone(const store::BackupId& id) const {
    return std::ranges::find(expiry_->claims, id, &store::BackupClaim::id) != expiry_->claims.end();
  }

  /// What an operator decided since the plan was made, which keeps WAL from now on; empty: nothing.
  std::string changed_mark(std::size_t line) const {
    for (const auto& candidate : facts_->candidates) {
      if (candidate.line != line || has_gone(candidate.id)) continue;
      if (read_retention_marks(layout_, candidate.id).keep != candidate.keep)
        return fmt::format("what is kept of backup {} was changed", candidate.id.to_string());
    }
    return {};
  }

  /// A backup that is being read may be recovered along all WAL after it; empty: there is none.
  std::string reader_of(std::size_t line) const {
    for (const auto& candidate : facts_->candidates) {
      if (candidate.line != line || has_gone(candidate.id)) continue;
      if (store::is_being_read(layout_, candidate.id))
        return fmt::format("backup {} is being read", candidate.id.to_string());
    }
    return {};
  }

  void remove_wal(std::size_t place, NeedlessWal needless) {
    if (needless.empty()) return;
    const auto& line = facts_->lines[place];
    if (const auto why = changed_mark(place); !why.empty()) return wait_for_next(why);
    if (const auto why = needless.between.empty() ? std::string() : reader_of(place); !why.empty()) {
      wait_for_next(why);
      leave_what_lies_between(needless, line.held.segment_size());
      needless.between.clear();
    }
    const auto layout = line.number ? layout_.of_line(*line.number) : layout_;
    const auto identity = read_identity(layout);
    if (!identity) return;
    const WalArchive archive(layout, *identity);
    if (!tell_what_goes(layout, needless)) leave_what_lies_between(needless, identity->wal_segment_size);
    if (!line.number) tell_index([&](ServerCatalog& index) { index.remove_segments(needless.segments); });
    const auto removed = catalog::remove_wal(
        archive, needless.segments, needless.partials, stop_, [&](const RemovedWal& so_far) {
          observer_->progress({.phase = "removing WAL", .done_bytes = result_.wal_bytes + so_far.bytes});
        });
    result_.wal_segments += removed.files;
    result_.wal_bytes += removed.bytes;
  }

  void wait_for_next(const std::string& why) {
    observer_->note(fmt::format("WAL stays until the next expire: {}", why));
  }

  void tell_index(const std::function<void(ServerCatalog&)>& note) {
    if (auto trouble = note_in_index(layout_, note)) result_.warnings.push_back(*std::move(trouble));
  }

  store::ServerLayout layout_;
  const ClaimedExpiry* expiry_;
  const ExpiryFacts* facts_;
  io::TimePoint now_;
  io::ProgressObserver* observer_;
  std::stop_token stop_;
  ExpiryResult result_;
};

}  // namespace

ClaimedExpiry claim_expiry(const store::ServerLayout& layout, ExpiryFacts& facts,
                           const RetentionPolicy& policy, io::TimePoint now, const LocalTime& local) {
  for (;;) {
    ClaimedExpiry expiry{plan_expiry(facts, policy, now, local), {}};
    bool holds = true;
    for (std::size_t i = 0; i < facts.candidates.size(); ++i)
      if (expiry.plan.backups[i].fate == Fate::goes)
        holds = claim(layout, facts.candidates[i], expiry.claims) && holds;
    if (holds) return expiry;
  }
}

ExpiryResult carry_out(const store::ServerLayout& layout, const ClaimedExpiry& expiry,
                       const ExpiryFacts& facts, io::TimePoint now, io::ProgressObserver& observer,
                       const std::stop_token& stop) {
  return Execution(layout, expiry, facts, now, observer, stop).run();
}

}  // namespace pgkeep::catalog
