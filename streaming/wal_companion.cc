#include "streaming/wal_companion.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/process_identity.h"

namespace pgkeep::streaming {
namespace {

/// How often a receiver in another process is looked after; ours tells at once.
constexpr std::chrono::milliseconds kLookEvery{20};

}  // namespace

WalCompanion::WalCompanion(const store::ServerLayout& layout, const catalog::ServerIdentity& identity,
                           const WalReceiverSettings& settings, io::ProgressObserver& observer,
                           std::stop_token stop)
    : layout_(layout),
      settings_(settings),
      observer_(&observer),
      stop_(std::move(stop)),
      archive_(layout, identity, settings.compression_level) {
  settings_.purpose = "backup";
  look_after_receiver();
}

WalCompanion::~WalCompanion() = default;  // the thread is asked to stop and joined

void WalCompanion::look_after_receiver() {
  std::unique_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  if (thread_.joinable() && !ended_) return;
  if (io::FileLock::holder(layout_.receiver_lock())) return;
  WalReceiverObserver& told = *this;
  if (!workers_) workers_.emplace(1, 1);
  receiver_ = std::make_unique<WalReceiver>(layout_, settings_, told, *workers_);
  ended_ = false;
  lock.unlock();
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::exception_ptr failure;
    try {
      receiver_->run(stop);
    } catch (const Busy&) {
      // Another receiver was faster: all the better.
    } catch (...) {
      failure = std::current_exception();
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

/// Once for each trouble: WAL that does not come is waited for as long as it takes.
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
  while (true) {
    look_after_receiver();
    {
      const std::scoped_lock lock(mutex_);
      const bool ours = thread_.joinable() && !ended_;
      if (ours && receiver_->streaming()) return;
      if (!ours) break;  // a receiver in another process reconnects by itself: that it runs is enough
    }
    wait_a_moment();
  }
  // Better now than after hours of copying.
  if (const auto trouble = trouble_of_other(catalog::StreamPhase::blocked))
    throw Error(fmt::format("{}. A backup needs WAL: mend that first", *trouble));
}

void WalCompanion::wait_until_kept(const postgres::WalPosition& start, const postgres::WalPosition& end,
                                   bool from_standby) {
  const auto size = archive_.identity().wal_segment_size;
  const auto last = postgres::WalSegment::ending(end, size);
  auto next = postgres::WalSegment::holding(start, size);
  while (true) {
    // A segment of the past may be archived under an older timeline of the same line.
    const auto history = archive_.history(end.timeline);
    while (next.number <= last.number) {
      next.timeline = history ? history->timeline_at(next.begin(size)) : end.timeline;
      if (!archive_.has(next) && !archive_.has({end.timeline, next.number})) break;
      ++next.number;
    }
    if (next.number > last.number) return;
    if (from_standby && history && archive_.holds(*history, start.lsn, end.lsn)) {
      // What is there may not be on the disk yet: another process may be between its write and its fsync.
      archive_.sync_partial(last);
      if (archive_.holds(*history, start.lsn, end.lsn)) return;
    }
    observer_->progress({"waiting for WAL segment " + next.name(size), 0, 0});
    look_after_receiver();
    warn_of_other();
    wait_a_moment();
  }
}

void WalCompanion::connected(const Connection& /*connection*/, const SystemInfo& /*system*/) {}

void WalCompanion::streaming_from(const postgres::WalPosition& /*position*/) {
  happened_.notify_all();
}

void WalCompanion::segment_archived(const catalog::SegmentFileHeader& /*segment*/) {
  happened_.notify_all();
}

void WalCompanion::timeline_switched(postgres::TimelineId from, postgres::TimelineId to, postgres::Lsn at) {
  observer_->note(fmt::format("the server went from timeline {} to {} at {}", from.to_string(),
                              to.to_string(), at.to_string()));
}

void WalCompanion::disconnected(const std::string& why, std::chrono::milliseconds retry_in,
                                bool /*needs_attention*/) {
  observer_->warning(fmt::format("WAL stream: {}; next try in {}", why, io::format_duration(retry_in)));
}

void WalCompanion::event(const catalog::Event& event) {
  observer_->warning("WAL stream: " + event.cause);
}

void WalCompanion::warning(const std::string& what) {
  observer_->warning("WAL stream: " + what);
}

}  // namespace pgkeep::streaming
