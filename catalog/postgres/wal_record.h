#pragma once

#include <cstddef>
#include <cstdint>

namespace pgkeep::postgres {

// The header of a WAL record (PostgreSQL source, xlogrecord.h, XLogRecord; 13 to 19), little-endian: u32
// length of the whole record, u32 transaction, u64 previous record, u8 info, u8 resource manager, 2 zero
// bytes, u32 CRC-32C of what follows the header and then of the 20 bytes before it. Records begin at
// multiples of 8, and continue after the header of the next page.
inline constexpr std::uint32_t kWalRecordHeaderBytes = 24;
inline constexpr std::size_t kWalRecordXidAt = 4;
inline constexpr std::size_t kWalRecordPreviousAt = 8;
inline constexpr std::size_t kWalRecordInfoAt = 16;
inline constexpr std::size_t kWalRecordManagerAt = 17;
inline constexpr std::size_t kWalRecordCrcAt = 20;
inline constexpr std::uint64_t kWalRecordAlignment = 8;

// Of a page's header (xlog_internal.h): 24 bytes, 40 at a segment's first byte.
inline constexpr std::uint64_t kWalPageHeaderBytes = 24;
inline constexpr std::uint64_t kWalLongPageHeaderBytes = 40;

/// Of a checkpoint, as its record and pg_control have it (pg_control.h, CheckPoint), at least: up to 18.
/// ControlLayout::checkpoint_bytes has it by version.
inline constexpr std::size_t kCheckpointBytes = 88;

}  // namespace pgkeep::postgres
