#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/bytes.h"
#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/postgres/timeline.h"

namespace pgkeep::postgres {

/// One entry of "Files" in a backup_manifest (PostgreSQL manual, "Backup Manifest Format").
struct ManifestFile {
  std::string path;  // bytes, relative to the data directory
  std::uint64_t size = 0;
  std::string last_modified;       // as written, "2026-11-20 02:46:58 GMT"
  std::string checksum_algorithm;  // "CRC32C", "SHA256" …; empty: none
  std::string checksum;            // hexadecimal
};

struct ManifestWalRange {
  TimelineId timeline;
  Lsn start;
  Lsn end;
};

/// All but the files.
struct ManifestSummary {
  int version = 0;                         // 1: servers 13 to 16, 2: 17 and up
  std::optional<SystemIdentifier> system;  // version 2
  std::vector<ManifestWalRange> wal_ranges;
  std::uint64_t file_count = 0;
};

/// A manifest of a version that came after this program.
class UnknownManifest : public Corruption {
 public:
  using Corruption::Corruption;
};

/// Reads a manifest from its first byte to its end, calling `file` for each entry in order; memory does not
/// grow with the number of files. Throws Corruption on bad JSON, an unknown field, a missing item, a file
/// with neither or both of Path and Encoded-Path, and when Manifest-Checksum does not match; UnknownManifest
/// on a version that is not known.
ManifestSummary read_manifest(io::ByteSource& source, const std::function<void(ManifestFile&&)>& file);

/// The checksum text of a CRC-32C value: its four bytes in little-endian order.
std::string crc32c_checksum_text(std::uint32_t crc);

/// Writes a manifest in PostgreSQL's own layout, byte for byte, so that pg_verifybackup and UPLOAD_MANIFEST
/// take it.
class ManifestWriter {
 public:
  /// `system` is written for version 2 only. Borrows out.
  ManifestWriter(io::ByteSink& out, int version, SystemIdentifier system);
  void file(const ManifestFile& file);
  /// Writes the ranges and the checksum; nothing may follow.
  void finish(const std::vector<ManifestWalRange>& ranges);

 private:
  void put(std::string_view text);

  io::ByteSink* out_;
  io::Sha256 sha_;
  bool first_ = true;
};

}  // namespace pgkeep::postgres
