#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/records/event_journal.h"
#include "catalog/wal/staged_file.h"
#include "catalog/wal/waiting_wal.h"
#include "catalog/wal/wal_archive.h"
#include "catalog/wal/wal_conflicts.h"

namespace pgkeep::catalog {

enum class PushOutcome : std::uint8_t {
  stored,   // it is in the archive now: a small file, or a segment that fills a gap and is proved
  had_it,   // the same bytes were there, or wait
  settled,  // it differs from what is stored, and somebody has decided for that: it was not stored
  waiting,  // it is kept until the stream brings it or its neighbours prove it (WaitingWal)
};
std::string_view to_string(PushOutcome outcome);

struct PushReceipt {
  PushOutcome outcome = PushOutcome::stored;
  std::vector<std::string> warnings{};
  /// What the index is to be told of (IndexUpdater), durable in the archive: the segment, or others that
  /// waited for it.
  std::vector<SegmentFileHeader> archived{};
};

/// The second way in for WAL, beside the stream: files as PostgreSQL's archive_command pushes them. Segments
/// wait until something speaks for them (WaitingWal, WalAdoption); histories and backup history files are
/// kept as they are; a timeline's last segment (NAME.partial, from a promotion) is kept beside the segments,
/// and nothing is recovered from it: the same WAL begins the next timeline's file of that segment.
///
/// What one server may push is limited: see PushedWalLimits, which hold for the segments that wait, for the
/// NAME.partial and for the backup history files alike, and kMostHistories. What goes past a limit is
/// refused.
///
/// A file is staged where it counts for nothing, its checksum and its content are checked, and only then is
/// it put in its place, durable before take() returns. What differs from what is stored, or from what was
/// received of it by the stream, changes nothing: it is kept aside (see WalConflicts), written into the
/// journal of events, and refused. Partials of the stream are only read.
///
/// One thread; several processes may push at once, the same file too, while another receives the stream.
class PushedWal {
 public:
  /// So long after its last message a stream that is broken off counts as one that runs.
  static constexpr std::chrono::minutes kLiveTime{10};

  /// So many histories may be pushed that no WAL has borne out (WalInventory::is_borne_out()), each of so
  /// many bytes: all are read at each connection.
  static constexpr std::size_t kMostHistories = 64;
  static constexpr std::uint64_t kMostHistoryBytes = 256u << 10;
  static constexpr std::uint64_t kMostBackupHistoryBytes = 8u << 10;

  explicit PushedWal(const WalArchive& archive, const PushedWalLimits& limits = {})
      : archive_(&archive), limits_(limits), conflicts_(archive), waiting_(archive) {}

  /// `sha256`: what the content must have, 64 hexadecimal digits; nothing when it is not known. Throws
  /// UsageError (no name of a WAL file, no SHA-256), Corruption (checksum, length, pages: nothing is kept),
  /// Refused (history of the timeline not known; one that leaves the timeline that is being received now, or
  /// was less than kLiveTime ago, before the end of what was received; a conflict; a limit), StorageError.
  PushReceipt take(std::string_view name, io::ByteSource& content, const std::optional<std::string>& sha256);

 private:
  PushReceipt take_segment(const std::string& name, const StagedFile& pushed);
  void fill_gap(const postgres::WalSegment& segment, PushReceipt& receipt);
  PushReceipt take_partial(const std::string& name, const StagedFile& pushed);
  PushReceipt take_history(const std::string& name, const StagedFile& pushed);
  PushReceipt take_backup_history(const std::string& name, const StagedFile& pushed);
  /// Throws Refused, unless it is settled.
  PushReceipt conflict(const std::string& name, const StagedFile& pushed, const std::string& how,
                       const std::optional<WalRange>& range);
  void refuse_beside_live_stream(const std::string& name, const postgres::TimelineHistory& history) const;
  void require_room_for_history(const std::string& name) const;
  void require_room(const std::string& name, std::string_view ending, std::uint64_t bytes) const;
  postgres::TimelineHistory require_history(const std::string& name, postgres::TimelineId timeline) const;
  std::optional<postgres::Lsn> fork_in(const postgres::WalSegment& segment) const;
  void check_pages(const std::string& name, const postgres::WalSegment& segment, const StagedFile& pushed,
                   std::uint64_t bytes) const;
  WalRange range_of(const postgres::WalSegment& segment) const;

  const WalArchive* archive_;  // borrowed
  PushedWalLimits limits_;
  WalConflicts conflicts_;
  WaitingWal waiting_;
};

}  // namespace pgkeep::catalog
