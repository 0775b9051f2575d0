#include "catalog/store/file_list.h"

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::store {
namespace {

constexpr std::uint32_t kMeanItems = 256;
/// A span of so many pieces has a section of its own: what is written about it is as much as about hundreds
/// of small files.
constexpr std::size_t kLargeSpan = 256;
constexpr std::size_t kCrcBytes = 4;
constexpr std::uint32_t kMostMode = 07777;

std::uint64_t pieces_of(const FileItem& item) {
  return item.kind == EntryKind::file ? pieces_in(item.size) : 0;
}

}  // namespace

std::string key_of(std::string_view path, std::uint32_t span) {
  std::string key(path);
  std::byte number[5]{};  // a zero, which no path has, so that paths are compared first
  io::store_be(number + 1, span);
  return key.append(io::as_text(number));
}

FileEntry FileItem::entry() const {
  FileEntry entry;
  entry.kind = kind;
  entry.path = path;
  entry.size = size;
  entry.mode = mode;
  entry.modified = modified;
  entry.crc32c = crc32c;
  return entry;
}

bool FileItem::add_pieces(FileEntry& entry) const {
  if (path != entry.path || size != entry.size || entry.pieces.size() != span * kSpanPieces)
    throw Corruption(fmt::format("{}: its pieces are not in their order", path));
  try {
    FieldReader in(references);
    take_pieces(in, crcs.size() / kCrcBytes, entry.pieces);
    if (!in.empty()) throw Corruption("a list of pieces does not fit the file's size");
  } catch (const Corruption& damage) {
    throw Corruption(fmt::format("{}: {}", path, damage.what()));
  }
  for (std::size_t at = 0; at < crcs.size(); at += kCrcBytes)
    entry.piece_crcs.push_back(io::load_le<std::uint32_t>(&crcs[at]));
  return entry.pieces.size() == pieces_of(*this);
}

void FileListWriter::add(const FileItem& item) {
  const auto key = key_of(item.path, item.span);
  const bool large = item.crcs.size() >= kLargeSpan * kCrcBytes;
  const auto held = items_.size() + crcs_.size() + references_.size();
  if (large || alone_ || held >= kSectionBytes || begins_section(key, kMeanItems)) close();
  if (items_.empty()) first_ = key;
  put_number(items_, static_cast<std::uint16_t>(item.path.size()));
  put_bytes(items_, io::as_bytes(item.path));
  put_number(items_, static_cast<std::uint8_t>(item.kind));
  put_number(items_, item.span);
  put_number(items_, item.size);
  put_number(items_, static_cast<std::uint16_t>(item.mode));
  put_number(items_, static_cast<std::uint64_t>(item.modified));
  put_number(items_, item.crc32c);
  put_number(items_, static_cast<std::uint16_t>(item.references.size()));
  put_bytes(crcs_, item.crcs);
  put_bytes(references_, item.references);
  if (item.span == 0) ++entries_;
  alone_ = large;
}

void FileListWriter::close() {
  if (items_.empty()) return;
  io::ByteVector section;
  put_number(section, static_cast<std::uint32_t>(items_.size()));
  put_number(section, static_cast<std::uint32_t>(crcs_.size()));
  for (auto* part : {&items_, &crcs_, &references_}) {
    put_bytes(section, *part);
    part->clear();
  }
  list_.push_back(sections_->store(std::move(first_), section, entries_, *before_));
  entries_ = 0;
  alone_ = false;
}

SectionList FileListWriter::finish() {
  close();
  return std::move(list_);
}

FileListSection::FileListSection(io::ByteView section)
    : items_(section), crcs_(io::ByteView()), references_(io::ByteView()) {
  FieldReader in(section);
  const auto items = in.number<std::uint32_t>();
  const auto crcs = in.number<std::uint32_t>();
  items_ = FieldReader(in.bytes(items));
  crcs_ = FieldReader(in.bytes(crcs));
  references_ = in;
}

std::optional<FileItem> FileListSection::next() {
  if (items_.empty()) {
    if (!crcs_.empty() || !references_.empty()) throw Corruption("it goes on after its last file");
    return std::nullopt;
  }
  FileItem item;
  item.path = io::as_text(items_.bytes(items_.number<std::uint16_t>()));
  if (item.path.empty() || item.path.size() > kMaxPathBytes || item.path.find('\0') != item.path.npos)
    throw Corruption("it has a path that no file can have");
  item.kind = static_cast<EntryKind>(items_.number<std::uint8_t>());
  if (item.kind != EntryKind::file && item.kind != EntryKind::directory)
    throw Corruption(fmt::format("{}: it is neither file nor directory", item.path));
  item.span = items_.number<std::uint32_t>();
  item.size = items_.number<std::uint64_t>();
  item.mode = items_.number<std::uint16_t>();
  item.modified = static_cast<std::int64_t>(items_.number<std::uint64_t>());
  item.crc32c = items_.number<std::uint32_t>();
  if (item.size > kMaxFileBytes || item.mode > kMostMode)
    throw Corruption(fmt::format("{}: it has a size or a mode that no file can have", item.path));
  const auto pieces = pieces_of(item);
  if (item.span >= spans_of(pieces))
    throw Corruption(fmt::format("{}: it has more pieces than its size allows", item.path));
  item.references = references_.bytes(items_.number<std::uint16_t>());
  item.crcs = crcs_.bytes(pieces_in_span(pieces, item.span) * kCrcBytes);
  return item;
}

}  // namespace pgkeep::store
