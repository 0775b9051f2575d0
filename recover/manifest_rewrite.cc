#include "recover/manifest_rewrite.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/versions.h"

namespace pgkeep::recover {
namespace {

/// A version that came after this program most likely writes what the newest known one does; when it does
/// not, reading says so.
int manifest_version_of(int major) {
  return postgres::formats_of(std::min(major, postgres::newest_known_major())).manifest_version;
}

}  // namespace

void rewrite_manifest(io::ByteSource& in, io::ByteSink& out, const ManifestOwner& owner,
                      const std::map<std::string, ChangedFile>& changed) {
  const int version = manifest_version_of(owner.major_version);
  postgres::ManifestWriter writer(out, version, owner.system);
  const auto summary = postgres::read_manifest(in, [&](postgres::ManifestFile&& file) {
    if (const auto change = changed.find(file.path); change != changed.end()) {
      file.size = change->second.size;
      if (!file.checksum_algorithm.empty()) {  // none at all: as the backup was asked for
        file.checksum_algorithm = "CRC32C";
        file.checksum = postgres::crc32c_checksum_text(change->second.crc32c);
      }
    }
    writer.file(file);
  });
  if (summary.version != version || (summary.system && *summary.system != owner.system)) {
    throw Corruption(
        fmt::format("backup_manifest: it has version {} and system identifier {}, "
                    "where the backup is of PostgreSQL {} and {}",
                    summary.version, summary.system ? summary.system->to_string() : "none",
                    owner.major_version, owner.system.to_string()));
  }
  writer.finish(summary.wal_ranges);
}

}  // namespace pgkeep::recover
