#include "streaming/wal_stream.h"

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
                     SegmentArchiver& archiver, const WalStreamSettings& settings,
                     std::function<void(postgres::Lsn)> progress)
    : wire_(&wire),
      line_(line),
      archiver_(&archiver),
      settings_(settings),
      progress_(std::move(progress)),
      writer_(layout, size, start, [this](catalog::PartialSegment segment) { archive(std::move(segment)); }),
      status_sent_(Clock::now()),
      heard_(Clock::now()) {}

WalStream::End WalStream::run(const std::stop_token& stop) {
  try {
    while (!stop.stop_requested()) {
      const auto taken = take_messages();
      if (taken == Taken::last) {
        writer_.flush();
        return End::by_server;
      }
      flush_and_report();
      archiver_->check();
      if (taken == Taken::everything) {
        watch_silence();
        wire_->wait_readable(until_next_status());
      }
    }
  } catch (const Interrupted&) {
    // Stop was asked while we waited.
  }
  return End::by_stop;
}

WalStream::Taken WalStream::take_messages() {
  io::ByteView message;
  for (std::uint64_t taken = 0; taken < kFlushBytes && !reply_asked_; taken += message.size()) {
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
  if (const auto* wal = std::get_if<WalData>(&parsed)) {
    writer_.write(*wal);
  } else {
    reply_asked_ = reply_asked_ || std::get<Keepalive>(parsed).reply_now;
  }
  if (established_) return;
  established_ = true;
  progress_(writer_.flushed());
}

void WalStream::flush_and_report() {
  // The fsync comes before the reply, also before one that the server asks for: while it shuts down it asks
  // until all is flushed. When the fsync fails, no reply is sent at all and the connection goes: the answer
  // with the old position would keep the server waiting for ever.
  writer_.flush();
  const auto flushed = writer_.flushed();
  if (flushed != reported_) {
    if (established_) progress_(flushed);
  } else if (!reply_asked_ && until_next_status() > milliseconds(0)) {
    return;
  }
  // A server with nothing to send says nothing: the first message asks whether the stream stands.
  send_status(!established_);
}

void WalStream::send_status(bool reply_now) {
  const auto flushed = writer_.flushed();
  const auto reportable = flushed >= settings_.report_from ? flushed : postgres::Lsn();
  wire_->send(status_message(writer_.written(), reportable, io::now(), reply_now));
  reported_ = flushed;
  reply_asked_ = false;
  status_sent_ = Clock::now();
  if (reply_now && !asked_) asked_ = status_sent_;
}

void WalStream::watch_silence() {
  const auto now = Clock::now();
  if (asked_ && now - *asked_ >= kAnswerTime) {
    throw ConnectionLost(
        fmt::format("the server has sent nothing for {}, not even an answer",
                    io::format_duration(std::chrono::duration_cast<milliseconds>(now - heard_))));
  }
  if (!asked_ && now - heard_ >= 2 * settings_.status_interval) send_status(true);
}

milliseconds WalStream::until_next_status() const {
  const auto left = status_sent_ + settings_.status_interval - Clock::now();
  return std::max(std::chrono::ceil<milliseconds>(left), milliseconds(0));
}

void WalStream::archive(catalog::PartialSegment segment) {
  while (!archiver_->wait_for_room(until_next_status())) send_status(false);
  archiver_->submit(std::move(segment), line_);
}

}  // namespace pgkeep::streaming
