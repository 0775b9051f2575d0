#pragma once

#include <cstdint>
#include <optional>

#include "catalog/postgres/timeline.h"
#include "catalog/postgres/wal_segment.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// Which cluster a server's folder belongs to: identity.json, written at first contact.
struct ServerIdentity {
  postgres::SystemIdentifier system;
  int major_version = 0;
  postgres::WalSegmentSize wal_segment_size;
  std::uint32_t block_bytes = 8192;
  bool operator==(const ServerIdentity&) const = default;
};

/// Nothing before the first contact. Throws Corruption when the file cannot be understood.
std::optional<ServerIdentity> read_identity(const store::ServerLayout& layout);

/// To be called on every connect, before anything is stored. First contact writes the file durably; a later
/// answer that differs throws Refused with both sides and the ways out (wrong conninfo; a new server name).
/// Several processes may make first contact at once: one writes, the others compare.
void confirm_identity(const store::ServerLayout& layout, const ServerIdentity& answered);

}  // namespace pgkeep::catalog
