#include "tests/judgement/wal_replay.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/postgres/versions.h"

namespace pgkeep::test {
namespace {

using postgres::Lsn;
using postgres::TimelineId;

constexpr std::uint64_t kPage = postgres::kWalBlockBytes;
constexpr std::uint16_t kContinued = 1;
constexpr std::uint16_t kLongHeader = 2;
constexpr std::uint32_t kLongestRecord = 1u << 24;

Lsn aligned(Lsn lsn) {
  return Lsn((lsn.value() + 7) / 8 * 8);
}

Lsn page_of(Lsn lsn) {
  return Lsn(lsn.value() / kPage * kPage);
}

bool begins_segment(Lsn page) {
  return page.value() % kSampleSegmentBytes == 0;
}

std::uint64_t header_bytes(Lsn page) {
  return begins_segment(page) ? 40 : 24;
}

bool is_switch(std::uint8_t manager, std::uint8_t info) {
  return manager == 0 && (info & 0xF0) == 0x40;
}

}  // namespace

bool WalReplay::stop(Lsn at, std::string_view why) {
  stopped_by_ = fmt::format("{} at {}", why, at.to_string());
  return false;
}

/// As XLogFileReadAnyTLI() does.
bool WalReplay::open_segment(std::uint64_t number) {
  if (opened_ == number) return true;
  opened_.reset();
  std::vector<std::pair<TimelineId, Lsn>> timelines;  // and where each begins
  Lsn begin;
  for (const auto& ancestor : line_->ancestors()) {
    timelines.emplace_back(ancestor.timeline, begin);
    begin = ancestor.switch_point;
  }
  timelines.emplace_back(line_->timeline(), begin);
  for (auto at = timelines.rbegin(); at != timelines.rend(); ++at) {
    if (at->first < opened_timeline_) break;
    if (number < at->second.value() / kSampleSegmentBytes) continue;
    auto found = open_({at->first, number});
    if (!found) continue;
    file_ = std::move(*found);
    opened_ = number;
    opened_timeline_ = at->first;
    return true;
  }
  return stop(Lsn(number * kSampleSegmentBytes), "no file of the segment");
}

std::optional<io::ByteView> WalReplay::page(Lsn address) {
  if (!open_segment(address.value() / kSampleSegmentBytes)) return std::nullopt;
  const auto page = io::ByteView(file_).subspan(address.value() % kSampleSegmentBytes, kPage);
  const auto flags = io::load_le<std::uint16_t>(page.data() + 2);
  const TimelineId timeline(io::load_le<std::uint32_t>(page.data() + 4));
  const bool sound =
      io::load_le<std::uint16_t>(page.data()) == postgres::formats_of(kSampleMajor).wal_page_magic &&
      io::load_le<std::uint64_t>(page.data() + 8) == address.value() &&
      ((flags & kLongHeader) != 0) == begins_segment(address) && line_->contains(timeline) &&
      timeline >= newest_page_;
  if (!sound) {
    stop(address, "no page header");
    return std::nullopt;
  }
  newest_page_ = timeline;
  return page;
}

/// Moves `at` to the byte after those that it reads. `left_of_record`: what a page in between has to say.
bool WalReplay::read_bytes(Lsn& at, std::uint64_t count, std::uint64_t left_of_record, io::ByteVector& into) {
  while (count > 0) {
    const auto address = page_of(at);
    const auto here = page(address);
    if (!here) return false;
    if (at == address) {
      if ((io::load_le<std::uint16_t>(here->data() + 2) & kContinued) == 0 ||
          io::load_le<std::uint32_t>(here->data() + 16) != left_of_record)
        return stop(address, "another record goes on");
      at = at + header_bytes(address);
    }
    const auto piece = here->subspan(at - address, std::min<std::uint64_t>(count, kPage - (at - address)));
    into.insert(into.end(), piece.begin(), piece.end());
    at = at + piece.size();
    count -= piece.size();
    left_of_record -= piece.size();
  }
  return true;
}

bool WalReplay::read_record(Lsn at, Record& record) {
  const auto first = page(page_of(at));
  if (!first) return false;
  if (at == page_of(at)) {
    if ((io::load_le<std::uint16_t>(first->data() + 2) & kContinued) != 0)
      return stop(at, "a record goes on where one should begin");
    at = at + header_bytes(at);
  }
  record.begin = at;
  const auto length = io::load_le<std::uint32_t>(first->data() + (at - page_of(at)));
  if (length < postgres::kWalRecordHeaderBytes || length > kLongestRecord) return stop(at, "no length");
  io::ByteVector bytes;
  auto reading = at;
  if (!read_bytes(reading, length, length, bytes)) return false;
  record.end = reading;
  const Lsn before(io::load_le<std::uint64_t>(bytes.data() + 8));
  if (last_ == Lsn() ? before >= at : before != last_) return stop(at, "another record before");
  record.content.assign(bytes.begin() + postgres::kWalRecordHeaderBytes, bytes.end());
  if (io::load_le<std::uint32_t>(bytes.data() + 20) !=
      io::crc32c(io::ByteView(bytes).first(20), io::crc32c(record.content)))
    return stop(at, "a wrong checksum");
  record.info = static_cast<std::uint8_t>(bytes[16]);
  record.manager = static_cast<std::uint8_t>(bytes[17]);
  return true;
}

Replayed WalReplay::run(Lsn start, ServerState before) {
  Replayed replayed{start, {}, {}};
  for (Record record; read_record(replayed.end, record);) {
    last_ = record.begin;
    before = state_after(before, record.begin, record.manager, record.info, record.content);
    replayed.states.push_back(before);
    replayed.end = aligned(record.end);
    if (is_switch(record.manager, record.info))
      replayed.end =
          Lsn((record.end.value() + kSampleSegmentBytes - 1) / kSampleSegmentBytes * kSampleSegmentBytes);
  }
  replayed.stopped_by = stopped_by_;
  return replayed;
}

}  // namespace pgkeep::test
