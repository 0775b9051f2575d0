#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "catalog/records/identity.h"
#include "catalog/wal/partial_segment.h"
#include "catalog/wal/wal_inventory.h"
#include "catalog/wal/wal_segment_file.h"

namespace pgkeep::catalog {

/// How far a segment that is still being received has come.
struct ReceivedWal {
  postgres::Lsn end;   // after its last byte that is not zero, or after the last whole record
  bool whole = false;  // all its bytes are there: up to its end, or to a WAL switch with zeroes after it
  bool operator==(const ReceivedWal&) const = default;
};

/// Whether the records of one segment continue those of another.
enum class Joins : std::uint8_t { yes, no, not_known };

/// The WAL of one server, to be read: complete segments (compressed, immutable), history files, and the
/// partial segment. A segment is here because the stream brought it, because its records join those of both
/// its neighbours, or because somebody decided for it: what was only pushed waits elsewhere (WaitingWal).
/// Every file appears whole and durable or not at all (WalArchiveWriter). Files are the truth; nothing here
/// needs the index. Threads: any.
class WalArchive {
 public:
  /// A history that is larger is damaged.
  static constexpr std::uint64_t kMaxHistoryBytes = 1u << 20;

  WalArchive(store::ServerLayout layout, ServerIdentity identity)
      : layout_(std::move(layout)), identity_(identity) {}

  const store::ServerLayout& layout() const noexcept { return layout_; }
  const ServerIdentity& identity() const noexcept { return identity_; }
  /// While a receiver is at work a segment that is completed is in both lists, and not in neither; of a
  /// timeline that has WAL in it, the history is.
  WalInventory inventory() const;

  bool has(const postgres::WalSegment& segment) const;
  /// The checks that every segment passes before it is archived (SegmentCheck), of one whose bytes `plain`
  /// holds. Throws Corruption. The header of the file that it would be.
  SegmentFileHeader check_segment(const io::File& plain, const postgres::WalSegment& segment,
                                  const postgres::TimelineHistory& history) const;
  /// What the records at the beginning of a segment have to continue, from the header of the archived segment
  /// before it on the line of its timeline. Nothing when that is not archived or damaged, or does not say.
  std::optional<postgres::WalCarry> carry_into(const postgres::WalSegment& segment) const;
  /// Whether the records at the beginning of a segment, archived or still being received, continue what
  /// `carry` tells of the one before it. not_known: it is not held or damaged, or no record ends in it. Reads
  /// no further than the first record that does.
  Joins continues(const postgres::WalSegment& segment, const postgres::WalCarry& carry) const;
  /// Nothing when the archive has no such segment.
  std::optional<SegmentFileReader> open_segment(const postgres::WalSegment& segment) const;
  /// Nothing when no such segment is being received.
  std::optional<io::File> open_partial(const postgres::WalSegment& segment) const;

  /// As it is stored. Throws Corruption, with the way out, when it cannot be read, or is larger than any.
  std::optional<std::string> read_history(postgres::TimelineId timeline) const;
  /// Nothing too when what is stored is damaged: then another may take its place.
  std::optional<std::string> sound_history(postgres::TimelineId timeline) const;
  /// Whether `content` is not to be understood as the history of a timeline: then it is damaged.
  static bool is_no_history(postgres::TimelineId timeline, std::string_view content);
  /// The parsed history; that of a timeline without ancestors for timeline 1. Nothing when it is not known.
  /// Throws Corruption, with the way out, when it cannot be understood.
  std::optional<postgres::TimelineHistory> history(postgres::TimelineId timeline) const;

  /// How far a partial has come (received_bytes()); nothing when there is none. Nothing says that it is
  /// durable: what is read may be in the page cache alone, and no fsync by another than its writer shows that
  /// it is not. Only the receiver knows how far it is (WalProgress, StreamState).
  std::optional<ReceivedWal> received(const postgres::WalSegment& segment) const;
  /// The end alone; the segment's first byte when there is no partial.
  postgres::Lsn partial_end(const postgres::WalSegment& segment) const;

  /// The offset of the first byte of a segment's file that contradicts what was received of it so far;
  /// nothing when the partial may become the same, or when there is none. Looks at the first `bytes` alone.
  std::optional<std::uint64_t> contradicts_partial(const postgres::WalSegment& segment, io::ByteSource& plain,
                                                   std::uint64_t bytes) const;

 private:
  Corruption damaged_history(postgres::TimelineId timeline, const char* why) const;

  store::ServerLayout layout_;
  ServerIdentity identity_;
};

/// The same for a segment file that lies anywhere, as one that was pushed and waits.
Joins continues(SegmentFileReader& segment, const postgres::WalCarry& carry);

}  // namespace pgkeep::catalog
