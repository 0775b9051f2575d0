#include "streaming/receive/wal_stream.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/units.h"

namespace pgkeep::streaming {

using std::chrono::milliseconds;

WalStream::WalStream(WalWire& wire, const store::ServerLayout& layout, postgres::WalSegmentSize size,
                     const postgres::WalPosition& start, const postgres::TimelineHistory& line,
                     SegmentArchiver& archiver, WalWorkers& workers, const WalStreamSettings& settings,
                     std::function<void(const Progress&)> progress)
    : wire_(&wire),
      archiver_(&archiver),
      settings_(settings),
      progress_(std::move(progress)),
      writer_(layout, size, start, line, archiver, workers,
              {.changed = [this] { news_.ring(); }, .synced = settings.synced}),
      status_sent_(Clock::now()),
      heard_(Clock::now()) {
  archiver_->on_change([this] { news_.ring(); });
}

WalStream::~WalStream() {
  archiver_->on_change({});
}

WalStream::End WalStream::run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { news_.ring(); });
  auto end = End::by_stop;
  try {
    end = run_until(stop);
  } catch (const Interrupted&) {
    // Stop was asked while we waited.
  }
  finish();
  return end;
}

WalStream::End WalStream::run_until(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    news_.silence();  // before what it tells is looked at
    const auto taken = take_messages();
    archiver_->check();
    writer_.go_on(haste());
    if (taken == Taken::last) return End::by_server;
    report();
    if (settings_.stop_at && reported_ >= *settings_.stop_at) return End::reached;
    if (taken == Taken::nothing) {
      news_.wait(until_next_step());
    } else if (taken == Taken::everything) {
      watch_silence();
      wire_->wait_readable(until_next_step(), news_.fd());
    }
  }
  return End::by_stop;
}

/// A server that asks wants to hear of all that it has sent.
WalWriter::Haste WalStream::haste() const {
  const bool may_group = settings_.waiters != nullptr && !settings_.waiters->may_wait() && !reply_asked_;
  return may_group ? WalWriter::Haste{settings_.group_within} : WalWriter::Haste{};
}

bool WalStream::may_read() const {
  return pending_.empty() && !(settings_.stop_at && writer_.received() >= *settings_.stop_at);
}

WalStream::Taken WalStream::take_messages() {
  take_pending();
  if (!may_read()) return Taken::nothing;
  io::ByteView message;
  for (std::size_t taken = 0; taken < kTakeBytes && may_read(); taken += message.size()) {
    switch (wire_->poll(message)) {
      case CopyState::ended:
        return Taken::last;
      case CopyState::nothing_yet:
        return Taken::everything;
      case CopyState::data:
        take(message);
    }
  }
  return Taken::part;
}

void WalStream::take(io::ByteView message) {
  const auto parsed = parse_wal_message(message);
  heard_ = Clock::now();
  asked_.reset();
  established_ = true;
  at_.last_message = io::now();
  if (const auto* wal = std::get_if<WalData>(&parsed)) {
    take(*wal);
  } else {
    const auto& keepalive = std::get<Keepalive>(parsed);
    at_.server_end = std::max(at_.server_end, keepalive.server_end);
    if (keepalive.reply_now) take_request();
  }
}

void WalStream::take_request() {
  if (reply_asked_) return;
  reply_asked_ = heard_;
  requests_in_a_row_ = heard_ - status_sent_ < settings_.follows_within ? requests_in_a_row_ + 1 : 0;
}

void WalStream::take(const WalData& wal) {
  if (wal.start != writer_.received()) {
    throw ProtocolError(
        fmt::format("the server sent WAL from {} on where {} was expected; none of it was kept",
                    wal.start.to_string(), writer_.received().to_string()));
  }
  at_.server_end = std::max(at_.server_end, wal.server_end);
  pending_ = wal.data;
  pending_sent_ = wal.sent;
  if (settings_.stop_at) {
    pending_ = pending_.first(std::min<std::uint64_t>(pending_.size(), *settings_.stop_at - wal.start));
  }
  take_pending();
}

void WalStream::take_pending() {
  if (!pending_.empty()) pending_ = pending_.subspan(writer_.take(pending_, pending_sent_));
}

void WalStream::report() {
  const auto disk = writer_.state();
  const bool all_flushed = pending_.empty() && disk.flushed == writer_.received();
  const bool news = disk.flushed != reported_;
  if (news || all_flushed) {
    stuck_since_.reset();
    requests_in_a_row_ = 0;
  } else if (!stuck_since_) {
    stuck_since_ = Clock::now();
  }
  watch_shutdown();
  const bool due = until_next_status() <= milliseconds(0);
  // A server with nothing to send says nothing: the first message asks whether the stream stands.
  if (news || due || (reply_asked_ && all_flushed)) send_status(disk, !established_);
  if (due && !news && all_flushed) writer_.release_memory();
  tell_progress(disk);
}

void WalStream::send_status(const WalWriter::State& disk, bool reply_now) {
  const auto reportable = disk.flushed >= settings_.report_from ? disk.flushed : postgres::Lsn();
  wire_->send(status_message(disk.written, reportable, io::now(), reply_now));
  reported_ = disk.flushed;
  // A position that is not the last one is an answer only because the time has come.
  reply_asked_.reset();
  status_sent_ = Clock::now();
  if (reply_now && !asked_) asked_ = status_sent_;
}

void WalStream::tell_progress(const WalWriter::State& disk) {
  if (!established_) return;
  at_.received = writer_.received();
  at_.flushed = disk.flushed;
  at_.disk_busy_since = disk.busy_since;
  if (at_ == told_) return;
  told_ = at_;
  progress_(at_);
}

void WalStream::finish() {
  while (true) {
    news_.silence();
    archiver_->check();
    writer_.go_on({});
    const auto disk = writer_.state();
    if (disk.flushed == writer_.received()) return tell_progress(disk);
    news_.wait(settings_.status_interval);
  }
}

void WalStream::flush_and_report() {
  finish();
  report();
}

void WalStream::watch_silence() {
  const auto now = Clock::now();
  const auto answer_time = std::clamp<milliseconds>(kAnswerIntervals * settings_.status_interval,
                                                    kShortestAnswerTime, kAnswerTime);
  if (asked_ && now - *asked_ >= answer_time) {
    throw ConnectionLost(
        fmt::format("the server has sent nothing for {}, not even an answer",
                    io::format_duration(std::chrono::duration_cast<milliseconds>(now - heard_))));
  }
  if (!asked_ && now - heard_ >= 2 * settings_.status_interval) send_status(writer_.state(), true);
}

void WalStream::watch_shutdown() {
  if (!stuck_since_ || requests_in_a_row_ < kShutdownRequests) return;
  const auto stuck = std::chrono::duration_cast<milliseconds>(Clock::now() - *stuck_since_);
  if (stuck < settings_.shutdown_waits) return;
  wire_->end();  // not later: while this unwinds, the disk is waited for
  throw ConnectionLost(
      fmt::format("the server keeps asking for what the disk here has not taken for {}, "
                  "as one does that shuts down; it is left alone so that it can",
                  io::format_duration(stuck)));
}

milliseconds WalStream::until_next_step() const {
  const auto status = until_next_status();
  const auto due = writer_.sync_due();
  if (!due) return status;
  const auto sync = std::chrono::ceil<milliseconds>(*due - Clock::now());
  return std::clamp(sync, milliseconds(0), status);
}

milliseconds WalStream::until_next_status() const {
  auto due = status_sent_ + settings_.status_interval;
  if (reply_asked_) due = std::min(due, *reply_asked_ + settings_.answer_within);
  // A request may lie after what there is no room for.
  if (!pending_.empty()) due = std::min(due, status_sent_ + settings_.answer_within);
  const auto left = due - Clock::now();
  return std::max(std::chrono::ceil<milliseconds>(left), milliseconds(0));
}

}  // namespace pgkeep::streaming
