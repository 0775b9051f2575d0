#include "recover/wal_delivery.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/wal/archived_file.h"
#include "catalog/wal/received_records.h"

namespace pgkeep::recover {
namespace {

using postgres::Lsn;
using postgres::WalSegment;

constexpr std::size_t kBufferBytes = 128u << 10;

void copy(io::ByteSource& source, io::ByteSink& out) {
  io::ByteVector buffer(kBufferBytes);
  while (const auto n = source.read(buffer)) out.write(io::ByteSpan(buffer).first(n));
}

void write_zeroes(std::uint64_t count, io::ByteSink& out) {
  const io::ByteVector zeroes(std::min<std::uint64_t>(count, kBufferBytes));
  for (; count > 0; count -= std::min<std::uint64_t>(count, kBufferBytes))
    out.write(io::ByteView(zeroes).first(std::min<std::uint64_t>(count, kBufferBytes)));
}

/// Passes on the first bytes, and zeroes in place of the rest.
class BlankingSink final : public io::ByteSink {
 public:
  BlankingSink(io::ByteSink& out, std::uint64_t passed) : out_(&out), left_(passed) {}
  void write(io::ByteView bytes) override {
    const auto passed = std::min<std::uint64_t>(left_, bytes.size());
    if (passed > 0) out_->write(bytes.first(passed));
    left_ -= passed;
    write_zeroes(bytes.size() - passed, *out_);
  }

 private:
  io::ByteSink* out_;
  std::uint64_t left_;
};

/// PostgreSQL asks for the newest timeline of its line first, also where that one had not begun yet.
bool lies_before_timeline(const catalog::HeldWal& held, const WalSegment& segment) {
  return segment.end(held.segment_size()) <= held.names().line_of(segment.timeline).begin();
}

void deliver_partial(const io::File& partial, const WalSegment& segment, Lsn end,
                     postgres::WalSegmentSize size, io::ByteSink& out) {
  const auto begin = segment.begin(size);
  const auto received = std::min<std::uint64_t>(partial.size(), end - begin);
  io::ByteVector buffer(kBufferBytes);
  for (std::uint64_t at = 0; at < received;) {
    const auto piece = io::ByteSpan(buffer).first(std::min<std::uint64_t>(received - at, kBufferBytes));
    partial.read_exactly_at(piece, at);
    out.write(piece);
    at += piece.size();
  }
  write_zeroes(size.bytes() - received, out);
}

/// The first page of a segment begins with a magic number, so this says whether anything was received.
bool is_empty(const io::File& partial) {
  std::array<std::byte, 8> magic{};
  partial.read_at(magic, 0);
  return io::all_zero(magic);
}

/// False when the archive has no complete file of it.
bool deliver_complete(const catalog::WalArchive& archive, const WalSegment& segment, io::ByteSink& out) {
  auto complete = archive.open_segment(segment);
  if (complete) copy(*complete, out);
  return complete.has_value();
}

/// `followed`: the archive has WAL after it.
WalAnswer deliver_unfinished(const catalog::WalArchive& archive, const io::File& partial,
                             const catalog::HeldFile& held, bool followed, io::ByteSink& out) {
  const auto size = archive.identity().wal_segment_size;
  if (followed && held.end < held.segment.end(size)) {
    throw Corruption(
        fmt::format("{}: it is incomplete, but the archive has WAL after it; "
                    "recovery would end here and leave that out. "
                    "Bring the segment back from another copy, or recover without --get-wal",
                    partial.path().native()));
  }
  if (!followed) {
    if (is_empty(partial)) return WalAnswer::not_there;
    // Replay would end at the damage, open, and leave out what follows.
    const auto records = catalog::check_received_records(archive, held.segment, held.end);
    if (records.damage) {
      throw Corruption(fmt::format("{}. Recover without --get-wal to a target before {}", *records.damage,
                                   records.end.to_string()));
    }
  }
  deliver_partial(partial, held.segment, held.end, size, out);
  return WalAnswer::delivered;
}

WalAnswer deliver_segment(const catalog::WalArchive& archive, const WalSegment& segment, io::ByteSink& out) {
  if (deliver_complete(archive, segment, out)) return WalAnswer::delivered;
  const auto held = catalog::HeldWal::read(archive);
  const auto file = held.file_for(segment);
  const bool followed = held.is_followed(segment);
  if (file && file->segment == segment) {
    // It may be completed at any moment; then its partial is gone, and it is planned as a complete one.
    if (const auto partial = archive.open_partial(segment))
      return deliver_unfinished(archive, *partial, *file, followed, out);
    deliver_planned(archive, {.segment = segment}, out);
    return WalAnswer::delivered;
  }
  if (file) {
    deliver_planned(archive, {.segment = file->segment, .partial = file->partial, .fork = file->end}, out);
    return WalAnswer::delivered;
  }
  if (!followed || lies_before_timeline(held, segment)) return WalAnswer::not_there;
  throw Corruption(
      fmt::format("WAL segment {} is missing, but the archive has WAL after it; "
                  "recovery would end here and leave that out. "
                  "Bring the segment back, or recover to a target before it",
                  segment.name(held.segment_size())));
}

WalAnswer deliver_history(const catalog::WalArchive& archive, postgres::TimelineId timeline,
                          io::ByteSink& out) {
  const auto content = archive.read_history(timeline);
  if (!content) return WalAnswer::not_there;
  out.write(io::as_bytes(*content));
  return WalAnswer::delivered;
}

}  // namespace

WalAnswer deliver_wal(const catalog::WalArchive& archive, const std::string& name, io::ByteSink& out) {
  if (const auto timeline = postgres::parse_history_name(name))
    return deliver_history(archive, *timeline, out);
  if (const auto segment = WalSegment::parse(name, archive.identity().wal_segment_size))
    return deliver_segment(archive, *segment, out);
  // PostgreSQL never asks for these; operators do.
  const auto pushed = catalog::open_archived_file(archive, name);
  if (!pushed) return WalAnswer::not_there;
  copy(*pushed, out);
  return WalAnswer::delivered;
}

void deliver_planned(const catalog::WalArchive& archive, const PlannedWal& file, io::ByteSink& out) {
  const auto size = archive.identity().wal_segment_size;
  const auto end = file.fork.value_or(file.segment.end(size));
  if (file.partial) {
    if (const auto partial = archive.open_partial(file.segment))
      return deliver_partial(*partial, file.segment, end, size, out);
  }
  BlankingSink blanking(out, end - file.segment.begin(size));
  if (deliver_complete(archive, file.segment, blanking)) return;
  throw Corruption(
      fmt::format("WAL segment {} was there when recovery was planned, and is not any more; plan again",
                  file.segment.name(size)));
}

}  // namespace pgkeep::recover
