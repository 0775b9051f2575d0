#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "catalog/io/file.h"
#include "catalog/store/backup_id.h"
#include "catalog/store/layout.h"
#include "catalog/store/object.h"
#include "catalog/store/repository.h"

namespace pgkeep::store {

// A pack, all integers little-endian:
//
//   header     64 bytes: "pgkeepPK", u16 format (2), u8 kind (1 full, 2 delta, 3 meta), u8 zero,
//              u32 pack number, 16 bytes repository id, 16 bytes id of the backup that made it,
//              u32 generation, 12 bytes zero
//   frames     one after the other, in the order of the objects
//   directory  for each object: u8 kind (0 dropped, 1 full, 2 delta), u8 codec (0 raw, 1 zstd),
//              u16 changed pages (delta: bit i = page i is in the frame; else 0), u32 length of the object,
//              u32 length of the frame, u32 CRC-32C of the frame;
//              delta: u32 pack and u32 object of the base;
//              u64 digest of every page (full), of every changed page (delta)
//   footer     48 bytes: u64 offset and u64 length of the directory, u32 number of objects,
//              u32 CRC-32C of the directory, u32 CRC-32C of the header, u32 zero, u64 zero, "pgkeepPE"
//
// A FULL frame holds the object's bytes; a DELTA frame the changed pages, each XORed with the base's page
// (pages past the base's end count as zeroes), one after the other, the last one cut to the object's length.

inline constexpr std::uint64_t kPackTargetBytes = 64u << 20;
/// Keeps a directory small (some 600 KiB) however well the data compresses.
inline constexpr std::uint32_t kPackMaxObjects = 4096;

enum class ObjectKind : std::uint8_t { dropped = 0, full = 1, delta = 2 };
enum class Codec : std::uint8_t { raw = 0, zstd = 1 };

/// An object's entry in the directory.
struct ObjectEntry {
  ObjectKind kind = ObjectKind::full;
  Codec codec = Codec::raw;
  std::uint16_t changed = 0;
  std::uint32_t length = 0;
  std::uint32_t frame_bytes = 0;
  std::uint32_t frame_crc = 0;
  ObjectRef base;                  // delta only
  std::uint64_t frame_offset = 0;  // in the file; not stored, follows from the lengths
  std::uint32_t first_digest = 0;  // index into the directory's digests
};

/// Writes one pack under a temporary name. One thread at a time.
class PackWriter {
 public:
  PackWriter(const Repository& repository, const ServerLayout& layout, const PackName& name,
             const BackupId& made_by);
  std::uint32_t number() const noexcept { return number_; }
  std::uint32_t objects() const noexcept { return objects_; }
  std::uint64_t bytes() const noexcept { return offset_; }
  bool full() const noexcept { return offset_ >= kPackTargetBytes || objects_ >= kPackMaxObjects; }
  /// Returns the number of the object. `digests` as the directory stores them.
  std::uint32_t add(const ObjectEntry& entry, io::ByteView frame, std::span<const std::uint64_t> digests);
  /// Directory, footer, fsync, rename, fsync of the folder: after it the pack is there and survives.
  void finish();

 private:
  void flush();

  io::AtomicFile file_;
  std::uint32_t number_;
  std::uint32_t objects_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t written_back_ = 0;
  std::uint32_t header_crc_ = 0;
  io::ByteVector buffer_;
  io::ByteVector directory_;
};

/// How many objects a pack says that it has, dropped ones included: of its footer alone. Throws Corruption.
std::uint32_t objects_in(const ServerLayout& layout, const PackName& name);

/// An open pack with its directory in memory. Immutable: any thread.
class PackReader {
 public:
  /// Throws Corruption (what is wrong with which file) unless header, directory and footer are sound and
  /// belong to this repository and name.
  PackReader(const Repository& repository, const ServerLayout& layout, const PackName& name);
  std::uint32_t objects() const noexcept { return static_cast<std::uint32_t>(entries_.size()); }
  const std::filesystem::path& path() const noexcept { return file_.path(); }
  std::uint64_t file_bytes() const noexcept { return file_bytes_; }
  std::size_t memory_bytes() const noexcept;
  /// Of the backup that made the pack's first generation.
  const BackupId& made_by() const noexcept { return *made_by_; }
  /// Compaction has left it out. False for a number that is not in the pack.
  bool is_dropped(std::uint32_t object) const noexcept {
    return object < entries_.size() && entries_[object].kind == ObjectKind::dropped;
  }
  /// Throws Corruption for a number that is not in the pack, or was dropped.
  const ObjectEntry& entry(std::uint32_t object) const;
  std::span<const std::uint64_t> digests(const ObjectEntry& entry) const;
  /// Reads the frame into `into` (entry.frame_bytes long) and checks its CRC.
  void read_frame(std::uint32_t object, io::ByteSpan into) const;

 private:
  void parse_directory(io::ByteView directory, std::uint32_t objects, std::uint64_t frames_end);

  io::File file_;
  std::uint64_t file_bytes_ = 0;
  std::optional<BackupId> made_by_;
  std::vector<ObjectEntry> entries_;
  std::vector<std::uint64_t> digests_;
};

}  // namespace pgkeep::store
