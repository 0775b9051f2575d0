#include "catalog/wal/staged_file.h"

#include <array>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "catalog/io/compression.h"
#include "catalog/io/error.h"
#include "catalog/io/hashing.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = 256u << 10;
constexpr std::size_t kUniqueBytes = 8;
constexpr int kCompressionLevel = 3;  // such files are few

/// Also what another process has made this moment and would unlink itself in the next: it has it open.
void sweep(const store::ServerLayout& layout) {
  for (const auto& entry : io::entries(layout.wal()))
    if (store::ServerLayout::is_incoming(entry.path())) io::remove_file(entry.path());
}

io::File make_nameless(const store::ServerLayout& layout) {
  std::array<std::byte, kUniqueBytes> unique;
  io::random_bytes(unique);
  auto file = io::File::create(layout.incoming(io::to_hex(unique)));
  io::remove_file(file.path());
  return file;
}

}  // namespace

StagedFile StagedFile::receive(const store::ServerLayout& layout, io::ByteSource& content,
                               std::uint64_t limit) {
  io::make_directories(layout.wal());
  sweep(layout);
  StagedFile staged(make_nameless(layout));
  io::Sha256 digest;
  io::ByteVector buffer(kReadBytes);
  while (const auto n = content.read(buffer)) {
    const auto piece = io::ByteView(buffer).first(n);
    if (n > limit - staged.bytes_) {
      throw Refused(fmt::format(
          "more than {} bytes came, which is as long as such a file can be; nothing was stored", limit));
    }
    digest.update(piece);
    staged.file_.append(piece);
    staged.bytes_ += n;
  }
  staged.sha256_ = io::to_hex(digest.finish());
  return staged;
}

std::string StagedFile::text() const {
  std::string text(bytes_, '\0');
  file_.read_exactly_at(std::as_writable_bytes(std::span(text.data(), text.size())), 0);
  return text;
}

void StagedFile::keep_compressed(const fs::path& path) const {
  io::make_directories(path.parent_path());
  io::AtomicFile file(path);
  io::CompressingSink compressed(file, kCompressionLevel);
  io::FileSource source(file_);
  io::ByteVector buffer(kReadBytes);
  while (const auto n = source.read(buffer)) compressed.write(io::ByteView(buffer).first(n));
  compressed.finish();
  file.commit();
}

}  // namespace pgkeep::catalog
