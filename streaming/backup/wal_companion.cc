#include "streaming/backup/wal_companion.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/failure.h"
#include "catalog/io/lock.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/process_identity.h"
#include "catalog/wal/held_wal.h"
#include "catalog/wal/lost_gaps.h"

namespace pgkeep::streaming {
namespace {

/// How often a receiver in another process is looked after; ours tells at once.
constexpr std::chrono::milliseconds kLookEvery{20};
/// How often it is asked whether what is missing can still come.
constexpr std::chrono::seconds kDoubtEvery{1};

}  // namespace

WalCompanion::WalCompanion(const store::ServerLayout& layout, const catalog::ServerIdentity& identity,
                           std::optional<WalReceiverSettings> own_receiver, io::ProgressObserver& observer,
                           std::stop_token stop, WalPatience patience)
    : layout_(layout),
      own_receiver_(std::move(own_receiver)),
      observer_(&observer),
      stop_(std::move(stop)),
      archive_(layout, identity),
      patience_(patience),
      received_last_(Clock::now()) {
  if (own_receiver_) own_receiver_->purpose = "backup";
  look_after_receiver();
}

WalCompanion::~WalCompanion() = default;  // the thread is asked to stop and joined

void WalCompanion::look_after_receiver() {
  std::unique_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  if (!own_receiver_ || (thread_.joinable() && !ended_)) return;
  if (io::FileLock::holder(layout_.receiver_lock())) return;
  WalReceiverObserver& told = *this;
  if (!workers_) workers_.emplace(1, 1);
  receiver_ = std::make_unique<WalReceiver>(layout_, *own_receiver_, told, *workers_);
  ended_ = false;
  lock.unlock();
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::exception_ptr failure;
    try {
      receiver_->run(stop);
    } catch (const Busy&) {
      // Another receiver was faster: all the better.
    } catch (...) {
      failure = io::current_failure();
    }
    const std::scoped_lock locked(mutex_);
    failure_ = failure;
    ended_ = true;
    happened_.notify_all();
  });
}

std::optional<std::string> WalCompanion::trouble_of_other(catalog::StreamPhase phase) const {
  const auto state = catalog::read_stream_state(layout_);
  if (!state || state->phase != phase || !catalog::is_running(state->process)) return std::nullopt;
  return fmt::format("no WAL arrives since {}: {}", io::format_time(state->since), state->cause);
}

/// Once for each trouble.
void WalCompanion::warn_of_other() {
  auto trouble = trouble_of_other(catalog::StreamPhase::blocked);
  if (!trouble) trouble = trouble_of_other(catalog::StreamPhase::waiting);
  if (!trouble || *trouble == warned_of_) return;
  warned_of_ = *trouble;
  observer_->warning(warned_of_);
}

void WalCompanion::wait_a_moment() {
  std::unique_lock lock(mutex_);
  happened_.wait_for(lock, stop_, kLookEvery, [this] { return failure_ != nullptr; });
  if (stop_.stop_requested()) throw Interrupted("the backup was stopped; nothing of it is kept");
}

void WalCompanion::wait_until_streaming() {
  received_last_ = Clock::now();
  while (true) {
    look_after_receiver();
    // Better now than after hours of copying.
    if (const auto trouble = trouble_of_other(catalog::StreamPhase::blocked))
      throw Error(fmt::format("{}. A backup needs WAL: mend that first", *trouble));
    if (receives()) return;
    give_up_after(patience_.before_copying);
    observer_->progress({"waiting for a WAL stream", 0, 0});
    wait_a_moment();
  }
}

bool WalCompanion::receives() {
  {
    const std::scoped_lock lock(mutex_);
    const bool ours = thread_.joinable() && !ended_;
    if (ours) return receiver_->streaming();
  }
  if (!io::FileLock::holder(layout_.receiver_lock())) return false;
  // One that has not said yet how it stands is trusted: it reconnects by itself.
  const auto state = catalog::read_stream_state(layout_);
  const bool tells = state && catalog::is_running(state->process);
  return !tells || state->phase == catalog::StreamPhase::streaming;
}

void WalCompanion::give_up_after(std::chrono::seconds patience) {
  const auto now = Clock::now();
  if (receives()) {
    received_last_ = now;
    return;
  }
  if (now - received_last_ < patience) return;
  throw Error(
      fmt::format("no WAL has been received for {}: {}. "
                  "A backup needs the WAL that is written meanwhile, so nothing of it is kept. "
                  "See to it that WAL is received (`pgkeep check {}` tells what is in the way), "
                  "then take it again",
                  io::format_duration(patience), why_nothing_comes(), layout_.root().filename().native()));
}

std::string WalCompanion::why_nothing_comes() {
  for (const auto phase : {catalog::StreamPhase::blocked, catalog::StreamPhase::waiting})
    if (const auto trouble = trouble_of_other(phase)) return *trouble;
  const std::scoped_lock lock(mutex_);
  return trouble_.empty() ? "nobody receives it; start `pgkeep serve`" : trouble_;
}

void WalCompanion::wait_until_kept(const postgres::WalPosition& start, const postgres::WalPosition& end,
                                   bool from_standby) {
  const auto size = archive_.identity().wal_segment_size;
  const auto last = postgres::WalSegment::ending(end, size);
  auto next = postgres::WalSegment::holding(start, size);
  Clock::time_point doubt_again;
  received_last_ = Clock::now();
  while (true) {
    Wanted wanted{start, end,
                  archive_.history(end.timeline).value_or(postgres::TimelineHistory(end.timeline))};
    while (next.number <= last.number) {
      next.timeline = wanted.line.timeline_at(next.begin(size));
      if (!is_archived(wanted, next)) break;
      ++next.number;
    }
    if (next.number > last.number) return;
    if (const auto now = Clock::now(); now >= doubt_again) {
      doubt_again = now + kDoubtEvery;
      wanted.line = line_through(end.timeline);
      refuse_what_is_lost(wanted, next);
      const bool promoted = wanted.line.timeline() != end.timeline;
      if (promoted && is_held(wanted)) return;
      if (promoted) refuse_what_was_left(wanted, next);
    }
    if (from_standby && is_held(wanted)) return;
    observer_->progress({"waiting for WAL segment " + next.name(size), 0, 0});
    look_after_receiver();
    warn_of_other();
    give_up_after(patience_.after_copying);
    wait_a_moment();
  }
}

/// The line of the newest timeline with WAL, if it goes through `timeline`: the server is on it.
postgres::TimelineHistory WalCompanion::line_through(postgres::TimelineId timeline) const {
  const auto newest = archive_.inventory().newest_timeline();
  if (newest && *newest > timeline) {
    if (auto line = archive_.history(*newest); line && line->contains(timeline)) return *std::move(line);
  }
  return archive_.history(timeline).value_or(postgres::TimelineHistory(timeline));
}

bool WalCompanion::is_archived(const Wanted& wanted, const postgres::WalSegment& segment) const {
  const auto size = archive_.identity().wal_segment_size;
  const auto begin = segment.begin(size);
  const auto end = std::min(wanted.end.lsn, segment.end(size));
  return catalog::HeldWal::read_archived_between(archive_, wanted.line, begin, end)
      .along(wanted.line)
      .covers(begin, end);
}

/// Nothing before it was told in this run, or by the receiver of another process.
std::optional<postgres::WalPosition> WalCompanion::flushed() const {
  {
    const std::scoped_lock lock(mutex_);
    if (thread_.joinable() && !ended_) return receiver_->progress().flushed;
  }
  const auto state = catalog::read_stream_state(layout_);
  return state ? state->flushed : std::nullopt;
}

bool WalCompanion::is_held(const Wanted& wanted) const {
  const auto begin = wanted.start.lsn;
  const auto end = wanted.end.lsn;
  const auto covers = [&](const catalog::HeldWal& held) {
    return held.along(wanted.line).covers(begin, end);
  };
  if (covers(catalog::HeldWal::read_archived_between(archive_, wanted.line, begin, end))) return true;
  if (!covers(catalog::HeldWal::read_between(archive_, wanted.line, begin, end))) return false;
  // What is read of a partial may be in the page cache alone. Only who wrote it knows how far it is durable:
  // when his fsync has failed the kernel takes the pages for written, and an fsync by us would succeed.
  const auto durable = flushed();
  return durable && wanted.line.contains(durable->timeline) && durable->lsn >= wanted.end.lsn;
}

/// Nothing of a segment in a gap comes any more by the stream. What was pushed all the same is there.
void WalCompanion::refuse_what_is_lost(const Wanted& wanted, const postgres::WalSegment& missing) const {
  const auto size = archive_.identity().wal_segment_size;
  const auto needed_from = std::max(wanted.start.lsn, missing.begin(size));
  const auto events = catalog::EventJournal(layout_).read();
  const auto* gap =
      catalog::LostGaps(wanted.line, events, size).newest_between(needed_from, missing.end(size));
  if (gap == nullptr || is_archived(wanted, missing)) return;
  throw Error(fmt::format(
      "the backup needs WAL segment {}, which never comes: WAL from {} to {} of timeline {} is lost, as {}. "
      "Nothing of the backup is kept; take another one",
      missing.name(size), gap->range->begin.to_string(), gap->range->end.to_string(),
      gap->range->timeline.to_string(), gap->cause));
}

/// Until the end, the backup is not consistent, and no server continues from where this one left.
void WalCompanion::refuse_what_was_left(const Wanted& wanted, const postgres::WalSegment& missing) const {
  const auto left = wanted.line.end_of(wanted.end.timeline);
  if (!left || *left >= wanted.end.lsn) return;
  throw Error(
      fmt::format("the backup needs the WAL of timeline {} up to {}, "
                  "but the server left that timeline at {} for timeline {}, and segment {} never comes. "
                  "Nothing of the backup is kept; take another one",
                  wanted.end.timeline.to_string(), wanted.end.lsn.to_string(), left->to_string(),
                  wanted.line.timeline().to_string(), missing.name(archive_.identity().wal_segment_size)));
}

void WalCompanion::connected(const Connection& /*connection*/, const SystemInfo& /*system*/) {}

void WalCompanion::streaming_from(const postgres::WalPosition& /*position*/) {
  {
    const std::scoped_lock lock(mutex_);
    said_.clear();
  }
  happened_.notify_all();
}

void WalCompanion::segment_archived(const catalog::SegmentFileHeader& /*segment*/) {
  happened_.notify_all();
}

void WalCompanion::timeline_switched(postgres::TimelineId from, postgres::TimelineId to, postgres::Lsn at) {
  observer_->note(fmt::format("the server went from timeline {} to {} at {}", from.to_string(),
                              to.to_string(), at.to_string()));
}

void WalCompanion::disconnected(const std::string& why, std::chrono::milliseconds /*retry_in*/,
                                bool /*needs_attention*/) {
  {
    const std::scoped_lock lock(mutex_);
    trouble_ = why;
  }
  warn(fmt::format("{}; trying again", why));
}

void WalCompanion::event(const catalog::Event& event) {
  warn(event.cause);
}

void WalCompanion::warning(const std::string& what) {
  warn(what);
}

/// A try may come every few seconds, and for an hour.
void WalCompanion::warn(const std::string& text) {
  {
    const std::scoped_lock lock(mutex_);
    if (!said_.insert(text).second) return;
  }
  observer_->warning("WAL stream: " + text);
}

}  // namespace pgkeep::streaming
