#include "catalog/postgres/control_file.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/postgres/versions.h"

namespace pgkeep::postgres {

namespace {

// The layout of global/pg_control (pg_control.h, ControlFileData), little-endian. The file has 8192 bytes,
// zeros after the CRC. Up to the checkpoint, whose content begins with its redo position, all versions agree.
//
//      0 u64 system identifier        16 u32 state                    40 u64 redo
//      8 u32 control version          32 u64 checkpoint               48 u32 timeline
//     12 u32 catalog version
//
// From the end of the checkpoint's content:
//
//      8 u64 minimum recovery point   52 i32 max_connections          80 f64 1234567.0
//     16 u32 its timeline             56 i32 max_worker_processes     88 u32 block size
//                                     60 i32 max_wal_senders          92 u32 blocks in a relation segment
//                                     64 i32 max_prepared_transactions
//                                     68 i32 max_locks_per_transaction
//
// From the WAL block size: 0 u32 itself, 4 u32 WAL segment size, 28 u32 data checksum version. 1 says that
// there are checksums; others, that pages have not got them yet or no more. At the end, by version, the u32
// CRC-32C of all before it.
constexpr std::size_t kSystemAt = 0;
constexpr std::size_t kControlVersionAt = 8;
constexpr std::size_t kCatalogVersionAt = 12;
constexpr std::size_t kStateAt = 16;
constexpr std::size_t kCheckpointAt = 32;
constexpr std::size_t kRedoAt = 40;
constexpr std::size_t kTimelineAt = 48;
// After the checkpoint.
constexpr std::size_t kMinRecoveryPointAt = 8;
constexpr std::size_t kMinRecoveryTimelineAt = 16;
constexpr std::size_t kMaxConnectionsAt = 52;
constexpr std::size_t kMaxWorkerProcessesAt = 56;
constexpr std::size_t kMaxWalSendersAt = 60;
constexpr std::size_t kMaxPreparedTransactionsAt = 64;
constexpr std::size_t kMaxLocksPerTransactionAt = 68;
constexpr std::size_t kFloatFormatAt = 80;
constexpr std::size_t kBlockBytesAt = 88;
constexpr std::size_t kRelationSegmentBlocksAt = 92;
// After the WAL block size.
constexpr std::size_t kWalSegmentBytesAt = 4;
constexpr std::size_t kDataChecksumVersionAt = 28;

constexpr std::size_t kMinBytes = 300;  // of what tells its own version
constexpr double kFloatFormat = 1234567.0;
constexpr std::uint32_t kHasChecksums = 1;

[[noreturn]] void refuse(std::string_view why) {
  throw Corruption(fmt::format("pg_control: {}; take it from another backup or from the server", why));
}

const ControlLayout& find_layout(std::uint32_t number) {
  const auto versions = known_versions();
  const auto of_version = [versions](std::uint32_t wanted) {
    return std::ranges::find(versions, wanted, [](const auto& known) { return known.control.version; });
  };
  const auto found = of_version(number);
  if (found != versions.end()) return found->control;
  const auto swapped =
      (number >> 24) | ((number >> 8) & 0xFF00u) | ((number << 8) & 0xFF0000u) | (number << 24);
  if (of_version(swapped) != versions.end()) refuse("written on a machine of the other byte order");
  refuse(fmt::format("control version {} is none of PostgreSQL {} to {}", number, oldest_known_major(),
                     newest_known_major()));
}

}  // namespace

SystemIdentifier ControlFile::system_of(io::ByteView bytes) {
  if (bytes.size() < kMinBytes) refuse(fmt::format("cut short at {} bytes", bytes.size()));
  return SystemIdentifier(io::load_le<std::uint64_t>(bytes.data() + kSystemAt));
}

ControlFile ControlFile::decode(io::ByteView bytes) {
  if (bytes.size() < kMinBytes) refuse(fmt::format("cut short at {} bytes", bytes.size()));
  const auto u32 = [&](std::size_t at) { return io::load_le<std::uint32_t>(bytes.data() + at); };
  const auto u64 = [&](std::size_t at) { return io::load_le<std::uint64_t>(bytes.data() + at); };

  const auto& layout = find_layout(u32(kControlVersionAt));
  if (bytes.size() < layout.crc_at + sizeof(std::uint32_t))
    refuse(fmt::format("cut short at {} bytes", bytes.size()));
  const auto crc = io::crc32c(bytes.first(layout.crc_at));
  if (crc != u32(layout.crc_at)) {
    refuse(fmt::format("its CRC is {:08X}, but it says {:08X}", crc, u32(layout.crc_at)));
  }
  const auto rest = kRedoAt + layout.checkpoint_bytes;
  const auto setting = [&](std::size_t at) { return static_cast<std::int32_t>(u32(rest + at)); };
  if (u64(rest + kFloatFormatAt) != std::bit_cast<std::uint64_t>(kFloatFormat)) {
    refuse("written on a machine with another floating-point format");
  }

  ControlFile control;
  control.system = SystemIdentifier(u64(kSystemAt));
  control.control_version = layout.version;
  control.catalog_version = u32(kCatalogVersionAt);
  control.state = u32(kStateAt);
  control.checkpoint = Lsn(u64(kCheckpointAt));
  const auto content = bytes.subspan(kRedoAt, layout.checkpoint_bytes);
  control.checkpoint_content.assign(content.begin(), content.end());
  control.redo = Lsn(u64(kRedoAt));
  control.timeline = TimelineId(u32(kTimelineAt));
  control.min_recovery_point = Lsn(u64(rest + kMinRecoveryPointAt));
  control.min_recovery_timeline = TimelineId(u32(rest + kMinRecoveryTimelineAt));
  control.block_bytes = u32(rest + kBlockBytesAt);
  control.relation_segment_blocks = u32(rest + kRelationSegmentBlocksAt);
  control.wal_block_bytes = u32(layout.wal_block_bytes_at);
  control.wal_segment_bytes = u32(layout.wal_block_bytes_at + kWalSegmentBytesAt);
  control.data_checksums = u32(layout.wal_block_bytes_at + kDataChecksumVersionAt) == kHasChecksums;
  control.max_connections = setting(kMaxConnectionsAt);
  control.max_worker_processes = setting(kMaxWorkerProcessesAt);
  control.max_wal_senders = setting(kMaxWalSendersAt);
  control.max_prepared_transactions = setting(kMaxPreparedTransactionsAt);
  control.max_locks_per_transaction = setting(kMaxLocksPerTransactionAt);
  return control;
}

}  // namespace pgkeep::postgres
