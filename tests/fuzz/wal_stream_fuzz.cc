#include <filesystem>
#include <poll.h>
#include <variant>

#include "catalog/io/error.h"
#include "streaming/receive/wal_stream.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_folder.h"
#include "tests/support/sample_wal.h"

// A server that sends WAL, other messages and nonsense in any order, cut anywhere, and a stream that stores
// it in a real folder. Whatever comes, the stream ends as it should or by one of our errors, and
// - nothing is reported as flushed but what came, in order and without a gap, and it is there;
// - no file holds a byte that was not sent to that place;
// - what has been reported stays reported.
// The input is read as a list of steps; see Script.

namespace {

using namespace pgkeep;
using fuzz::fail;
using fuzz::Input;
using postgres::Lsn;

constexpr postgres::TimelineId kTimeline(1);
constexpr std::uint64_t kSegmentBytes = test::kSampleSegmentBytes;
constexpr Lsn kStart(5 * kSegmentBytes);
constexpr std::uint64_t kSegments = 4;

/// Sound WAL from kStart on, as a server would send it.
const io::ByteVector& sound_wal() {
  static const auto wal = [] {
    io::ByteVector all;
    for (std::uint64_t i = 0; i < kSegments; ++i) {
      const auto segment = test::sample_wal({kTimeline, 5 + i});
      all.insert(all.end(), segment.begin(), segment.end());
    }
    return all;
  }();
  return wal;
}

/// The server, and what it remembers of what it sent and was told.
class Script final : public streaming::WalWire {
 public:
  explicit Script(Input input) : input_(input) {}
  const io::ByteVector& sent() const { return sent_; }
  Lsn flushed() const { return flushed_; }

  streaming::CopyState poll(io::ByteView& into) override {
    if (input_.empty()) return streaming::CopyState::nothing_yet;
    switch (input_.byte() % 9) {
      case 0:
        return streaming::CopyState::nothing_yet;
      case 1:
        return streaming::CopyState::ended;
      case 2:
        throw ConnectionLost("cut");
      case 3:
        keepalive();
        break;
      case 4:  // anything at all
        message_.assign(1, std::byte{input_.byte()});
        append(input_.bytes(input_.byte()));
        break;
      case 5:  // WAL at any place
        wal(kStart + (sent_.size() + input_.word() - input_.byte()), input_.bytes(input_.byte()));
        break;
      case 6:  // WAL that no server would write
        wal(kStart + sent_.size(), input_.bytes(input_.byte()));
        break;
      default:
        sound_piece();
    }
    note_wal();
    into = message_;
    return streaming::CopyState::data;
  }

  bool wait_readable(std::chrono::milliseconds /*at_most*/, int descriptor) override {
    if (input_.empty()) throw Interrupted("the script is over");
    pollfd fd{descriptor, POLLIN, 0};
    return ::poll(&fd, 1, 1) > 0;
  }

  void end() override {}
  void send(io::ByteView message) override {
    if (message.size() != 34) fail("not a status message");
    const Lsn written(io::load_be<std::uint64_t>(&message[1]));
    const Lsn flushed(io::load_be<std::uint64_t>(&message[9]));
    if (flushed < flushed_ || flushed > written || written > kStart + sent_.size()) fail("a false position");
    flushed_ = flushed;
  }

 private:
  void append(io::ByteView bytes) { message_.insert(message_.end(), bytes.begin(), bytes.end()); }
  void keepalive() {
    message_.assign(18, std::byte{0});
    message_[0] = std::byte{'k'};
    message_[17] = std::byte{input_.byte()};
  }
  void wal(Lsn start, io::ByteView data) {
    message_.assign(25, std::byte{0});
    message_[0] = std::byte{'w'};
    io::store_be(&message_[1], start.value());
    append(data);
  }
  void sound_piece() {
    const auto from = std::min(sent_.size(), sound_wal().size());
    const auto length = std::min<std::size_t>(std::size_t{input_.word()} << 5, sound_wal().size() - from);
    wal(kStart + sent_.size(), io::ByteView(sound_wal()).subspan(from, length));
  }
  /// What the protocol says of the message, read independently of the parser.
  void note_wal() {
    if (message_.size() < 25 || message_[0] != std::byte{'w'}) return;
    if (io::load_be<std::uint64_t>(&message_[1]) != kStart.value() + sent_.size()) return;
    sent_.insert(sent_.end(), message_.begin() + 25, message_.end());
  }

  Input input_;
  io::ByteVector message_;
  io::ByteVector sent_;
  Lsn flushed_;
};

class Check {
 public:
  Check(const catalog::WalArchive& archive, const Script& script, std::size_t before)
      : archive_(archive), script_(script), before_(before) {}

  void run() {
    const auto inventory = archive_.inventory();
    for (const auto& segment : inventory.segments) check(segment, archived(segment));
    for (const auto& segment : inventory.partials) check(segment, partial(segment));
    for (auto at = kStart; at < script_.flushed(); at = at + kSegmentBytes) {
      const auto segment = postgres::WalSegment::holding({kTimeline, at}, size_);
      if (!archive_.has(segment) && !std::filesystem::exists(archive_.layout().partial(segment, size_)))
        fail("what was reported is not there");
    }
  }

 private:
  io::ByteVector archived(const postgres::WalSegment& segment) const {
    auto reader = archive_.open_segment(segment);
    io::ByteVector content(kSegmentBytes);
    std::size_t done = 0;
    while (done < content.size()) {
      const auto n = reader->read(io::ByteSpan(content).subspan(done));
      if (n == 0) fail("a short segment");
      done += n;
    }
    return content;
  }
  io::ByteVector partial(const postgres::WalSegment& segment) const {
    const auto path = archive_.layout().partial(segment, size_);
    if (std::filesystem::file_size(path) == 0) return io::ByteVector(kSegmentBytes);
    return io::read_whole_file(path, kSegmentBytes);
  }
  void check(const postgres::WalSegment& segment, const io::ByteVector& content) const {
    if (segment.timeline != kTimeline || segment.begin(size_) < kStart) fail("a segment nobody sent");
    if (content.size() != kSegmentBytes) fail("a partial of odd size");
    const auto begin = segment.begin(size_) - kStart;
    const auto part_of = [&](std::size_t end) {  // of the content that lies before `end`
      return std::clamp<std::size_t>(end, begin, begin + kSegmentBytes) - begin;
    };
    const auto sent = part_of(script_.sent().size());
    const auto durable = part_of(script_.flushed() < kStart ? 0 : script_.flushed() - kStart);
    const auto used = std::max(sent, part_of(before_));
    if (!io::all_zero(io::ByteView(content).subspan(used))) fail("a byte that was not sent");
    if (sent == used && std::equal(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(sent),
                                   script_.sent().begin() + static_cast<std::ptrdiff_t>(begin)))
      return;
    for (std::size_t i = 0; i < used; ++i) {
      const auto at = begin + i;
      const bool is_sent = i < sent && content[i] == script_.sent()[at];
      const bool was_there = at < before_ && content[i] == sound_wal()[at];
      if (i < durable ? !is_sent : !is_sent && !was_there && content[i] != std::byte{0})
        fail("a byte that was not sent there");
    }
  }

  const catalog::WalArchive& archive_;
  const Script& script_;
  std::size_t before_;  // bytes of an earlier run
  postgres::WalSegmentSize size_ = test::sample_segment_size();
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static streaming::WalWorkers workers(1, 1);
  const store::ServerLayout layout(fuzz::memory_folder() / "main");
  std::filesystem::remove_all(layout.wal());
  layout.make();
  const auto segment_size = test::sample_segment_size();
  catalog::WalArchive archive(layout, {test::kSampleSystem, test::kSampleMajor, segment_size, 8192});

  Input input(data, size);
  const auto flags = input.byte();
  std::size_t before = 0;
  if ((flags & 1) != 0) {
    before = input.word();
    auto partial = catalog::PartialSegment::open(layout, {kTimeline, 5}, segment_size);
    partial.write(io::ByteView(sound_wal()).first(before), std::nullopt);
  }
  streaming::WalStreamSettings settings{
      .status_interval = std::chrono::milliseconds((flags & 2) != 0 ? 0 : 1000),
      .report_from = {},
      .stop_at = {}};
  if ((flags & 4) != 0) settings.stop_at = kStart + kSegmentBytes;

  Script script(input);
  try {
    streaming::SegmentArchiver archiver(archive, 1, workers.archive, [](const auto&) {});
    streaming::WalStream stream(script, layout, segment_size, {kTimeline, kStart},
                                postgres::TimelineHistory(kTimeline), archiver, workers, settings,
                                [](const auto&) {});
    const auto end = stream.run({});
    const auto written = stream.writer().received();
    if (written != stream.writer().state().flushed) fail("an end without a flush");
    if (settings.stop_at && written > *settings.stop_at) fail("more than was wanted");
    if (end == streaming::WalStream::End::reached && written != *settings.stop_at) fail("not reached");
  } catch (const Error&) {
  }
  Check(archive, script, before).run();
  return 0;
}
