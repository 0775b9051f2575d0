#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/store/file_list.h"

namespace pgkeep::store {

/// The files and directories of a backup, by path. Read as if anybody may have made it: no section makes the
/// reader use more memory or time than its own size allows, and no file is larger than `data_bytes`, which
/// the record says of all together. Everything else is Corruption. One thread. Borrows reader and list.
class FileTable {
 public:
  FileTable(SectionReader& reader, const SectionList& list, std::uint64_t data_bytes);
  /// In the order of the paths. Damage of a section is thrown when nobody takes it; else it is told, and what
  /// can be read after it is visited.
  using Damaged = std::function<void(const Section&, const Corruption&)>;
  void for_each(const std::function<void(FileEntry&&)>& visit, const Damaged& damaged = {});
  std::optional<FileEntry> find(std::string_view path);

 private:
  /// What for_each() knows of the sections before.
  struct Walk {
    std::optional<FileEntry> unfinished;  // its next pieces are in the next section
    std::string last_key;
    bool damaged = false;  // since the last entry that began
  };
  /// The entries that end in a section.
  std::vector<FileEntry> entries_of(std::size_t at, Walk& walk);
  void require_possible(const FileItem& item) const;

  SectionReader* reader_;
  const SectionList* list_;
  std::uint64_t data_bytes_;
  std::vector<std::int64_t> first_ids_;  // of each section
};

}  // namespace pgkeep::store
