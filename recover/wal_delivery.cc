#include "recover/wal_delivery.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/wal/archived_file.h"
#include "catalog/wal/received_records.h"
#include "catalog/wal/segment_end.h"
#include "catalog/wal/wal_continuity.h"

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

/// Up to where the partial may be read without doubt. On a timeline whose successor left it inside this
/// segment, and of which we do not have this segment, PostgreSQL may ask for the older file in place of the
/// newer one: then it must not see what the older timeline wrote behind the fork. A history that was only
/// pushed, by a copy of the server that was promoted, say, takes nothing away from what the server sent.
Lsn trusted_end(const catalog::WalInventory& known, const WalSegment& segment,
                postgres::WalSegmentSize size) {
  auto end = segment.end(size);
  for (const auto& [timeline, history] : known.histories) {
    const auto fork = history.end_of(segment.timeline);
    if (!fork || *fork <= segment.begin(size) || *fork >= end) continue;
    if (!catalog::is_borne_out(known, timeline)) continue;
    const WalSegment successor{timeline, segment.number};
    const bool have_it = std::ranges::binary_search(known.segments, successor) ||
                         std::ranges::binary_search(known.partials, successor);
    if (!have_it) end = *fork;
  }
  return end;
}

/// Whether the archive has WAL that follows this segment, on its timeline or on one that left it later: then
/// the segment was received once, and recovery must not end for want of it.
bool is_followed(const catalog::WalInventory& known, const WalSegment& segment,
                 postgres::WalSegmentSize size) {
  const auto follows = [&](const WalSegment& other) {
    if (other.number <= segment.number) return false;
    if (other.timeline == segment.timeline) return true;
    const auto history = known.histories.find(other.timeline);
    if (history == known.histories.end()) return false;
    const auto left = history->second.end_of(segment.timeline);
    return left && *left >= segment.end(size);
  };
  return std::ranges::any_of(known.segments, follows) || std::ranges::any_of(known.partials, follows);
}

/// PostgreSQL asks for the newest timeline of its line first, also where that one had not begun yet.
bool lies_before_timeline(const catalog::WalInventory& known, const WalSegment& segment,
                          postgres::WalSegmentSize size) {
  const auto history = known.histories.find(segment.timeline);
  return history != known.histories.end() && segment.end(size) <= history->second.begin();
}

std::optional<io::File> open_partial(const catalog::WalArchive& archive, const WalSegment& segment) {
  try {
    return io::File::open_to_read(archive.layout().partial(segment, archive.identity().wal_segment_size));
  } catch (const StorageError& error) {
    if (error.cause() == ENOENT) return std::nullopt;
    throw;
  }
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

/// `followed`: the archive has WAL behind it.
WalAnswer deliver_unfinished(const catalog::WalArchive& archive, const io::File& partial,
                             const WalSegment& segment, const catalog::WalInventory& known, bool followed,
                             io::ByteSink& out) {
  const auto size = archive.identity().wal_segment_size;
  if (followed) {
    if (!archive.came_whole(segment, partial)) {
      throw Corruption(fmt::format(
          "{}: it is incomplete, but the archive has WAL behind it; recovery would end here and "
          "leave that out. Bring the segment back from another copy, or recover without --get-wal",
          partial.path().native()));
    }
    deliver_partial(partial, segment, segment.end(size), size, out);
    return WalAnswer::delivered;
  }
  if (is_empty(partial)) return WalAnswer::not_there;
  // Replay would end at the damage, open, and leave out what follows.
  const auto records = catalog::check_received_records(
      archive, segment, segment.begin(size) + catalog::received_bytes(partial));
  if (records.damage) {
    throw Corruption(fmt::format("{}. Recover without --get-wal to a target before {}", *records.damage,
                                 records.end.to_string()));
  }
  deliver_partial(partial, segment, trusted_end(known, segment, size), size, out);
  return WalAnswer::delivered;
}

/// In the segment that its timeline began in, a file begins with a copy of what the timelines before left
/// there. While that copy is still on its way, or never came, PostgreSQL must not find the end of WAL in it:
/// the ancestor's file that reaches further than `end`, up to where the line left it, when there is one.
std::optional<PlannedWal> fuller_ancestor(const catalog::WalArchive& archive,
                                          const catalog::WalInventory& known, const WalSegment& segment,
                                          Lsn end) {
  const auto size = archive.identity().wal_segment_size;
  const auto history = known.histories.find(segment.timeline);
  if (history == known.histories.end() || segment.end(size) <= history->second.begin()) return std::nullopt;
  std::optional<PlannedWal> fullest;
  for (const auto& ancestor : history->second.ancestors()) {
    const WalSegment file{ancestor.timeline, segment.number};
    // In this order: the archive has it before the partial goes.
    const auto received = archive.partial_end(file);
    const bool complete = archive.has(file);
    const auto reaches = std::min(complete ? file.end(size) : received, ancestor.end);
    if (reaches <= end) continue;
    end = reaches;
    fullest = {.segment = file, .partial = !complete, .fork = ancestor.end};
  }
  return fullest;
}

WalAnswer deliver_segment(const catalog::WalArchive& archive, const WalSegment& segment, io::ByteSink& out) {
  if (deliver_complete(archive, segment, out)) return WalAnswer::delivered;
  const auto size = archive.identity().wal_segment_size;
  // What is behind the segment is listed before its own file is looked for: it was received before.
  const auto known = archive.inventory();
  const bool followed = is_followed(known, segment, size);
  const auto partial = open_partial(archive, segment);
  // It may be completed at any moment, and the archive has it before the partial goes: so ask once more.
  if (deliver_complete(archive, segment, out)) return WalAnswer::delivered;
  if (!followed) {
    const auto end = segment.begin(size) + (partial ? catalog::received_bytes(*partial) : 0);
    if (const auto fuller = fuller_ancestor(archive, known, segment, end)) {
      deliver_planned(archive, *fuller, out);
      return WalAnswer::delivered;
    }
  }
  if (partial) return deliver_unfinished(archive, *partial, segment, known, followed, out);
  if (!followed || lies_before_timeline(known, segment, size)) return WalAnswer::not_there;
  throw Corruption(
      fmt::format("WAL segment {} is missing, but the archive has WAL behind it; recovery would end here and "
                  "leave that out. Bring the segment back, or recover to a target before it",
                  segment.name(size)));
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
    if (const auto partial = open_partial(archive, file.segment))
      return deliver_partial(*partial, file.segment, end, size, out);
  }
  BlankingSink blanking(out, end - file.segment.begin(size));
  if (deliver_complete(archive, file.segment, blanking)) return;
  throw Corruption(
      fmt::format("WAL segment {} was there when recovery was planned, and is not any more; plan again",
                  file.segment.name(size)));
}

}  // namespace pgkeep::recover
