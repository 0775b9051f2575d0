#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/postgres/timeline.h"
#include "streaming/wire/connection.h"

namespace pgkeep::streaming {

struct BaseBackupOptions {
  std::string label = "pgkeep";
  bool fast_checkpoint = true;
  std::optional<std::uint32_t> max_rate_kib;  // kB/s, 32 to 1048576
  bool verify_checksums = true;
  bool progress = false;  // asks the server for its size, which costs a walk over all files
};

struct Tablespace {
  std::uint32_t oid = 0;  // 0: the data directory itself
  std::string location;
  std::optional<std::uint64_t> size_bytes;  // the server's estimate
};

/// What BASE_BACKUP sends, in order. Bytes are borrowed for the call.
class BaseBackupSink {
 public:
  virtual ~BaseBackupSink() = default;
  virtual void started(const postgres::WalPosition& start, const std::vector<Tablespace>& tablespaces) = 0;
  virtual void archive_begins(const Tablespace& tablespace) = 0;
  virtual void archive_data(io::ByteView bytes) = 0;
  virtual void archive_ends() = 0;
  virtual void manifest_data(io::ByteView bytes) = 0;
};

struct BaseBackupEnd {
  postgres::WalPosition end;
  /// SQLSTATE XX001 after everything had arrived: the server found damaged pages. What it said.
  std::optional<std::string> checksum_failure;
};

/// The text of the command for a server version; both forms (words up to 14, parentheses from 15).
std::string base_backup_command(const BaseBackupOptions& options, int major_version);

/// Runs BASE_BACKUP to its end on a physical connection, speaking the result protocol of its version (one
/// COPY an archive up to 14, one COPY with 'n', 'd', 'p', 'm' messages from 15), with manifest (CRC32C),
/// tablespace map, without WAL and without waiting for the archiver; it may take as long as it takes. Only
/// the final command completion makes it good: anything else throws (ConnectionLost, ServerError,
/// ProtocolError).
BaseBackupEnd run_base_backup(Connection& connection, const BaseBackupOptions& options, BaseBackupSink& sink);

}  // namespace pgkeep::streaming
