#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/index/index_updater.h"
#include "streaming/receive/event_reporter.h"
#include "streaming/receive/segment_archiver.h"
#include "streaming/receive/wal_receiver.h"
#include "streaming/receive/wal_stream.h"
#include "streaming/wire/replication.h"

namespace pgkeep::streaming {

/// Where to stream from.
struct StreamStart {
  postgres::WalPosition position;  // first byte of a segment
  /// No flush position below it is to be reported: the server knows a later one already.
  postgres::Lsn report_from;
  /// The begin of a segment from which on WAL is held; nothing: until the stream ends.
  std::optional<postgres::Lsn> stop_at = {};
};

/// How a stream ended.
struct StreamEnd {
  enum class Why { stop_asked, timeline_ended, reached } why;
  std::optional<postgres::WalPosition> next;  // of timeline_ended: where which timeline continues
  std::optional<postgres::Lsn> received_to;   // all of it is flushed; nothing when the stream brought no WAL
};

/// Takes the streams of one server, one after the other, into its archive and index. What a stream brings is
/// in the archive or in partials when the call returns.
///
/// Borrows the observer and the workers. Threads: one.
class WalIntake {
 public:
  using Progress = std::function<void(const WalProgress&)>;
  WalIntake(catalog::WalArchive archive, const WalReceiverSettings& settings, WalReceiverObserver& observer,
            WalWorkers& workers, Progress progress);

  const catalog::WalArchive& archive() const noexcept { return archive_; }
  /// For WAL of another host: into the same archive and index by an archiver of its own, whose failure leaves
  /// this one usable. Borrows this one.
  WalIntake for_another_host();
  /// How far the stream is; of the one before, once that has ended.
  const WalProgress& progress() const noexcept { return at_; }
  /// Throws what archiving has failed with.
  void wait_until_archived() const { archiver_.wait_until_idle(); }
  /// What a crash left to do: see catalog::finish_interrupted().
  void finish_interrupted();
  /// Durable before it returns.
  void store_history(postgres::TimelineId timeline, const std::string& content);

  /// START_REPLICATION to its end. Without a slot when `slot` is null. Throws ConnectionLost when the server
  /// shuts down, and what WalStream throws; the connection may be used again after a ServerError, and after
  /// `timeline_ended` and `reached`.
  StreamEnd receive(Connection& connection, const std::string* slot, const StreamStart& start,
                    const std::stop_token& stop);

 private:
  void archived(const catalog::SegmentFileHeader& segment);
  void note_again(const catalog::SegmentSet& held);
  void note(const catalog::Event& event);
  void tell_of(const catalog::SegmentFileHeader& segment);
  void take_in_pushed(const std::optional<postgres::WalSegment>& archived);
  StreamEnd receive_copy(Connection& connection, const StreamStart& start,
                         const postgres::TimelineHistory& line, const std::stop_token& stop);
  void tell(const StreamStart& start, const WalStream::Progress& now);
  void finish_timeline(WalStream& stream);

  WalReceiverSettings settings_;
  WalReceiverObserver* observer_;
  WalWorkers* workers_;
  Progress progress_;
  WalProgress at_;
  catalog::WalArchive archive_;
  catalog::IndexUpdater index_;
  EventReporter events_;
  SegmentArchiver archiver_;  // last: its tasks use the others
};

}  // namespace pgkeep::streaming
