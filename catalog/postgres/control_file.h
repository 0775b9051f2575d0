#pragma once

#include <cstdint>

#include "catalog/io/bytes.h"
#include "catalog/postgres/lsn.h"
#include "catalog/postgres/timeline.h"

namespace pgkeep::postgres {

/// What pgkeep asks of global/pg_control (PostgreSQL 13 to 19, catalog/pg_control.h).
struct ControlFile {
  SystemIdentifier system;
  std::uint32_t control_version = 0;  // ControlLayout::version
  std::uint32_t catalog_version = 0;
  std::uint32_t state = 0;            // 6 in production, 5 in archive recovery, 1 shut down …
  io::ByteVector checkpoint_content;  // of the checkpoint's record
  Lsn checkpoint;
  Lsn redo;
  TimelineId timeline;
  Lsn min_recovery_point;
  TimelineId min_recovery_timeline;
  std::uint32_t block_bytes = 0;
  std::uint32_t relation_segment_blocks = 0;
  std::uint32_t wal_block_bytes = 0;
  std::uint32_t wal_segment_bytes = 0;
  bool data_checksums = false;
  // As the server had them when it was last started.
  std::int32_t max_connections = 0;
  std::int32_t max_worker_processes = 0;
  std::int32_t max_wal_senders = 0;
  std::int32_t max_prepared_transactions = 0;
  std::int32_t max_locks_per_transaction = 0;

  /// Throws Corruption when it is too short, of another byte order or version, or its CRC is wrong.
  static ControlFile decode(io::ByteView bytes);
  /// Of a file of any version, also one whose other fields are not known. Throws Corruption when it is too
  /// short.
  static SystemIdentifier system_of(io::ByteView bytes);
};

}  // namespace pgkeep::postgres
