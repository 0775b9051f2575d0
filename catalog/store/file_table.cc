#include "catalog/store/file_table.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::store {

FileTable::FileTable(SectionReader& reader, const SectionList& list, std::uint64_t data_bytes)
    : reader_(&reader), list_(&list), data_bytes_(data_bytes) {
  std::int64_t id = 1;
  for (const auto& section : list) {
    first_ids_.push_back(id);
    id += section.entries;
  }
}

void FileTable::require_possible(const FileItem& item) const {
  if (item.kind == EntryKind::file && item.size > data_bytes_)
    throw Corruption(fmt::format("{}: it is larger than the whole backup", item.path));
}

std::vector<FileEntry> FileTable::entries_of(std::size_t at, Walk& walk) {
  const auto& section = (*list_)[at];
  const auto bytes = reader_->read(section);
  std::vector<FileEntry> entries;
  std::uint32_t begun = 0;
  std::string first;
  FileListSection items(*bytes);
  while (const auto item = items.next()) {
    require_possible(*item);
    auto key = key_of(item->path, item->span);
    if (key <= walk.last_key) throw Corruption(fmt::format("{}: it is not in its place", item->path));
    if (first.empty()) first = key;
    walk.last_key = std::move(key);
    if (item->span == 0) {
      if (walk.unfinished) throw Corruption(fmt::format("{}: pieces are missing", walk.unfinished->path));
      walk.damaged = false;
      walk.unfinished = item->entry();
      walk.unfinished->id = first_ids_[at] + begun++;
    } else if (!walk.unfinished && walk.damaged) {
      continue;  // of a file that begins in a section that cannot be read
    }
    if (!walk.unfinished) throw Corruption(fmt::format("{}: its first pieces are missing", item->path));
    if (!item->add_pieces(*walk.unfinished)) continue;
    entries.push_back(*std::move(walk.unfinished));
    walk.unfinished.reset();
  }
  if (begun != section.entries || first != section.first)
    throw Corruption("a section of the list of files is not the one that was named");
  return entries;
}

void FileTable::for_each(const std::function<void(FileEntry&&)>& visit, const Damaged& damaged) {
  Walk walk;
  for (std::size_t at = 0; at < list_->size(); ++at) {
    std::vector<FileEntry> entries;
    auto last_key = walk.last_key;
    try {
      entries = entries_of(at, walk);
    } catch (const Corruption& damage) {
      if (!damaged) throw;
      damaged((*list_)[at], damage);
      walk.unfinished.reset();
      walk.last_key = std::move(last_key);
      walk.damaged = true;
    }
    for (auto& entry : entries) visit(std::move(entry));
  }
  if (walk.unfinished)
    throw Corruption(fmt::format("{}: the list of files ends before its last piece", walk.unfinished->path));
}

std::optional<FileEntry> FileTable::find(std::string_view path) {
  const auto key = key_of(path, 0);
  const auto after = std::ranges::upper_bound(*list_, key, {}, &Section::first);
  if (after == list_->begin()) return std::nullopt;
  auto at = static_cast<std::size_t>(after - list_->begin()) - 1;
  std::optional<FileEntry> entry;
  std::uint32_t begun = 0;
  for (; at < list_->size(); ++at) {
    const auto bytes = reader_->read((*list_)[at]);
    FileListSection items(*bytes);
    while (const auto item = items.next()) {
      const auto id = first_ids_[at] + begun;
      if (item->span == 0) ++begun;
      if (!entry && (item->path != path || item->span != 0)) continue;
      require_possible(*item);
      if (!entry) {
        entry = item->entry();
        entry->id = id;
      }
      if (item->add_pieces(*entry)) return entry;
    }
    if (!entry) return std::nullopt;
  }
  throw Corruption(fmt::format("{}: the list of files ends before its last piece", path));
}

}  // namespace pgkeep::store
