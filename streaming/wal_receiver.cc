#include "streaming/wal_receiver.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "streaming/segment_archiver.h"
#include "streaming/wal_index.h"
#include "streaming/wal_start.h"
#include "streaming/wal_stream.h"

namespace pgkeep::streaming {
namespace {

constexpr std::chrono::seconds kGoodbyeTime{5};
constexpr std::string_view kNoSuchFile = "58P01";

class ConnectionWire final : public WalWire {
 public:
  explicit ConnectionWire(Connection& connection) : connection_(&connection) {}
  CopyState poll(io::ByteView& into) override { return connection_->copy_poll(into); }
  bool wait_readable(std::chrono::milliseconds at_most) override {
    return connection_->wait_readable(at_most);
  }
  void send(io::ByteView message) override { connection_->copy_send(message); }

 private:
  Connection* connection_;
};

/// Sleeps; false when stop was asked meanwhile.
bool pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

/// The row that ends a timeline: where which one goes on.
postgres::WalPosition parse_next_timeline(const Connection& connection, const Rows& answer) {
  if (answer.rows.size() == 1 && answer.rows[0].size() >= 2 && answer.rows[0][0] && answer.rows[0][1]) {
    const auto timeline = postgres::TimelineId::parse_decimal(*answer.rows[0][0]);
    const auto lsn = postgres::Lsn::parse(*answer.rows[0][1]);
    if (timeline && lsn) return {*timeline, *lsn};
  }
  throw ProtocolError(
      fmt::format("{}: the server ended the timeline without saying where it goes on", connection.peer()));
}

}  // namespace

class WalReceiver::Stream {
 public:
  Stream(WalReceiver& owner, const std::stop_token& stop);
  /// Until stop is asked.
  void run();

 private:
  /// Where the next timeline begins; nothing when stop was asked.
  std::optional<postgres::WalPosition> receive_timeline(const StreamStart& start);
  std::optional<postgres::WalPosition> receive_copy(const StreamStart& start,
                                                    const postgres::TimelineHistory& line);
  std::optional<postgres::WalPosition> read_end();
  void finish_timeline(WalStream& stream);
  StreamStart switch_timeline(postgres::TimelineId from, const postgres::WalPosition& next);
  void say_goodbye(WalStream& stream);
  catalog::WalArchive open_archive();
  void archived(const catalog::SegmentFileHeader& segment);

  WalReceiver* owner_;
  std::stop_token stop_;
  WalIndex index_;
  Connection connection_;
  SystemInfo system_;
  catalog::WalArchive archive_;
  SegmentArchiver archiver_;  // last: its thread uses the others
};

WalReceiver::Stream::Stream(WalReceiver& owner, const std::stop_token& stop)
    : owner_(&owner),
      stop_(stop),
      index_(owner.layout_, [&owner](const std::string& what) { owner.observer_->warning(what); }),
      connection_(Connection::open(owner.settings_.connection, ConnectionKind::physical, stop)),
      system_(identify_system(connection_)),
      archive_(open_archive()),
      archiver_(archive_, [this](const catalog::SegmentFileHeader& segment) { archived(segment); }) {}

/// Only once it is clear that the cluster is the one whose WAL is here.
catalog::WalArchive WalReceiver::Stream::open_archive() {
  const auto identity = ask_identity(connection_, system_);
  catalog::confirm_identity(owner_->layout_, identity);
  owner_->observer_->connected(connection_, system_);
  return {owner_->layout_, identity, owner_->settings_.compression_level};
}

void WalReceiver::Stream::archived(const catalog::SegmentFileHeader& segment) {
  index_.segment_archived(segment);
  owner_->observer_->segment_archived(segment);
}

void WalReceiver::Stream::run() {
  for (const auto& segment : archive_.finish_interrupted()) archived(segment);
  adopt_histories(connection_, system_, archive_,
                  [this](auto timeline, const auto& content) { index_.history_stored(timeline, content); });
  const auto& settings = owner_->settings_;
  if (settings.create_slot) create_slot(connection_, settings.slot);
  auto start = choose_start(connection_, system_, archive_, settings, stop_,
                            [this](const std::string& what) { owner_->observer_->warning(what); });
  while (const auto next = receive_timeline(start)) start = switch_timeline(start.position.timeline, *next);
}

std::optional<postgres::WalPosition> WalReceiver::Stream::receive_timeline(const StreamStart& start) {
  const auto timeline = start.position.timeline;
  const auto line = archive_.history(timeline);
  if (!line) {
    throw Refused(
        fmt::format("the WAL to be received begins on timeline {}, but {} has no history of it; without it "
                    "that WAL cannot be checked. Copy {} into the server's pg_wal",
                    timeline.to_string(), connection_.peer(), timeline.history_file()));
  }
  try {
    return receive_copy(start, *line);
  } catch (const ServerError& error) {
    if (error.sqlstate() != kNoSuchFile) throw;
    throw ServerError(
        error.sqlstate(),
        fmt::format(
            "{}. So WAL from {} of timeline {} on is missing here, and recovery cannot pass that gap. What "
            "was "
            "received of it stays. Bring the missing files back into the server's pg_wal, or keep the server "
            "under a new name and take a base backup",
            error.what(), start.position.lsn.to_string(), timeline.to_string()));
  }
}

std::optional<postgres::WalPosition> WalReceiver::Stream::receive_copy(
    const StreamStart& start, const postgres::TimelineHistory& line) {
  const auto timeline = start.position.timeline;
  const auto lsn = start.position.lsn;
  connection_.send(fmt::format("START_REPLICATION SLOT {} PHYSICAL {} TIMELINE {}",
                               quote_identifier(owner_->settings_.slot), lsn.to_string(),
                               timeline.to_string()));
  auto answer = connection_.next_result();
  if (answer.kind == Connection::Next::rows) {  // nothing is left of this timeline
    const auto next = parse_next_timeline(connection_, answer.rows);
    while (connection_.next_result().kind != Connection::Next::done) {
    }
    return next;
  }
  if (answer.kind != Connection::Next::copy_both) {
    throw ProtocolError(fmt::format("{}: START_REPLICATION began no stream", connection_.peer()));
  }
  owner_->observer_->streaming_from(start.position);
  ConnectionWire wire(connection_);
  WalStream stream(
      wire, owner_->layout_, archive_.identity().wal_segment_size, start.position, line, archiver_,
      {owner_->settings_.status_interval, start.report_from}, [&](postgres::Lsn flushed) {
        owner_->progress_.with([&](auto& at) { at.flushed = postgres::WalPosition{timeline, flushed}; });
        owner_->streaming_ = true;
        owner_->established_ = true;
      });
  if (stream.run(stop_) == WalStream::End::by_stop) {
    say_goodbye(stream);
    archiver_.wait_until_idle();
    return std::nullopt;
  }
  const auto next = read_end();
  if (!next)
    throw ConnectionLost(fmt::format("{} ended the stream: it is shutting down", connection_.peer()));
  if (next->timeline <= timeline || next->lsn > stream.writer().written()) {
    throw ProtocolError(
        fmt::format("{}: says that timeline {} goes on at {} of timeline {}, but it sent WAL up to {}",
                    connection_.peer(), timeline.to_string(), next->lsn.to_string(),
                    next->timeline.to_string(), stream.writer().written().to_string()));
  }
  finish_timeline(stream);
  return next;
}

/// After the server ended the COPY. Nothing when it did not end the timeline.
std::optional<postgres::WalPosition> WalReceiver::Stream::read_end() {
  std::optional<postgres::WalPosition> next;
  auto result = connection_.next_result();
  // At the end of a timeline it has closed its half only, and waits for ours.
  if (result.kind == Connection::Next::copy_in || result.kind == Connection::Next::copy_both) {
    connection_.copy_end();
    result = connection_.next_result();
  }
  for (; result.kind != Connection::Next::done; result = connection_.next_result()) {
    if (result.kind == Connection::Next::rows) next = parse_next_timeline(connection_, result.rows);
  }
  return next;
}

void WalReceiver::Stream::finish_timeline(WalStream& stream) {
  // The old timeline's last partial stays; but a file into which nothing came, since the timeline ended with
  // the segment before, says only that that one is whole, and is not needed once it is archived.
  archiver_.wait_until_idle();
  auto& writer = stream.writer();
  const auto begin = writer.segment().begin(archive_.identity().wal_segment_size);
  if (writer.written() == begin && archive_.partial_end(writer.segment()) == begin) writer.remove_current();
}

StreamStart WalReceiver::Stream::switch_timeline(postgres::TimelineId from,
                                                 const postgres::WalPosition& next) {
  // Also when it can be seen here: only store_history() makes sure that it is durable before anything of the
  // timeline is.
  const auto history = timeline_history(connection_, next.timeline);
  archive_.store_history(next.timeline, history.content);
  index_.history_stored(next.timeline, history.content);
  const auto line = archive_.history(next.timeline);
  if (!line || line->end_of(from) != next.lsn) {
    throw ProtocolError(fmt::format(
        "{}: timeline {} is said to go on at {} of timeline {}, but {} says otherwise", connection_.peer(),
        from.to_string(), next.lsn.to_string(), next.timeline.to_string(), next.timeline.history_file()));
  }
  owner_->observer_->timeline_switched(from, next.timeline, next.lsn);
  const auto size = archive_.identity().wal_segment_size;
  const auto segment = postgres::WalSegment::holding(next, size);
  return {{next.timeline, segment.begin(size)}, std::max(next.lsn, archive_.partial_end(segment))};
}

/// After stop: the last report, and the stream's end as the protocol wants it, but only for so long.
void WalReceiver::Stream::say_goodbye(WalStream& stream) {
  connection_.allow_goodbye(kGoodbyeTime);
  try {
    stream.flush_and_report();
    connection_.copy_end();
    io::ByteView ignored;
    while (connection_.copy_receive(ignored) == CopyState::data) {
    }
    while (connection_.next_result().kind != Connection::Next::done) {
    }
  } catch (const ConnectionLost&) {
    // All that was received is flushed; the server will hear it from the next connection.
  } catch (const ServerError&) {
    // It shuts down, say: the same.
  }
}

WalReceiver::WalReceiver(const store::ServerLayout& layout, WalReceiverSettings settings,
                         WalReceiverObserver& observer, WalWorkers& workers)
    : layout_(layout), settings_(std::move(settings)), observer_(&observer), workers_(&workers) {}

void WalReceiver::run(const std::stop_token& stop) {
  check_slot_name(settings_.slot);
  std::optional<io::FileLock> lock;
  auto retry_in = settings_.first_retry;
  while (!stop.stop_requested()) {
    try {
      if (!lock) {  // a full disk may have no room even for the lock's file
        layout_.make();
        lock = io::FileLock::acquire(layout_.receiver_lock(), settings_.purpose);
      }
      Stream(*this, stop).run();
    } catch (const Interrupted&) {
      return;
    } catch (const Error& error) {
      const bool another_receives = !lock && error.exit_code() == Exit::busy;
      if (!error.retryable() || another_receives) throw;
      if (std::exchange(established_, false)) retry_in = settings_.first_retry;
      observer_->disconnected(error.what(), retry_in, false);
      if (!pause(retry_in, stop)) return;
      retry_in = std::min(2 * retry_in, settings_.longest_retry);
    }
  }
}

}  // namespace pgkeep::streaming
