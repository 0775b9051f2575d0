#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "catalog/io/bytes.h"
#include "catalog/postgres/backup_manifest.h"

namespace pgkeep::recover {

/// Files whose content differs from the backup's: path → new size and CRC-32C.
struct ChangedFile {
  std::uint64_t size = 0;
  std::uint32_t crc32c = 0;
};

/// Whose manifest it is: both stand at its head, where they are needed before the first file.
struct ManifestOwner {
  int major_version = 0;
  postgres::SystemIdentifier system;
};

/// Copies a manifest with these entries changed and the checksum made again; a file that was not listed is
/// not added. Throws Corruption when the manifest is damaged or another server's, postgres::UnknownManifest
/// when it has a version that is not known.
void rewrite_manifest(io::ByteSource& in, io::ByteSink& out, const ManifestOwner& owner,
                      const std::map<std::string, ChangedFile>& changed);

}  // namespace pgkeep::recover
