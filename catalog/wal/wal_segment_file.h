#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "catalog/io/compression.h"
#include "catalog/io/file.h"
#include "catalog/io/units.h"
#include "catalog/postgres/wal_segment.h"
#include "catalog/records/event_journal.h"
#include "catalog/wal/commit_times.h"

namespace pgkeep::catalog {

/// What the head of an archived segment says. All times are the server's clock.
struct SegmentFileHeader {
  postgres::WalSegment segment;
  postgres::WalSegmentSize size;
  postgres::SystemIdentifier system;
  std::uint32_t crc32c = 0;  // of the plain segment
  // When the first and the last byte of the segment were sent, as it came with the stream; absent when that
  // is not known.
  std::optional<io::TimePoint> first_time{};
  std::optional<io::TimePoint> last_time{};
  CommitTimes commits{};
  WalNotes notes{};
  /// What the segment that follows has to continue; nothing when that is not known.
  std::optional<postgres::WalCarry> carry{};
};

/// What a segment that is archived tells that has to be recorded: that the server ran with
/// wal_level = minimal. PostgreSQL replays no such WAL; the server's next setting in the segment ends it.
std::optional<Event> event_in(const SegmentFileHeader& segment);

// <segment>.zst, all integers little-endian: a zstd skippable frame, so that plain `zstd -d` gives the
// segment,
//
//   u32 184D2A5B, u32 length of what follows, "pgkeepWL", u16 format (3), u16 flags (bit 0: encrypted, not
//   yet; bit 1: commits.known; bit 2: notes.complete; bit 3: reserved, ignored), u32 segment size, u32
//   timeline, u32 CRC-32C of the plain segment, u64 segment number, u64 system identifier, i64 first time,
//   i64 last time, i64 earliest commit, i64 latest commit (Unix microseconds; INT64_MIN: none), 28 bytes salt
//   (zeroes while not encrypted), u32 length of the items, the items, u32 CRC-32C of all of the frame before
//   it
//
// and one zstd frame with content checksum that holds exactly the segment's bytes. An item: u8 kind, u16
// length of what follows,
//
//   1  carry: u64 last record, u64 record, u32 its length, u32 bytes taken, u32 CRC, its first bytes
//   2  parameters: u64 LSN, i32 max_connections, i32 max_worker_processes, i32 max_wal_senders, i32
//      max_prepared_transactions, i32 max_locks_per_transaction, i32 wal_level
//   3  a tablespace was created: u64 LSN, u32 oid, its path
//   4  a tablespace was dropped: u64 LSN, u32 oid
//
// At most kMostItemBytes of them are kept; when there were more, notes.complete is not set.
inline constexpr std::size_t kMostItemBytes = 64u << 10;

/// How many bytes the header takes in the file.
std::size_t segment_header_bytes(const SegmentFileHeader& header);

/// Writes a segment file while it is not known yet what its header will say. Nothing has the name `path`
/// before commit(). One thread.
class SegmentFileWriter {
 public:
  /// `header_bytes`: what is left free for the header.
  SegmentFileWriter(const std::filesystem::path& path, std::size_t header_bytes, int compression_level);
  /// The plain segment in order, in pieces of any size.
  void write(io::ByteView plain);
  /// Whole and durable when it returns the header as it was written, with the CRC of the plain bytes. Nothing
  /// when `header` takes another room than was left for it: then there is no file. Throws Error when another
  /// length than the segment's was written.
  std::optional<SegmentFileHeader> commit(SegmentFileHeader header);

 private:
  io::AtomicFile file_;
  std::size_t header_bytes_;
  io::CompressingSink compressed_;
  std::filesystem::path path_;
  std::uint64_t bytes_ = 0;
  std::uint32_t crc_ = 0;
};

/// Writes the file whole and durable under `path`. `plain` must hold exactly the segment's size; its CRC is
/// computed on the way into the header, which is returned as it was written. Throws Error when the plain file
/// is shorter or longer.
SegmentFileHeader write_segment_file(const std::filesystem::path& path, SegmentFileHeader header,
                                     const io::File& plain, int compression_level);

/// Reads one back. Its name begins with that of the segment: what was pushed and waits has one that continues
/// (PushedCopy). Throws Corruption (bad header, name that does not fit, bad frame, wrong length or CRC: the
/// last two with the read() that brings the last byte), StorageError when there is no such file. One thread.
class SegmentFileReader final : public io::ByteSource {
 public:
  explicit SegmentFileReader(const std::filesystem::path& path);
  SegmentFileReader(const SegmentFileReader&) = delete;  // its parts refer to each other
  SegmentFileReader& operator=(const SegmentFileReader&) = delete;
  const SegmentFileHeader& header() const noexcept { return header_; }
  std::uint64_t stored_bytes() const { return file_.size(); }
  std::size_t read(io::ByteSpan into) override;

 private:
  io::File file_;
  SegmentFileHeader header_;
  io::FileSource source_;
  io::DecompressingSource plain_;
  std::uint64_t read_bytes_ = 0;
  std::uint32_t crc_ = 0;
};

}  // namespace pgkeep::catalog
