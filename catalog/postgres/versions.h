#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pgkeep::postgres {

/// Where the fields of global/pg_control lie that not all versions have at the same place; bytes from its
/// beginning. Every other place follows from these (control_file.cc).
struct ControlLayout {
  std::uint32_t version;         // of the layout itself (pg_control.h, PG_CONTROL_VERSION)
  std::size_t checkpoint_bytes;  // of the last checkpoint's content: what follows lies that much further
  std::size_t wal_block_bytes_at;
  std::size_t crc_at;
};

/// The formats of one major version of PostgreSQL.
struct VersionFormats {
  int major;
  std::uint16_t wal_page_magic;  // xlog_internal.h, XLOG_PAGE_MAGIC
  ControlLayout control;
  int manifest_version;
};

inline constexpr ControlLayout kControl13{1300, 88, 224, 288};
inline constexpr ControlLayout kControl17{1700, 88, 224, 288};
inline constexpr ControlLayout kControl18{1800, 88, 224, 292};  // before the CRC: signedness of char
// The checkpoint has wider multixact offsets and whether logical decoding is on; before the size of a WAL
// block there is that of an SLRU segment.
inline constexpr ControlLayout kControl19{1905, 96, 236, 308};

/// All versions that this program knows, oldest first and none left out.
std::span<const VersionFormats> known_versions();
int oldest_known_major();
int newest_known_major();

/// Throws Error for a version that is not known.
const VersionFormats& formats_of(int major);

/// False for a version that came after this program. Of its WAL, its pg_control and its manifest nothing can
/// be relied on but what has been the same in all versions: that WAL is cut into segments, that the system
/// identifier stands first in pg_control, and how replication is spoken. Such a server is refused, unless its
/// operator allows it (`allow_unknown_major`): then what it sends is kept as it came.
bool formats_known(int major);

/// "PostgreSQL 21 is newer than this pgkeep, which knows 13 to 19".
std::string why_not_known(int major);

/// The major version in which something came that pgkeep has to know of, or in which it was still there last.
namespace since {
inline constexpr int kInHotStandby = 14;            // the parameter in_hot_standby
inline constexpr int kEscapesInTablespaceMap = 14;  // backslashes as well, not only line breaks
inline constexpr int kReadReplicationSlot = 15;     // the command
inline constexpr int kBaseBackupOptions = 15;       // BASE_BACKUP (...), and its answer in one COPY
inline constexpr int kArchiveLibrary = 15;
inline constexpr int kSlotsOnStandbys = 16;     // logical ones too, so a name may be somebody else's
inline constexpr int kInvalidationReason = 17;  // column of pg_replication_slots
inline constexpr int kWalSummaries = 17;        // pg_wal/summaries, summarize_wal
inline constexpr int kSynchronizedSlots = 17;   // synchronized_standby_slots
inline constexpr int kIdleSlotTimeout = 18;     // idle_replication_slot_timeout
inline constexpr int kTwiceTheLocks = 19;       // max_locks_per_transaction is 128 where nobody sets it
// 16 and 17 let a slot that was invalidated move on with what is reported, so that it looks well, but it
// never holds WAL back again: only wal_status tells. 18 refuses to stream with it, and 15 knows no such
// state.
inline constexpr int kInvalidSlotMovesOn = 16;
}  // namespace since
namespace until {
inline constexpr int kStatsDirectory = 14;  // stats_temp_directory
inline constexpr int kTriggerFile = 15;     // promote_trigger_file
inline constexpr int kInvalidSlotMovesOn = 17;
}  // namespace until

}  // namespace pgkeep::postgres
