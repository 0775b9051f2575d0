#include "streaming/receive/wal_intake.h"

#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/wal/wal_adoption.h"
#include "catalog/wal/wal_archive_writer.h"
#include "streaming/receive/wal_copy.h"

namespace pgkeep::streaming {
namespace {

constexpr std::chrono::seconds kGoodbyeTime{5};
/// So many of the newest archived segments are looked at again when a session begins; fewer than the journal
/// of events remembers of a kind.
constexpr std::size_t kNotedAgain = 16;
static_assert(kNotedAgain < catalog::EventJournal::kRemembered);

class ConnectionWire final : public WalWire {
 public:
  explicit ConnectionWire(Connection& connection) : connection_(&connection) {}
  CopyState poll(io::ByteView& into) override { return connection_->copy_poll(into); }
  bool wait_readable(std::chrono::milliseconds at_most, int descriptor) override {
    return connection_->wait_readable(at_most, descriptor);
  }
  void send(io::ByteView message) override { connection_->copy_send(message); }
  void end() override { connection_->copy_end(); }

 private:
  Connection* connection_;
};

/// Does something when it goes out of scope, which must not throw.
template <typename Deed>
struct AtEnd {
  Deed deed;
  ~AtEnd() { deed(); }
};

/// For a message: a bad disk may have thousands.
std::string first_of(const std::vector<std::string>& troubles) {
  if (troubles.size() == 1) return troubles.front();
  return fmt::format("{} (and {} more)", troubles.front(), troubles.size() - 1);
}

/// After stop: the last report, and the stream's end as the protocol wants it, but only for so long.
void say_goodbye(Connection& connection, WalStream& stream) {
  connection.allow_goodbye(kGoodbyeTime);
  try {
    stream.flush_and_report();
    end_wal_copy(connection);
  } catch (const ConnectionLost&) {
    // All that was received is flushed; the server will hear it from the next connection.
  } catch (const ServerError&) {
    // It shuts down, say: the same.
  }
}

}  // namespace

WalIntake::WalIntake(catalog::WalArchive archive, const WalReceiverSettings& settings,
                     WalReceiverObserver& observer, WalWorkers& workers, Progress progress)
    : settings_(settings),
      observer_(&observer),
      workers_(&workers),
      progress_(std::move(progress)),
      archive_(std::move(archive)),
      index_(archive_, [&observer](const std::string& what) { observer.warning(what); }),
      events_(archive_.layout(), observer),
      archiver_(archive_, settings.compression_level, workers.archive,
                [this](const catalog::SegmentFileHeader& segment) { archived(segment); }) {}

WalIntake WalIntake::for_another_host() {
  const auto tell_also_of_ours = [this](const WalProgress& now) {
    auto at = now;
    if (!at.flushed) at.flushed = at_.flushed;
    progress_(at);
  };
  return {archive_, settings_, *observer_, *workers_, tell_also_of_ours};
}

void WalIntake::note(const catalog::Event& event) {
  events_.note(event.kind, event.cause, event.range);
}

/// In the archiver's thread: what waits here for longer stops the stream, and commits with it.
void WalIntake::archived(const catalog::SegmentFileHeader& segment) {
  if (const auto event = catalog::event_in(segment)) note(*event);
  events_.write_late();
  tell_of(segment);
  take_in_pushed(segment.segment);
}

void WalIntake::tell_of(const catalog::SegmentFileHeader& segment) {
  index_.segment_archived(segment);
  observer_->segment_archived(segment);
}

/// What waits for a segment that was archived just now, or for any. It is worth less than the stream:
/// whatever is wrong with it, be it a lack of memory, must not stop that, nor one half of this the other.
void WalIntake::take_in_pushed(const std::optional<postgres::WalSegment>& archived) {
  const auto record = [this](const catalog::Event& event) { events_.report_if_free(event); };
  const catalog::WaitingWal waiting(archive_);
  catalog::WalAdoption adoption(archive_);
  const auto not_compared = [this](const std::string& why) {
    observer_->warning(fmt::format(
        "WAL that was pushed could not be compared with what the stream brought, and waits on: {}", why));
  };
  try {
    const auto troubles = archived ? waiting.settle(*archived, record) : waiting.settle_all(record);
    if (!troubles.empty()) not_compared(first_of(troubles));
  } catch (const std::exception& error) {
    not_compared(error.what());
  }
  const auto not_taken = [this](const std::string& why) {
    observer_->warning(fmt::format(
        "whether WAL that was pushed fills a gap could not be seen to, and it waits on: {}", why));
  };
  try {
    const auto taken = archived ? adoption.fill_gap_before(*archived, record) : adoption.fill_gaps(record);
    for (const auto& segment : taken.segments) tell_of(segment);
    if (!taken.troubles.empty()) not_taken(first_of(taken.troubles));
  } catch (const std::exception& error) {
    not_taken(error.what());
  }
}

void WalIntake::finish_interrupted() {
  const auto names = archive_.inventory();
  note_again(names.segments);
  index_.catch_up(names);
  const auto stored = catalog::finish_interrupted(archive_, settings_.compression_level);
  for (const auto& segment : stored) archived(segment);
  take_in_pushed({});
}

/// What a crash between the archiving of a segment and the noting of what it tells has left out, or a journal
/// that was held meanwhile. What was noted is not noted twice.
void WalIntake::note_again(const catalog::SegmentSet& held) {
  for (const auto& segment : held.last(kNotedAgain)) {
    std::optional<catalog::Event> event;
    try {
      if (const auto file = archive_.open_segment(segment)) event = catalog::event_in(file->header());
    } catch (const Error&) {
      // What tells nothing stops no stream; a caller that needs that segment says so.
    }
    if (event) note(*event);
  }
}

void WalIntake::store_history(postgres::TimelineId timeline, const std::string& content) {
  catalog::WalArchiveWriter(archive_).store_history(timeline, content);
}

StreamEnd WalIntake::receive(Connection& connection, const std::string* slot, const StreamStart& start,
                             const std::stop_token& stop) {
  const auto timeline = start.position.timeline;
  const auto line = archive_.history(timeline);
  if (!line) {
    throw Refused(
        fmt::format("the WAL to be received begins on timeline {}, but {} has no history of it; "
                    "without it that WAL cannot be checked. Copy {} into the server's pg_wal",
                    timeline.to_string(), connection.peer(), timeline.history_file()));
  }
  if (const auto next = start_wal_copy(connection, slot, start.position))
    return {StreamEnd::Why::timeline_ended, next, {}};
  observer_->streaming_from(start.position);
  at_.received = start.position;
  return receive_copy(connection, start, *line, stop);
}

StreamEnd WalIntake::receive_copy(Connection& connection, const StreamStart& start,
                                  const postgres::TimelineHistory& line, const std::stop_token& stop) {
  const auto timeline = start.position.timeline;
  ConnectionWire wire(connection);
  // Once the stream is gone, whose end waits for the disk: then that has answered, be it by a failure.
  const AtEnd disk_has_answered{[this] {
    at_.disk_busy_since.reset();
    progress_(at_);
  }};
  WalStream stream(wire, archive_.layout(), archive_.identity().wal_segment_size, start.position, line,
                   archiver_, *workers_,
                   {.status_interval = settings_.status_interval,
                    .report_from = start.report_from,
                    .stop_at = start.stop_at,
                    .waiters = settings_.flush_at_once ? nullptr : settings_.waiters.get(),
                    .synced = [this](std::uint64_t bytes,
                                     std::chrono::microseconds took) { observer_->synced(bytes, took); }},
                   [&](const WalStream::Progress& now) { tell(start, now); });
  const auto received_to = [&]() -> std::optional<postgres::Lsn> {
    const auto end = stream.writer().received();
    return end > start.position.lsn ? std::optional(end) : std::nullopt;
  };
  switch (stream.run(stop)) {
    case WalStream::End::by_stop:
      say_goodbye(connection, stream);
      archiver_.wait_until_idle();
      return {StreamEnd::Why::stop_asked, {}, received_to()};
    case WalStream::End::reached:
      finish_timeline(stream);
      end_wal_copy(connection);
      return {StreamEnd::Why::reached, {}, received_to()};
    case WalStream::End::by_server:
      break;
  }
  const auto next = read_end_of_wal_copy(connection);
  if (!next) throw ConnectionLost(fmt::format("{} ended the stream: it is shutting down", connection.peer()));
  if (next->timeline <= timeline || next->lsn > stream.writer().received()) {
    throw ProtocolError(
        fmt::format("{}: says that timeline {} continues at {} of timeline {}, but it sent WAL up to {}",
                    connection.peer(), timeline.to_string(), next->lsn.to_string(),
                    next->timeline.to_string(), stream.writer().received().to_string()));
  }
  finish_timeline(stream);
  return {StreamEnd::Why::timeline_ended, next, received_to()};
}

void WalIntake::tell(const StreamStart& start, const WalStream::Progress& now) {
  const auto timeline = start.position.timeline;
  at_.received = postgres::WalPosition{timeline, now.received};
  if (now.flushed >= start.report_from) at_.flushed = postgres::WalPosition{timeline, now.flushed};
  at_.server_end = now.server_end;
  at_.last_message = now.last_message;
  at_.disk_busy_since = now.disk_busy_since;
  progress_(at_);
}

void WalIntake::finish_timeline(WalStream& stream) {
  // The old timeline's last partial stays; but a file into which nothing came, since the timeline ended with
  // the segment before, says only that that one is whole, and is not needed once it is archived.
  archiver_.wait_until_idle();
  auto& writer = stream.writer();
  const auto begin = writer.segment().begin(archive_.identity().wal_segment_size);
  if (writer.received() == begin && archive_.partial_end(writer.segment()) == begin) writer.remove_partial();
}

}  // namespace pgkeep::streaming
