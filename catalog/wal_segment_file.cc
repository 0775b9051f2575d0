#include "catalog/wal_segment_file.h"

#include <array>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"

namespace pgkeep::catalog {
namespace {

constexpr std::uint32_t kSkippableMagic = 0x184D2A5B;
constexpr std::string_view kName = "pgkeepWL";
constexpr std::uint16_t kFormat = 2;
constexpr std::uint16_t kCommitsKnown = 0x0002;  // flag
constexpr std::string_view kExtension = ".zst";
constexpr std::size_t kCopyBytes = 256u << 10;

// Offsets in the file; see the header for the whole frame.
constexpr std::size_t kLengthAt = 4;
constexpr std::size_t kNameAt = 8;
constexpr std::size_t kFormatAt = 16;
constexpr std::size_t kFlagsAt = 18;
constexpr std::size_t kSizeAt = 20;
constexpr std::size_t kTimelineAt = 24;
constexpr std::size_t kPlainCrcAt = 28;
constexpr std::size_t kNumberAt = 32;
constexpr std::size_t kSystemAt = 40;
constexpr std::size_t kFirstTimeAt = 48;
constexpr std::size_t kLastTimeAt = 56;
constexpr std::size_t kEarliestCommitAt = 64;
constexpr std::size_t kLatestCommitAt = 72;
constexpr std::size_t kHeaderCrcAt = 108;
constexpr std::size_t kHeaderBytes = 112;
constexpr std::uint32_t kBodyBytes = kHeaderBytes - kNameAt;

using HeaderBytes = std::array<std::byte, kHeaderBytes>;

constexpr std::int64_t kTimeNotKnown = std::numeric_limits<std::int64_t>::min();

void store_time(std::byte* at, const std::optional<io::TimePoint>& time) {
  const std::int64_t value = time ? time->time_since_epoch().count() : kTimeNotKnown;
  io::store_le(at, static_cast<std::uint64_t>(value));
}

std::optional<io::TimePoint> load_time(const std::byte* at) {
  const auto value = static_cast<std::int64_t>(io::load_le<std::uint64_t>(at));
  if (value == kTimeNotKnown) return std::nullopt;
  return io::TimePoint(std::chrono::microseconds(value));
}

HeaderBytes encode(const SegmentFileHeader& header) {
  HeaderBytes bytes{};
  io::store_le(bytes.data(), kSkippableMagic);
  io::store_le(bytes.data() + kLengthAt, kBodyBytes);
  std::ranges::copy(io::as_bytes(kName), bytes.begin() + kNameAt);
  io::store_le(bytes.data() + kFormatAt, kFormat);
  io::store_le(bytes.data() + kFlagsAt, header.commits.known ? kCommitsKnown : std::uint16_t{0});
  io::store_le(bytes.data() + kSizeAt, header.size.bytes());
  io::store_le(bytes.data() + kTimelineAt, header.segment.timeline.value());
  io::store_le(bytes.data() + kPlainCrcAt, header.crc32c);
  io::store_le(bytes.data() + kNumberAt, header.segment.number);
  io::store_le(bytes.data() + kSystemAt, header.system.value());
  store_time(bytes.data() + kFirstTimeAt, header.first_time);
  store_time(bytes.data() + kLastTimeAt, header.last_time);
  store_time(bytes.data() + kEarliestCommitAt, header.commits.earliest);
  store_time(bytes.data() + kLatestCommitAt, header.commits.latest);
  io::store_le(bytes.data() + kHeaderCrcAt, io::crc32c(io::ByteView(bytes).first(kHeaderCrcAt)));
  return bytes;
}

[[noreturn]] void refuse(const std::filesystem::path& path, std::string_view why) {
  throw Corruption(fmt::format("{}: {}", path.native(), why));
}

SegmentFileHeader read_header(const io::File& file) {
  const auto& path = file.path();
  HeaderBytes bytes;
  if (file.read_at(bytes, 0) != bytes.size()) refuse(path, "is cut short inside its header");
  const auto* at = bytes.data();
  if (io::load_le<std::uint32_t>(at) != kSkippableMagic ||
      io::load_le<std::uint32_t>(at + kLengthAt) != kBodyBytes ||
      io::as_text(io::ByteView(bytes).subspan(kNameAt, kName.size())) != kName) {
    refuse(path, "does not begin with the header of an archived WAL segment");
  }
  if (io::load_le<std::uint32_t>(at + kHeaderCrcAt) != io::crc32c(io::ByteView(bytes).first(kHeaderCrcAt))) {
    refuse(path, "the header is damaged: its CRC does not fit");
  }
  const auto format = io::load_le<std::uint16_t>(at + kFormatAt);
  const auto flags = io::load_le<std::uint16_t>(at + kFlagsAt);
  if (format != kFormat || (flags & ~kCommitsKnown) != 0) {
    refuse(path, fmt::format("format {} with flags {:04X} is not known to this pgkeep", format, flags));
  }
  SegmentFileHeader header;
  try {
    header.size = postgres::WalSegmentSize(io::load_le<std::uint32_t>(at + kSizeAt));
  } catch (const Error& error) {
    refuse(path, error.what());
  }
  header.segment = {postgres::TimelineId(io::load_le<std::uint32_t>(at + kTimelineAt)),
                    io::load_le<std::uint64_t>(at + kNumberAt)};
  header.system = postgres::SystemIdentifier(io::load_le<std::uint64_t>(at + kSystemAt));
  header.crc32c = io::load_le<std::uint32_t>(at + kPlainCrcAt);
  header.first_time = load_time(at + kFirstTimeAt);
  header.last_time = load_time(at + kLastTimeAt);
  header.commits = {.known = (flags & kCommitsKnown) != 0,
                    .earliest = load_time(at + kEarliestCommitAt),
                    .latest = load_time(at + kLatestCommitAt)};
  const auto name = header.segment.name(header.size);
  if (path.filename().native() != name + std::string(kExtension)) {
    refuse(path, fmt::format("holds segment {}, which is not what its name says", name));
  }
  return header;
}

}  // namespace

SegmentFileHeader write_segment_file(const std::filesystem::path& path, SegmentFileHeader header,
                                     const io::File& plain, int compression_level) {
  io::AtomicFile file(path);
  // The header's place comes first; its content, which the CRC of the plain bytes belongs to, at the end.
  file.write(HeaderBytes{});
  io::CompressingSink compressed(file, compression_level);
  io::FileSource source(plain);
  io::ByteVector buffer(kCopyBytes);
  std::uint64_t bytes = 0;
  header.crc32c = 0;
  while (const auto n = source.read(buffer)) {
    const auto piece = io::ByteView(buffer).first(n);
    header.crc32c = io::crc32c(piece, header.crc32c);
    compressed.write(piece);
    bytes += n;
  }
  if (bytes != header.size.bytes()) {
    throw Error(fmt::format("{}: has {} bytes where the segment has {}; it was not archived",
                            plain.path().native(), bytes, header.size.bytes()));
  }
  compressed.finish();
  file.file().write_at(encode(header), 0);
  file.commit();
  return header;
}

SegmentFileReader::SegmentFileReader(const std::filesystem::path& path)
    : file_(io::File::open_to_read(path)),
      header_(read_header(file_)),
      source_(file_, kHeaderBytes),
      plain_(source_) {}

std::size_t SegmentFileReader::read(io::ByteSpan into) {
  if (into.empty()) return 0;
  std::size_t n = 0;
  try {
    n = plain_.read(into);
  } catch (const Corruption& error) {
    refuse(file_.path(), error.what());
  }
  read_bytes_ += n;
  crc_ = io::crc32c(into.first(n), crc_);
  const std::uint64_t size = header_.size.bytes();
  if (read_bytes_ > size || (n == 0 && read_bytes_ < size)) {
    refuse(file_.path(), fmt::format("holds {} {} bytes where the segment has {}",
                                     n == 0 ? "only" : "at least", read_bytes_, size));
  }
  if (read_bytes_ == size && crc_ != header_.crc32c) {
    refuse(file_.path(), "the segment is damaged: its CRC does not fit");
  }
  return n;
}

}  // namespace pgkeep::catalog
