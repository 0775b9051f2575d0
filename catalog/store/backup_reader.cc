#include "catalog/store/backup_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"

namespace pgkeep::store {
namespace {

BackupRecord open_record(const ServerLayout& layout, const BackupId& id) {
  auto record = read_backup_record(layout, id);
  if (!record) {
    throw NotFound(fmt::format("no backup {} in {}; list-backups shows those there are", id.to_string(),
                               layout.backups().native()));
  }
  return *std::move(record);
}

}  // namespace

BackupReader::BackupReader(const Repository& repository, const ServerLayout& layout, const BackupId& id)
    : lease_(layout, id),
      record_(open_record(layout, id)),
      contents_(read_contents(layout, record_)),
      packs_(repository, layout),
      sections_(packs_),
      files_(sections_, contents_.files, record_.data_bytes) {}

io::ByteVector BackupReader::read_small_file(std::string_view path, std::uint64_t limit) {
  const auto entry = files_.find(path);
  if (!entry || entry->kind != EntryKind::file) {
    throw NotFound(fmt::format("backup {} has no file {}", record_.id.to_string(), path));
  }
  if (entry->size > limit) {
    throw Corruption(fmt::format("backup {}: {} has {} bytes; more than {} is not expected of it",
                                 record_.id.to_string(), path, entry->size, limit));
  }
  io::MemorySink content;
  io::ByteVector buffer;
  ObjectReader reader(packs_);
  read_file(*entry, reader, buffer, content);
  return content.bytes();
}

void read_file(const FileEntry& entry, ObjectReader& reader, io::ByteVector& buffer, io::ByteSink& sink) {
  buffer.resize(kPieceBytes);
  std::uint32_t crc = 0;
  std::uint64_t left = entry.size;
  for (const auto ref : entry.pieces) {
    const auto piece = io::ByteSpan(buffer).first(std::min<std::uint64_t>(left, kPieceBytes));
    try {
      reader.read(ref, piece);
    } catch (const Corruption& e) {
      throw Corruption(fmt::format("{}: {}", entry.path, e.what()));
    }
    crc = io::crc32c(piece, crc);
    sink.write(piece);
    left -= piece.size();
  }
  if (crc != entry.crc32c)
    throw Corruption(fmt::format("{}: its checksum is not the stored one", entry.path));
}

}  // namespace pgkeep::store
