#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "catalog/postgres/timeline.h"
#include "catalog/postgres/versions.h"
#include "catalog/postgres/wal_segment.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// Which cluster a server's folder belongs to: identity.json, written at first contact. A line of WAL that
/// was set aside because another cluster took the server's place has its own, of the same form.
struct ServerIdentity {
  postgres::SystemIdentifier system;
  int major_version = 0;
  postgres::WalSegmentSize wal_segment_size;
  std::uint32_t block_bytes = 8192;

  /// False when WAL and pg_control of that version cannot be understood here (postgres/versions.h): nobody
  /// looks into them then, and they are kept as they came.
  bool formats_known() const { return postgres::formats_known(major_version); }
  bool operator==(const ServerIdentity&) const = default;
};

/// Of the line whose WAL the layout has. Nothing before the first contact. Throws Corruption when the file
/// cannot be understood.
std::optional<ServerIdentity> read_identity(const store::ServerLayout& layout);

/// To be called on every connect, before anything is stored. First contact writes the file durably; a later
/// answer that differs throws Refused with both sides and the ways out (wrong conninfo; new-line; a new
/// name). Several processes may make first contact at once: one writes, the others compare; Busy when one of
/// them holds the lock for io::kLockPatience.
void confirm_identity(const store::ServerLayout& layout, const ServerIdentity& answered);

/// The file as read_identity() reads it, durably.
void write_identity(const std::filesystem::path& file, const ServerIdentity& identity);

}  // namespace pgkeep::catalog
