#include "catalog/wal/archived_file.h"

#include <cerrno>
#include <utility>

#include "catalog/io/compression.h"
#include "catalog/io/error.h"
#include "catalog/io/file.h"

namespace pgkeep::catalog {
namespace {

using postgres::WalFileKind;

constexpr std::size_t kSegmentDigits = 24;

/// A small file in memory.
class OwnedBytes final : public io::ByteSource {
 public:
  explicit OwnedBytes(io::ByteVector bytes) : bytes_(std::move(bytes)), source_(bytes_) {}
  std::size_t read(io::ByteSpan into) override { return source_.read(into); }

 private:
  io::ByteVector bytes_;
  io::MemorySource source_;
};

/// One zstd frame in a file.
class CompressedFile final : public io::ByteSource {
 public:
  explicit CompressedFile(io::File file) : file_(std::move(file)), stored_(file_), plain_(stored_) {}
  std::size_t read(io::ByteSpan into) override {
    try {
      return plain_.read(into);
    } catch (const Corruption& error) {
      throw Corruption(file_.path().native() + ": " + error.what());
    }
  }

 private:
  io::File file_;
  io::FileSource stored_;
  io::DecompressingSource plain_;
};

template <typename Source, typename Open>
std::unique_ptr<io::ByteSource> open_if_there(Open&& open) {
  try {
    return std::make_unique<Source>(open());
  } catch (const StorageError& error) {
    if (error.cause() == ENOENT) return nullptr;
    throw;
  }
}

}  // namespace

std::optional<postgres::WalSegment> segment_of_wal_file(std::string_view name,
                                                        postgres::WalSegmentSize size) {
  const auto kind = postgres::wal_file_kind(name);
  if (!kind || *kind == WalFileKind::history) return std::nullopt;
  return postgres::WalSegment::parse(name.substr(0, kSegmentDigits), size);
}

std::unique_ptr<io::ByteSource> open_archived_file(const WalArchive& archive, std::string_view name) {
  const auto& layout = archive.layout();
  const auto size = archive.identity().wal_segment_size;
  const auto open_small = [](const std::filesystem::path& path) {
    return open_if_there<OwnedBytes>([&] { return io::read_whole_file(path, kMaxSmallWalFile); });
  };
  if (const auto timeline = postgres::parse_history_name(name)) return open_small(layout.history(*timeline));
  const auto segment = segment_of_wal_file(name, size);
  if (!segment) return nullptr;
  switch (*postgres::wal_file_kind(name)) {
    case WalFileKind::segment:
      return open_if_there<SegmentFileReader>([&] { return layout.archived(*segment, size); });
    case WalFileKind::partial:
      return open_if_there<CompressedFile>(
          [&] { return io::File::open_to_read(layout.pushed_partial(*segment, size)); });
    case WalFileKind::backup_history:
      return open_small(layout.backup_history(name));
    case WalFileKind::history:
      break;  // above
  }
  return nullptr;
}

}  // namespace pgkeep::catalog
