#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/io/bytes.h"
#include "catalog/store/backup_record.h"
#include "catalog/store/object.h"

namespace pgkeep::store {

/// A part of one of a backup's lists: an object in a .meta pack, as a piece of a file is one in a pack. A
/// section that is the same in the next backup is named by both, so that what a backup adds to say what it
/// holds follows what changed, and not how much there is.
struct Section {
  std::string first;  // key of its first entry; bytes
  ObjectRef object;
  ObjectRef base;             // of a delta, which has to live as long; else zero
  std::uint32_t bytes = 0;    // of the section, as it was before it was encoded
  std::uint32_t crc32c = 0;   // of those
  std::uint32_t entries = 0;  // that begin in it
  bool operator==(const Section&) const = default;
};

/// The sections of a list, in its order.
using SectionList = std::vector<Section>;

/// The file `contents` of a backup: where its three lists lie.
struct Contents {
  SectionList files;     // the file table, by path (FileTable)
  SectionList packs;     // which objects of which packs the backup needs, by number (PackUse)
  SectionList manifest;  // PostgreSQL's manifest as it was sent (ManifestSource)
  bool operator==(const Contents&) const = default;
};

/// Every list, for what concerns them all.
inline constexpr SectionList Contents::*kLists[]{&Contents::files, &Contents::packs, &Contents::manifest};

io::ByteVector encode_contents(const Contents& contents);
/// Of bytes that anybody may have made: throws Corruption.
Contents decode_contents(io::ByteView bytes);

/// Writes the file, durably. Returns its SHA-256, in hexadecimal.
std::string write_contents(const ServerLayout& layout, const BackupId& id, const Contents& contents);
/// Throws Corruption, naming the file, unless it is, byte for byte, what the record says it was.
Contents read_contents(const ServerLayout& layout, const BackupRecord& record);

}  // namespace pgkeep::store
