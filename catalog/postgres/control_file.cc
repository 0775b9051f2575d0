#include "catalog/postgres/control_file.h"

#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/postgres/wal_record.h"

namespace pgkeep::postgres {

namespace {

// The layout of global/pg_control (pg_control.h, ControlFileData), little-endian. The file has 8192 bytes,
// zeros after the CRC. Up to default_char_signedness, which 18 put before the CRC, all of 13 to 18 agree.
//
//      0 u64 system identifier        40 u64 redo                    220 u32 blocks in a relation segment
//      8 u32 control version          48 u32 timeline                224 u32 WAL block size
//     12 u32 catalog version         136 u64 minimum recovery point  228 u32 WAL segment size
//     16 u32 state                   144 u32 its timeline            252 u32 data checksum version, 0 for
//     none 32 u64 checkpoint              208 f64 1234567.0               288 u32 CRC-32C of all before it
//     (18: at 292)
//                                    216 u32 block size
// From 180 on, i32 each: max_connections, max_worker_processes, max_wal_senders, max_prepared_transactions
// and max_locks_per_transaction.
constexpr std::size_t kSystemAt = 0;
constexpr std::size_t kControlVersionAt = 8;
constexpr std::size_t kCatalogVersionAt = 12;
constexpr std::size_t kStateAt = 16;
constexpr std::size_t kCheckpointAt = 32;
constexpr std::size_t kRedoAt = 40;
constexpr std::size_t kTimelineAt = 48;
constexpr std::size_t kMinRecoveryPointAt = 136;
constexpr std::size_t kMinRecoveryTimelineAt = 144;
constexpr std::size_t kMaxConnectionsAt = 180;
constexpr std::size_t kMaxWorkerProcessesAt = 184;
constexpr std::size_t kMaxWalSendersAt = 188;
constexpr std::size_t kMaxPreparedTransactionsAt = 192;
constexpr std::size_t kMaxLocksPerTransactionAt = 196;
constexpr std::size_t kFloatFormatAt = 208;
constexpr std::size_t kBlockBytesAt = 216;
constexpr std::size_t kRelationSegmentBlocksAt = 220;
constexpr std::size_t kWalBlockBytesAt = 224;
constexpr std::size_t kWalSegmentBytesAt = 228;
constexpr std::size_t kDataChecksumVersionAt = 252;

constexpr std::size_t kMinBytes = 300;  // the longest version's meaningful part, rounded up
constexpr double kFloatFormat = 1234567.0;

struct Version {
  std::uint32_t number;
  std::size_t crc_at;
};
constexpr std::array kVersions{Version{1300, 288}, Version{1700, 288}, Version{1800, 292}};

[[noreturn]] void refuse(std::string_view why) {
  throw Corruption(fmt::format("pg_control: {}; take it from another backup or from the server", why));
}

const Version& find_version(std::uint32_t number) {
  const auto found = std::ranges::find(kVersions, number, &Version::number);
  if (found != kVersions.end()) return *found;
  const auto swapped =
      (number >> 24) | ((number >> 8) & 0xFF00u) | ((number << 8) & 0xFF0000u) | (number << 24);
  if (std::ranges::find(kVersions, swapped, &Version::number) != kVersions.end()) {
    refuse("written on a machine of the other byte order");
  }
  refuse(fmt::format("control version {} is none of PostgreSQL 13 to 18", number));
}

}  // namespace

ControlFile ControlFile::decode(io::ByteView bytes) {
  if (bytes.size() < kMinBytes) refuse(fmt::format("cut short at {} bytes", bytes.size()));
  const auto u32 = [&](std::size_t at) { return io::load_le<std::uint32_t>(bytes.data() + at); };
  const auto i32 = [&](std::size_t at) { return static_cast<std::int32_t>(u32(at)); };
  const auto u64 = [&](std::size_t at) { return io::load_le<std::uint64_t>(bytes.data() + at); };

  const auto& version = find_version(u32(kControlVersionAt));
  const auto crc = io::crc32c(bytes.first(version.crc_at));
  if (crc != u32(version.crc_at)) {
    refuse(fmt::format("its CRC is {:08X}, but it says {:08X}", crc, u32(version.crc_at)));
  }
  if (u64(kFloatFormatAt) != std::bit_cast<std::uint64_t>(kFloatFormat)) {
    refuse("written on a machine with another floating-point format");
  }

  ControlFile control;
  control.system = SystemIdentifier(u64(kSystemAt));
  control.control_version = version.number;
  control.catalog_version = u32(kCatalogVersionAt);
  control.state = u32(kStateAt);
  control.checkpoint = Lsn(u64(kCheckpointAt));
  const auto content = bytes.subspan(kRedoAt, kCheckpointBytes);
  control.checkpoint_content.assign(content.begin(), content.end());
  control.redo = Lsn(u64(kRedoAt));
  control.timeline = TimelineId(u32(kTimelineAt));
  control.min_recovery_point = Lsn(u64(kMinRecoveryPointAt));
  control.min_recovery_timeline = TimelineId(u32(kMinRecoveryTimelineAt));
  control.block_bytes = u32(kBlockBytesAt);
  control.relation_segment_blocks = u32(kRelationSegmentBlocksAt);
  control.wal_block_bytes = u32(kWalBlockBytesAt);
  control.wal_segment_bytes = u32(kWalSegmentBytesAt);
  control.data_checksums = u32(kDataChecksumVersionAt) != 0;
  control.max_connections = i32(kMaxConnectionsAt);
  control.max_worker_processes = i32(kMaxWorkerProcessesAt);
  control.max_wal_senders = i32(kMaxWalSendersAt);
  control.max_prepared_transactions = i32(kMaxPreparedTransactionsAt);
  control.max_locks_per_transaction = i32(kMaxLocksPerTransactionAt);
  return control;
}

}  // namespace pgkeep::postgres
