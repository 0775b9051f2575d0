#include "catalog/store/file_spool.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::store {
namespace {

// Spooled of a file: u16 mode, i64 modified, and for each span u16 bytes of its references, CRCs, references.

}  // namespace

FileSpool::FileSpool(const std::filesystem::path& temporary) : scratch_(temporary) {}

void FileSpool::add(const FileEntry& entry) {
  rows_.push_back({.spooled = scratch_.size(),
                   .path = paths_.size(),
                   .size = entry.size,
                   .crc32c = entry.crc32c,
                   .path_bytes = static_cast<std::uint16_t>(entry.path.size()),
                   .kind = entry.kind});
  paths_ += entry.path;
  io::ByteVector rest;
  put_number(rest, static_cast<std::uint16_t>(entry.mode));
  put_number(rest, static_cast<std::uint64_t>(entry.modified));
  io::ByteVector references;
  for (std::size_t at = 0; at < entry.pieces.size(); at += kSpanPieces) {
    const auto count = std::min<std::size_t>(kSpanPieces, entry.pieces.size() - at);
    references.clear();
    put_pieces(references, &entry.pieces[at], count);
    put_number(rest, static_cast<std::uint16_t>(references.size()));
    for (std::size_t i = at; i < at + count; ++i) put_number(rest, entry.piece_crcs[i]);
    put_bytes(rest, references);
  }
  scratch_.write(rest);
}

std::optional<FileSpool::Known> FileSpool::find(std::string_view path) {
  while (expected_ < rows_.size() && rows_[expected_].kind == EntryKind::directory) ++expected_;
  if (expected_ == rows_.size() || path_of(rows_[expected_]) != path) {
    if (by_path_.empty())
      for (std::size_t i = 0; i < rows_.size(); ++i) by_path_.emplace(path_of(rows_[i]), i);
    const auto found = by_path_.find(path);
    if (found == by_path_.end()) return std::nullopt;
    expected_ = found->second;
  }
  const auto& row = rows_[expected_++];
  return Known{.kind = row.kind, .size = row.size, .crc32c = row.crc32c};
}

SectionList FileSpool::store(SectionWriter& sections, const SectionList& before) {
  std::vector<std::size_t> order(rows_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [this](std::size_t i) { return path_of(rows_[i]); });
  FileListWriter list(sections, before);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& row = rows_[order[i]];
    if (i != 0 && path_of(rows_[order[i - 1]]) == path_of(row))
      throw Error(fmt::format("{}: the server sent it twice", path_of(row)));
    const auto next = order[i] + 1;
    store_row(row, next < rows_.size() ? rows_[next].spooled : scratch_.size(), list);
  }
  return list.finish();
}

void FileSpool::store_row(const Row& row, std::uint64_t end, FileListWriter& list) {
  io::ByteVector rest(end - row.spooled);
  scratch_.file().read_exactly_at(rest, row.spooled);
  FieldReader in(rest);
  FileItem item;
  item.path = path_of(row);
  item.kind = row.kind;
  item.size = row.size;
  item.crc32c = row.crc32c;
  item.mode = in.number<std::uint16_t>();
  item.modified = static_cast<std::int64_t>(in.number<std::uint64_t>());
  const auto pieces = row.kind == EntryKind::file ? pieces_in(row.size) : 0;
  for (; item.span < spans_of(pieces); ++item.span) {
    const auto count = pieces_in_span(pieces, item.span);
    const auto references = count == 0 ? std::uint16_t{0} : in.number<std::uint16_t>();
    item.crcs = in.bytes(count * sizeof(std::uint32_t));
    item.references = in.bytes(references);
    list.add(item);
  }
}

}  // namespace pgkeep::store
