#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "catalog/io/file.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// What became of a segment that was offered to the archive.
struct OfferedSegment {
  SegmentFileHeader header;  // of the file in the archive, when there is one
  bool was_there = false;    // in the archive, before
  /// The archive, or when it was not there the partial, has it with another byte here: nothing was stored.
  std::optional<postgres::Lsn> differs_at;
};

/// Adds to the WAL archive of a server. While one lives nobody else adds to that archive or to what waits
/// beside it, in any process: it holds ServerLayout::archive_lock().
///
/// What it stores is whole and durable under its name before a call returns, or is not there. Borrows the
/// archive. One thread, which must not make a second one.
class WalArchiveWriter {
 public:
  /// Waits until nobody else adds: for a minute, since another may compress a segment of 1 GiB; then throws
  /// Busy.
  explicit WalArchiveWriter(const WalArchive& archive);

  /// Checks the complete partial (SegmentCheck) while it compresses it into the archive, and removes the
  /// partial once the archived file is durable. A segment that is there already with the same bytes is left;
  /// with different ones: Corruption, and nothing changes.
  SegmentFileHeader store_segment(PartialSegment& partial, const postgres::TimelineHistory& history,
                                  int compression_level);
  /// Takes in a segment file that lies elsewhere on the repository's disk, and whose content was checked when
  /// it was written: it is moved here. It is durable when this returns without differs_at; then, and when it
  /// was there already, the other place may still have it. No partial is touched: the receiver's archiver
  /// finds the segment here, compares, and removes its own.
  OfferedSegment take_in(const std::filesystem::path& segment_file, const postgres::WalSegment& segment);
  /// Puts another content in the place of the archived one, checked like it.
  SegmentFileHeader replace_segment(const io::File& plain, const postgres::WalSegment& segment,
                                    const postgres::TimelineHistory& history, int compression_level);
  /// Durable before it returns. Refuses (Corruption) to replace a history by different bytes, unless those
  /// that are stored are none any more, and what is none or larger than read_history() takes; so does
  /// replace_history().
  void store_history(postgres::TimelineId timeline, std::string_view content);
  /// Puts another content in the place of what is stored; durable before it returns.
  void replace_history(postgres::TimelineId timeline, std::string_view content);

  /// Makes the name of an archived segment durable, with the folders above it: the process that gave it
  /// that name may have ended before.
  void sync_name(const postgres::WalSegment& segment) const;

 private:
  SegmentFileHeader write(const io::File& plain, const SegmentFileHeader& known,
                          const postgres::TimelineHistory& history, int compression_level) const;

  const WalArchive* archive_;
  io::File lock_;
};

/// What a crash left to do, before anything is received: removes partials whose segment is archived, and
/// archives those that are whole (see PartialSegment), which the server may have dropped since they were
/// reported to it. One that is not whole stays, to be received again: its successor may have been pushed, or
/// lie after a gap. Returns the segments archived. Throws like WalArchiveWriter::store_segment(), and as that
/// adds to the archive only while it does so: a stream can begin though another process is adding.
std::vector<SegmentFileHeader> finish_interrupted(const WalArchive& archive, int compression_level);

}  // namespace pgkeep::catalog
