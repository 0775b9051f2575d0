#include <algorithm>
#include <chrono>
#include <exception>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/stream_state.h"
#include "catalog/wal/held_wal.h"
#include "catalog/wal/pushed_wal.h"
#include "catalog/wal/wal_archive_writer.h"

namespace pgkeep::catalog {
namespace {

/// Whether the stream runs, or did a short while ago: one that is broken off is tried again, by this
/// receiver or by the next, and mostly continues where it was.
bool is_live(const store::ServerLayout& layout, const StreamState& stream) {
  if (stream.phase == StreamPhase::stopped) return false;
  if (stream.phase == StreamPhase::streaming && io::FileLock::holder(layout.receiver_lock())) return true;
  return io::now() - std::max(stream.started, stream.last_message.value_or(stream.started)) <
         PushedWal::kLiveTime;
}

/// Where the WAL ends that was received last.
std::optional<postgres::WalPosition> received_to(const WalArchive& archive, const StreamState& stream) {
  if (stream.flushed) return stream.flushed;
  // A receiver that was just started.
  const auto held = HeldWal::read(archive);
  const auto newest = held.names().newest_timeline();
  if (!newest) return std::nullopt;
  return postgres::WalPosition{*newest, held.last_of(*newest).value().end};
}

/// Whether so many events of the kind are recorded that one more is not to be named: a pusher of ever
/// other histories must not fill the journal.
bool are_many(const EventJournal& journal) {
  return std::ranges::count(journal.read(), EventKind::split_brain, &Event::kind) >=
         EventJournal::kRemembered;
}

}  // namespace

/// A copy of the cluster that was promoted, with the archive_command of the original, would make the stream's
/// own timeline one that was left. After a failover the stream soon continues on the new timeline, or has
/// nothing to say any more; until then the file waits where it comes from.
void PushedWal::refuse_beside_live_stream(const std::string& name,
                                          const postgres::TimelineHistory& history) const {
  const auto& layout = archive_->layout();
  const auto stream = read_stream_state(layout);
  if (!stream || !is_live(layout, *stream)) return;
  const auto received = received_to(*archive_, *stream);
  if (!received) return;
  const auto left = history.end_of(received->timeline);
  if (!left || *left >= received->lsn) return;
  const auto peer = stream->peer.is_known() ? stream->peer.to_string() : "the stream";
  // Always the same words, so that a file that is pushed again and again is one event.
  const auto cause =
      fmt::format("{} was pushed, which leaves timeline {} at {}, while {} continues on that timeline", name,
                  received->timeline.to_string(), left->to_string(), peer);
  const auto cause_of_many = fmt::format(
      "many histories were pushed that leave timeline {}, while {} continues on that timeline; "
      "the newest are named only to the hosts that push them",
      received->timeline.to_string(), peer);
  EventJournal journal(layout);
  journal.append({io::now(), EventKind::split_brain, are_many(journal) ? cause_of_many : cause, {}});
  throw Refused(fmt::format(
      "{}. Nothing was stored. If it comes from a copy of the cluster, correct its archive_command; "
      "after a failover, stop the old primary: "
      "the file is accepted once no WAL has come from there for {} minutes, "
      "or as soon as the stream continues on the new timeline",
      cause, std::chrono::duration_cast<std::chrono::minutes>(kLiveTime).count()));
}

void PushedWal::require_room_for_history(const std::string& name) const {
  const auto wal = archive_->inventory();
  const auto unproved =
      std::ranges::count_if(wal.histories, [&](const auto& known) { return !wal.is_borne_out(known.first); });
  if (static_cast<std::size_t>(unproved) < kMostHistories) return;
  throw Refused(fmt::format(
      "{}: {} histories were pushed that no WAL has borne out, and no more are kept. Nothing was stored. "
      "If it is the server's own, the stream brings it; find out who pushes the others",
      name, unproved));
}

PushReceipt PushedWal::take_history(const std::string& name, const StagedFile& pushed) {
  const auto timeline = postgres::parse_history_name(name).value();
  const auto content = pushed.text();
  const auto history = postgres::TimelineHistory::parse(timeline, content);  // throws unless it is one
  const auto known = archive_->sound_history(timeline);
  if (known && *known != content)
    return conflict(name, pushed, "is another history than the one that is stored", {});
  const bool was_there = known.has_value();
  if (!was_there) {
    if (!archive_->inventory().damaged_histories.contains(timeline)) require_room_for_history(name);
    refuse_beside_live_stream(name, history);
  }
  WalArchiveWriter(*archive_).store_history(timeline, content);
  return {was_there ? PushOutcome::had_it : PushOutcome::stored};
}

}  // namespace pgkeep::catalog
