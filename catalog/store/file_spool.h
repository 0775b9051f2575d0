#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalog/io/scratch_file.h"
#include "catalog/store/file_list.h"

namespace pgkeep::store {

/// The files of a backup that is being taken, in the order in which they came: they become a list, which is
/// by path, when all are there. What is known of their pieces lies in a file without a name meanwhile; memory
/// holds of each file its path and some 30 bytes. One thread at a time.
class FileSpool {
 public:
  /// `temporary` is a name for a moment (io::ScratchFile).
  explicit FileSpool(const std::filesystem::path& temporary);
  void add(const FileEntry& entry);

  struct Known {
    EntryKind kind = EntryKind::file;
    std::uint64_t size = 0;
    std::uint32_t crc32c = 0;
  };
  /// Costs least when asked for in the order in which they came.
  std::optional<Known> find(std::string_view path);
  /// Throws Error when a path came twice.
  SectionList store(SectionWriter& sections, const SectionList& before);

 private:
  struct Row {
    std::uint64_t spooled = 0;  // position of the rest in the file
    std::uint64_t path = 0;     // position in paths_
    std::uint64_t size = 0;
    std::uint32_t crc32c = 0;
    std::uint16_t path_bytes = 0;
    EntryKind kind = EntryKind::file;
  };
  std::string_view path_of(const Row& row) const {
    return std::string_view(paths_).substr(row.path, row.path_bytes);
  }
  void store_row(const Row& row, std::uint64_t end, FileListWriter& list);

  io::ScratchFile scratch_;
  std::string paths_;
  std::vector<Row> rows_;
  std::size_t expected_ = 0;                                   // the row that is likely to be asked for next
  std::unordered_map<std::string_view, std::size_t> by_path_;  // made when another was
};

}  // namespace pgkeep::store
