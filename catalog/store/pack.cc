#include "catalog/store/pack.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::store {
namespace {

constexpr std::string_view kHeaderMagic = "pgkeepPK";
constexpr std::string_view kFooterMagic = "pgkeepPE";
constexpr std::uint16_t kFormat = 2;
constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kFooterBytes = 48;
constexpr std::size_t kEntryBytes = 16;
constexpr std::uint64_t kMaxDirectoryBytes = kPackMaxObjects * (kEntryBytes + 8 + 8 * kPagesPerPiece);
constexpr std::size_t kWriteBytes = 1u << 20;
constexpr std::uint64_t kWritebackBytes = 8u << 20;

void put(std::byte* at, io::ByteView bytes) {
  std::memcpy(at, bytes.data(), bytes.size());
}

std::array<std::byte, kHeaderBytes> make_header(const Repository& repository, const PackName& name,
                                                const BackupId& made_by) {
  std::array<std::byte, kHeaderBytes> header{};
  put(&header[0], io::as_bytes(kHeaderMagic));
  io::store_le<std::uint16_t>(&header[8], kFormat);
  header[10] = static_cast<std::byte>(name.kind);
  io::store_le<std::uint32_t>(&header[12], name.number);
  put(&header[16], repository.id());
  put(&header[32], io::as_bytes(made_by.to_string()));
  io::store_le<std::uint32_t>(&header[48], name.generation);
  return header;
}

/// Digests that the directory holds for an entry.
std::uint32_t stored_digests(const ObjectEntry& entry) {
  switch (entry.kind) {
    case ObjectKind::full:
      return pages_in(entry.length);
    case ObjectKind::delta:
      return static_cast<std::uint32_t>(std::popcount(entry.changed));
    case ObjectKind::dropped:
      break;
  }
  return 0;
}

/// A sector that the disk cannot read is damage like any other: it is to be marked, and stored again.
template <typename Read>
void reading(const std::filesystem::path& path, Read&& read) {
  try {
    read();
  } catch (const StorageError& e) {
    if (e.cause() != EIO) throw;
    throw Corruption(fmt::format("{}; the disk under {} is failing", e.what(), path.native()));
  }
}

}  // namespace

PackWriter::PackWriter(const Repository& repository, const ServerLayout& layout, const PackName& name,
                       const BackupId& made_by)
    : file_(layout.pack(name)), number_(name.number) {
  const auto header = make_header(repository, name, made_by);
  header_crc_ = io::crc32c(header);
  buffer_.reserve(kWriteBytes + kPieceBytes);
  buffer_.insert(buffer_.end(), header.begin(), header.end());
  offset_ = header.size();
}

std::uint32_t PackWriter::add(const ObjectEntry& entry, io::ByteView frame,
                              std::span<const std::uint64_t> digests) {
  const auto at = directory_.size();
  const bool delta = entry.kind == ObjectKind::delta;
  directory_.resize(at + kEntryBytes + (delta ? 8 : 0) + 8 * digests.size());
  std::byte* out = &directory_[at];
  out[0] = static_cast<std::byte>(entry.kind);
  out[1] = static_cast<std::byte>(entry.codec);
  io::store_le<std::uint16_t>(out + 2, entry.changed);
  io::store_le<std::uint32_t>(out + 4, entry.length);
  io::store_le<std::uint32_t>(out + 8, static_cast<std::uint32_t>(frame.size()));
  io::store_le<std::uint32_t>(out + 12, entry.frame_crc);
  out += kEntryBytes;
  if (delta) {
    io::store_le<std::uint32_t>(out, entry.base.pack);
    io::store_le<std::uint32_t>(out + 4, entry.base.object);
    out += 8;
  }
  for (const auto digest : digests) {
    io::store_le<std::uint64_t>(out, digest);
    out += 8;
  }
  buffer_.insert(buffer_.end(), frame.begin(), frame.end());
  offset_ += frame.size();
  if (buffer_.size() >= kWriteBytes) flush();
  return objects_++;
}

void PackWriter::flush() {
  file_.write(buffer_);
  buffer_.clear();
  const auto written = offset_;
  if (written - written_back_ >= kWritebackBytes) {
    file_.file().start_writeback(written_back_, written - written_back_);
    written_back_ = written;
  }
}

void PackWriter::finish() {
  std::array<std::byte, kFooterBytes> footer{};
  io::store_le<std::uint64_t>(&footer[0], offset_);
  io::store_le<std::uint64_t>(&footer[8], directory_.size());
  io::store_le<std::uint32_t>(&footer[16], objects_);
  io::store_le<std::uint32_t>(&footer[20], io::crc32c(directory_));
  io::store_le<std::uint32_t>(&footer[24], header_crc_);
  put(&footer[40], io::as_bytes(kFooterMagic));
  flush();
  file_.write(directory_);
  file_.write(footer);
  offset_ += directory_.size() + footer.size();
  file_.commit();
}

PackReader::PackReader(const Repository& repository, const ServerLayout& layout, const PackName& name)
    : file_(io::File::open_to_read(layout.pack(name))), file_bytes_(file_.size()) {
  const auto& path = file_.path();
  const auto bad = [&](std::string_view why) {
    return Corruption(fmt::format("{}: {}", path.native(), why));
  };
  if (file_bytes_ < kHeaderBytes + kFooterBytes) throw bad("too short for a pack: it was cut");
  std::array<std::byte, kHeaderBytes> header;
  std::array<std::byte, kFooterBytes> footer;
  reading(path, [&] {
    file_.read_exactly_at(header, 0);
    file_.read_exactly_at(footer, file_bytes_ - kFooterBytes);
  });
  if (io::as_text(footer).substr(40) != kFooterMagic)
    throw bad("no footer at its end: the pack was cut or damaged");
  if (io::as_text(header).substr(0, 8) != kHeaderMagic || io::load_le<std::uint16_t>(&header[8]) != kFormat) {
    throw bad("not a pack that this program knows");
  }
  if (io::crc32c(header) != io::load_le<std::uint32_t>(&footer[24])) throw bad("its header is damaged");
  const PackName own{.number = io::load_le<std::uint32_t>(&header[12]),
                     .kind = static_cast<PackKind>(header[10]),
                     .generation = io::load_le<std::uint32_t>(&header[48])};
  if (own != name) throw bad("it is another pack under a wrong name");
  made_by_ = BackupId::parse(io::as_text(header).substr(32, 16));
  if (!made_by_) throw bad("its header names no backup");
  if (!std::ranges::equal(io::ByteView(header).subspan(16, 16), repository.id())) {
    throw bad("it belongs to another repository");
  }
  if (!io::all_zero(io::ByteView(footer).subspan(28, 12))) throw bad("its footer is damaged");
  const auto offset = io::load_le<std::uint64_t>(&footer[0]);
  const auto length = io::load_le<std::uint64_t>(&footer[8]);
  const auto objects = io::load_le<std::uint32_t>(&footer[16]);
  const auto room = file_bytes_ - kHeaderBytes - kFooterBytes;
  if (objects > kPackMaxObjects || length > kMaxDirectoryBytes || length > room ||
      offset != file_bytes_ - kFooterBytes - length || objects > length / kEntryBytes) {
    throw bad("its footer does not fit its size");
  }
  io::ByteVector directory(length);
  reading(path, [&] { file_.read_exactly_at(directory, offset); });
  if (io::crc32c(directory) != io::load_le<std::uint32_t>(&footer[20])) throw bad("its directory is damaged");
  try {
    parse_directory(directory, objects, offset);
  } catch (const Corruption& e) {
    throw bad(e.what());
  }
}

std::uint32_t objects_in(const ServerLayout& layout, const PackName& name) {
  const auto file = io::File::open_to_read(layout.pack(name));
  const auto size = file.size();
  std::array<std::byte, kFooterBytes> footer;
  if (size < kHeaderBytes + kFooterBytes)
    throw Corruption(fmt::format("{}: too short for a pack: it was cut", file.path().native()));
  reading(file.path(), [&] { file.read_exactly_at(footer, size - kFooterBytes); });
  return io::load_le<std::uint32_t>(&footer[16]);
}

void PackReader::parse_directory(io::ByteView directory, std::uint32_t objects, std::uint64_t frames_end) {
  entries_.reserve(objects);
  std::uint64_t frame_offset = kHeaderBytes;
  const auto take = [&](std::size_t bytes) {
    if (directory.size() < bytes) throw Corruption("its directory ends too early");
    const auto taken = directory.first(bytes);
    directory = directory.subspan(bytes);
    return taken.data();
  };
  for (std::uint32_t i = 0; i < objects; ++i) {
    const std::byte* in = take(kEntryBytes);
    ObjectEntry entry;
    entry.kind = static_cast<ObjectKind>(in[0]);
    entry.codec = static_cast<Codec>(in[1]);
    entry.changed = io::load_le<std::uint16_t>(in + 2);
    entry.length = io::load_le<std::uint32_t>(in + 4);
    entry.frame_bytes = io::load_le<std::uint32_t>(in + 8);
    entry.frame_crc = io::load_le<std::uint32_t>(in + 12);
    if (entry.kind > ObjectKind::delta || entry.codec > Codec::zstd || entry.length > kPieceBytes ||
        entry.frame_bytes > 2 * kPieceBytes) {
      throw Corruption(fmt::format("object {} in its directory makes no sense", i));
    }
    if (entry.kind == ObjectKind::delta) {
      const std::byte* base = take(8);
      entry.base = {io::load_le<std::uint32_t>(base), io::load_le<std::uint32_t>(base + 4)};
    }
    entry.frame_offset = frame_offset;
    entry.first_digest = static_cast<std::uint32_t>(digests_.size());
    const auto digests = stored_digests(entry);
    const std::byte* digest = take(std::size_t{8} * digests);
    for (std::uint32_t d = 0; d < digests; ++d)
      digests_.push_back(io::load_le<std::uint64_t>(digest + std::size_t{8} * d));
    frame_offset += entry.frame_bytes;
    entries_.push_back(entry);
  }
  if (!directory.empty() || frame_offset != frames_end)
    throw Corruption("its directory does not fit its frames");
}

std::size_t PackReader::memory_bytes() const noexcept {
  return sizeof(*this) + entries_.capacity() * sizeof(ObjectEntry) +
         digests_.capacity() * sizeof(std::uint64_t);
}

const ObjectEntry& PackReader::entry(std::uint32_t object) const {
  if (object >= entries_.size()) {
    throw Corruption(
        fmt::format("{}: there is no object {}, only {}", path().native(), object, entries_.size()));
  }
  const auto& entry = entries_[object];
  if (entry.kind == ObjectKind::dropped) {
    throw Corruption(fmt::format("{}: object {} was dropped", path().native(), object));
  }
  return entry;
}

std::span<const std::uint64_t> PackReader::digests(const ObjectEntry& entry) const {
  return std::span(digests_).subspan(entry.first_digest, stored_digests(entry));
}

void PackReader::read_frame(std::uint32_t object, io::ByteSpan into) const {
  const auto& wanted = entry(object);
  reading(path(), [&] { file_.read_exactly_at(into, wanted.frame_offset); });
  if (io::crc32c(into) != wanted.frame_crc) {
    throw Corruption(fmt::format("{}: object {} (at byte {}, {} bytes) is damaged", path().native(), object,
                                 wanted.frame_offset, wanted.frame_bytes));
  }
}

}  // namespace pgkeep::store
