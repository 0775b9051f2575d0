#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// What became of a segment that was offered to the archive.
struct OfferedSegment {
  SegmentFileHeader header;  // of the file in the archive, when there is one
  bool was_there = false;    // in the archive, before
  /// The archive, or when it was not there the partial, has it with another byte here: nothing was stored.
  std::optional<postgres::Lsn> differs_at;
};

/// Whether the records of one segment continue those of another.
enum class Joins : std::uint8_t { yes, no, not_known };

/// The WAL of one server: complete segments (compressed, immutable), history files, and the partial segment.
/// A segment is here because the stream brought it, because its records join those of both its neighbours, or
/// because somebody decided for it: what was only pushed waits elsewhere (WaitingWal).
/// Every file appears whole and durable or not at all. Files are the truth; nothing here needs the index.
/// Threads: everything may go on in several at once, and in several processes: who adds something to the
/// archive holds ServerLayout::archive_lock() meanwhile.
class WalArchive {
 public:
  WalArchive(store::ServerLayout layout, ServerIdentity identity, int compression_level);

  const store::ServerLayout& layout() const noexcept { return layout_; }
  const ServerIdentity& identity() const noexcept { return identity_; }
  /// While a receiver is at work a segment that is completed is in both lists, and not in neither; of a
  /// timeline that has WAL in it, the history is.
  WalInventory inventory() const;

  bool has(const postgres::WalSegment& segment) const;
  /// Validates the complete partial (WalSegmentChecker, WalRecordWalker: every page and every record, which
  /// have to continue the archived segment before it and join the one after it, and pages of zeroes only
  /// after a WAL switch), compresses it into the archive, and removes the partial once the archived file is
  /// durable. A segment that is there already with the same bytes is left; with different ones: Corruption,
  /// and nothing changes.
  SegmentFileHeader store_segment(PartialSegment& partial, const postgres::TimelineHistory& history);
  /// The checks of store_segment() alone, of a segment that came another way than by the stream: `plain`
  /// holds just its bytes. Throws Corruption like it. The header of the file that it would be.
  SegmentFileHeader check_segment(const io::File& plain, const postgres::WalSegment& segment,
                                  const postgres::TimelineHistory& history) const;
  /// Takes in a segment file that lies elsewhere on the repository's disk, and whose content was checked when
  /// it was written: it is moved here. It is durable when this returns without differs_at; then, and when it
  /// was there already, the other place may still have it. No partial is touched: the receiver's archiver
  /// finds the segment here, compares, and removes its own.
  OfferedSegment take_in(const std::filesystem::path& segment_file, const postgres::WalSegment& segment);
  /// Puts another content in the place of the archived one, checked like it.
  SegmentFileHeader replace_segment(const io::File& plain, const postgres::WalSegment& segment,
                                    const postgres::TimelineHistory& history);
  /// What a crash left to do, before anything is received: removes partials whose segment is archived, and
  /// archives those that are whole (see PartialSegment), which the server may have dropped since they were
  /// reported to it. One that is not whole stays, to be received again: its successor may have been pushed,
  /// or lie behind a gap. Returns the segments archived. Throws Corruption like store_segment().
  std::vector<SegmentFileHeader> finish_interrupted();
  /// What the records at the beginning of a segment have to continue, from the header of the archived segment
  /// before it on the line of its timeline. Nothing when that is not archived or damaged, or does not say.
  std::optional<postgres::WalCarry> carry_into(const postgres::WalSegment& segment) const;
  /// Whether the records at the beginning of a segment, archived or still being received, continue what
  /// `carry` tells of the one before it. not_known: it is not held or damaged, or no record ends in it. Reads
  /// no further than the first record that does.
  Joins continues(const postgres::WalSegment& segment, const postgres::WalCarry& carry) const;
  /// Nothing when the archive has no such segment.
  std::optional<SegmentFileReader> open_segment(const postgres::WalSegment& segment) const;

  /// Durable before it returns. Refuses (Corruption) to replace a history by different bytes, unless those
  /// that are stored are none any more, and what is none or larger than read_history() takes; so does
  /// replace_history().
  void store_history(postgres::TimelineId timeline, std::string_view content);
  /// Puts another content in the place of what is stored; durable before it returns.
  void replace_history(postgres::TimelineId timeline, std::string_view content);
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

  /// Takes back what a partial holds from `end` on, with the file when that is its first byte; durable before
  /// it returns. For WAL that turned out to be another's: never for what was received from the server itself.
  void cut_partial(const postgres::WalSegment& segment, postgres::Lsn end) const;

  /// The offset of the first byte of a segment's file that contradicts what was received of it so far;
  /// nothing when the partial may become the same, or when there is none. Looks at the first `bytes` alone.
  std::optional<std::uint64_t> contradicts_partial(const postgres::WalSegment& segment, io::ByteSource& plain,
                                                   std::uint64_t bytes) const;

  /// Waits until nobody else adds to the archive; nobody does until the file is closed. Not twice in one
  /// thread: store_segment(), take_in(), store_history() and their like take it themselves.
  io::File lock() const;
  /// Makes the name of an archived segment durable, with the folders above it.
  void sync_name(const postgres::WalSegment& segment) const;

 private:
  SegmentFileHeader write(const io::File& plain, const SegmentFileHeader& header) const;
  void remove_archived(PartialSegment& partial) const;
  bool has_successor(const postgres::WalSegment& segment) const;
  void require_same(const PartialSegment& partial, SegmentFileReader& archived) const;
  Corruption damaged_history(postgres::TimelineId timeline, const char* why) const;

  store::ServerLayout layout_;
  ServerIdentity identity_;
  int compression_level_;
};

/// The same for a segment file that lies anywhere, as one that was pushed and waits.
Joins continues(SegmentFileReader& segment, const postgres::WalCarry& carry);

}  // namespace pgkeep::catalog
