#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "catalog/store/file_entry.h"
#include "catalog/store/sections.h"

namespace pgkeep::store {

// The list of files: by path (bytes), of each file or directory an item for every span of its pieces, and one
// where there are none. What has a fixed length, the CRCs and the references lie apart, so that what changes
// its length when a piece is stored again is last:
//
//   section  u32 bytes of the items, u32 bytes of the CRCs, items, CRCs (4 bytes each), references
//   item     u16 length of the path, path, u8 kind, u32 span (from 0), u64 size, u16 mode, i64 modified,
//            u32 CRC-32C of the file, u16 bytes of its references

/// What an item says of its file, and its part of the pieces. Borrows.
struct FileItem {
  std::string_view path;
  EntryKind kind = EntryKind::file;
  std::uint32_t span = 0;
  std::uint64_t size = 0;
  std::uint32_t mode = 0;
  std::int64_t modified = 0;
  std::uint32_t crc32c = 0;
  io::ByteView crcs;        // of this span's pieces
  io::ByteView references;  // to them

  /// Without pieces.
  FileEntry entry() const;
  /// Adds its pieces to the file's, of which those of the spans before are there. True when it was the last
  /// span. Throws Corruption, also for a span that is not the next one.
  bool add_pieces(FileEntry& entry) const;
};

/// Orders items as the list has them.
std::string key_of(std::string_view path, std::uint32_t span);

/// Cuts items into sections. They come in the order of their keys.
class FileListWriter {
 public:
  FileListWriter(SectionWriter& sections, const SectionList& before)
      : sections_(&sections), before_(&before) {}
  void add(const FileItem& item);
  SectionList finish();

 private:
  void close();

  SectionWriter* sections_;
  const SectionList* before_;
  SectionList list_;
  std::string first_;
  io::ByteVector items_;
  io::ByteVector crcs_;
  io::ByteVector references_;
  std::uint32_t entries_ = 0;
  bool alone_ = false;  // the section holds one large span and gets no more
};

/// Takes a section apart. Borrows its bytes.
class FileListSection {
 public:
  /// Throws Corruption.
  explicit FileListSection(io::ByteView section);
  /// The next item; nothing at the end. Throws Corruption.
  std::optional<FileItem> next();

 private:
  FieldReader items_;
  FieldReader crcs_;
  FieldReader references_;
};

}  // namespace pgkeep::store
