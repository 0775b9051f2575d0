#include "catalog/wal/wal_segment_file.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <limits>
#include <string_view>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"

namespace pgkeep::catalog {
namespace {

constexpr std::uint32_t kSkippableMagic = 0x184D2A5B;
constexpr std::string_view kName = "pgkeepWL";
constexpr std::uint16_t kFormat = 3;
// Flags.
constexpr std::uint16_t kCommitsKnown = 0x0002;
constexpr std::uint16_t kNotesComplete = 0x0004;
constexpr std::uint16_t kReserved = 0x0008;  // what it said of a segment is not asked any more
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
constexpr std::size_t kItemBytesAt = 108;
constexpr std::size_t kItemsAt = 112;
constexpr std::size_t kCrcBytes = 4;

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

enum class Item : std::uint8_t { carry = 1, parameters, tablespace_created, tablespace_dropped };
constexpr std::size_t kItemHeadBytes = 3;

template <std::unsigned_integral T>
void append(io::ByteVector& bytes, T value) {
  bytes.resize(bytes.size() + sizeof(T));
  io::store_le(bytes.data() + bytes.size() - sizeof(T), value);
}

struct Items {
  io::ByteVector bytes{};
  bool all = true;  // there was room for each

  void add(Item kind, const io::ByteVector& content) {
    if (bytes.size() + kItemHeadBytes + content.size() > kMostItemBytes) {
      all = false;
      return;
    }
    bytes.push_back(static_cast<std::byte>(kind));
    append(bytes, static_cast<std::uint16_t>(content.size()));
    bytes.insert(bytes.end(), content.begin(), content.end());
  }
};

io::ByteVector encode_carry(const postgres::WalCarry& carry) {
  io::ByteVector content;
  append(content, carry.last_record.value());
  append(content, carry.record.value());
  append(content, carry.length);
  append(content, carry.taken);
  append(content, carry.crc);
  content.insert(content.end(), carry.head.begin(), carry.head.end());
  return content;
}

io::ByteVector encode_parameters(const postgres::WalParameters& parameters) {
  io::ByteVector content;
  append(content, parameters.begin.value());
  for (const auto number :
       {parameters.max_connections, parameters.max_worker_processes, parameters.max_wal_senders,
        parameters.max_prepared_transactions, parameters.max_locks_per_transaction,
        static_cast<std::int32_t>(parameters.wal_level)})
    append(content, static_cast<std::uint32_t>(number));
  return content;
}

io::ByteVector encode_tablespace(const postgres::TablespaceChange& change) {
  io::ByteVector content;
  append(content, change.begin.value());
  append(content, change.oid);
  if (!change.path) return content;
  const auto path = io::as_bytes(*change.path);
  content.insert(content.end(), path.begin(), path.end());
  return content;
}

/// The carry first, so that there is always room for it.
Items encode_items(const SegmentFileHeader& header) {
  Items items;
  if (header.carry) items.add(Item::carry, encode_carry(*header.carry));
  for (const auto& parameters : header.notes.parameters)
    items.add(Item::parameters, encode_parameters(parameters));
  for (const auto& change : header.notes.tablespaces) {
    items.add(change.path ? Item::tablespace_created : Item::tablespace_dropped, encode_tablespace(change));
  }
  return items;
}

/// Takes numbers off the front of an item; `ok` is false once there were not enough bytes.
struct ItemBytes {
  io::ByteView left;
  bool ok = true;

  template <std::unsigned_integral T>
  T take() {
    ok = ok && left.size() >= sizeof(T);
    if (!ok) return 0;
    const auto value = io::load_le<T>(left.data());
    left = left.subspan(sizeof(T));
    return value;
  }
  std::int32_t take_number() { return static_cast<std::int32_t>(take<std::uint32_t>()); }
  postgres::Lsn take_lsn() { return postgres::Lsn(take<std::uint64_t>()); }
};

bool decode_carry(ItemBytes item, SegmentFileHeader& header) {
  postgres::WalCarry carry{.at = header.segment.end(header.size), .last_record = item.take_lsn()};
  carry.record = item.take_lsn();
  carry.length = item.take<std::uint32_t>();
  carry.taken = item.take<std::uint32_t>();
  carry.crc = item.take<std::uint32_t>();
  carry.head.assign(item.left.begin(), item.left.end());
  const bool none = carry.length == 0 && carry.taken == 0;
  const bool one = carry.length >= postgres::kWalRecordHeaderBytes && carry.taken < carry.length;
  header.carry = carry;
  return item.ok && (none || one) &&
         carry.head.size() == std::min<std::size_t>(carry.taken, postgres::WalCarry::kMostBytes);
}

bool decode_parameters(ItemBytes item, SegmentFileHeader& header) {
  postgres::WalParameters parameters{.begin = item.take_lsn()};
  for (auto* number :
       {&parameters.max_connections, &parameters.max_worker_processes, &parameters.max_wal_senders,
        &parameters.max_prepared_transactions, &parameters.max_locks_per_transaction})
    *number = item.take_number();
  parameters.wal_level = static_cast<postgres::WalLevel>(item.take_number());
  header.notes.parameters.push_back(parameters);
  return item.ok && item.left.empty();
}

bool decode_tablespace(ItemBytes item, bool created, SegmentFileHeader& header) {
  postgres::TablespaceChange change{.begin = item.take_lsn(), .oid = item.take<std::uint32_t>(), .path = {}};
  if (created) change.path = std::string(io::as_text(item.left));
  header.notes.tablespaces.push_back(std::move(change));
  return item.ok && (created || item.left.empty());
}

bool decode_item(Item kind, ItemBytes item, SegmentFileHeader& header) {
  switch (kind) {
    case Item::carry:
      return !header.carry && decode_carry(item, header);
    case Item::parameters:
      return decode_parameters(item, header);
    case Item::tablespace_created:
    case Item::tablespace_dropped:
      return decode_tablespace(item, kind == Item::tablespace_created, header);
  }
  return false;
}

/// False when they are not those of this format. The header's segment and size are set already.
bool decode_items(io::ByteView bytes, SegmentFileHeader& header) {
  while (!bytes.empty()) {
    if (bytes.size() < kItemHeadBytes) return false;
    const auto kind = static_cast<Item>(bytes[0]);
    const auto length = io::load_le<std::uint16_t>(bytes.data() + 1);
    bytes = bytes.subspan(kItemHeadBytes);
    if (length > bytes.size() || !decode_item(kind, {bytes.first(length)}, header)) return false;
    bytes = bytes.subspan(length);
  }
  return true;
}

std::uint16_t flags_of(const SegmentFileHeader& header, bool all_notes) {
  return static_cast<std::uint16_t>((header.commits.known ? kCommitsKnown : 0) |
                                    (header.notes.complete && all_notes ? kNotesComplete : 0));
}

io::ByteVector encode(const SegmentFileHeader& header) {
  const auto items = encode_items(header);
  io::ByteVector bytes(kItemsAt);
  io::store_le(bytes.data(), kSkippableMagic);
  io::store_le(bytes.data() + kLengthAt,
               static_cast<std::uint32_t>(kItemsAt + items.bytes.size() + kCrcBytes - kNameAt));
  std::ranges::copy(io::as_bytes(kName), bytes.begin() + kNameAt);
  io::store_le(bytes.data() + kFormatAt, kFormat);
  io::store_le(bytes.data() + kFlagsAt, flags_of(header, items.all));
  io::store_le(bytes.data() + kSizeAt, header.size.bytes());
  io::store_le(bytes.data() + kTimelineAt, header.segment.timeline.value());
  io::store_le(bytes.data() + kPlainCrcAt, header.crc32c);
  io::store_le(bytes.data() + kNumberAt, header.segment.number);
  io::store_le(bytes.data() + kSystemAt, header.system.value());
  store_time(bytes.data() + kFirstTimeAt, header.first_time);
  store_time(bytes.data() + kLastTimeAt, header.last_time);
  store_time(bytes.data() + kEarliestCommitAt, header.commits.earliest);
  store_time(bytes.data() + kLatestCommitAt, header.commits.latest);
  io::store_le(bytes.data() + kItemBytesAt, static_cast<std::uint32_t>(items.bytes.size()));
  bytes.insert(bytes.end(), items.bytes.begin(), items.bytes.end());
  const auto crc = io::crc32c(bytes);
  bytes.resize(bytes.size() + kCrcBytes);
  io::store_le(bytes.data() + bytes.size() - kCrcBytes, crc);
  return bytes;
}

[[noreturn]] void refuse(const std::filesystem::path& path, std::string_view why) {
  throw Corruption(fmt::format("{}: {}", path.native(), why));
}

/// The whole frame, its CRC checked.
io::ByteVector read_frame(const io::File& file) {
  const auto& path = file.path();
  io::ByteVector bytes(kItemsAt);
  if (file.read_at(bytes, 0) != bytes.size()) refuse(path, "is cut short inside its header");
  if (io::load_le<std::uint32_t>(bytes.data()) != kSkippableMagic ||
      io::as_text(io::ByteView(bytes).subspan(kNameAt, kName.size())) != kName) {
    refuse(path, "does not begin with the header of an archived WAL segment");
  }
  const auto format = io::load_le<std::uint16_t>(bytes.data() + kFormatAt);
  if (format != kFormat) refuse(path, fmt::format("format {} is not known to this pgkeep", format));
  const auto items = io::load_le<std::uint32_t>(bytes.data() + kItemBytesAt);
  if (items > kMostItemBytes ||
      io::load_le<std::uint32_t>(bytes.data() + kLengthAt) != kItemsAt + items + kCrcBytes - kNameAt) {
    refuse(path, "the header is damaged: its length cannot be");
  }
  bytes.resize(kItemsAt + items + kCrcBytes);
  if (file.read_at(bytes, 0) != bytes.size()) refuse(path, "is cut short inside its header");
  if (io::load_le<std::uint32_t>(bytes.data() + bytes.size() - kCrcBytes) !=
      io::crc32c(io::ByteView(bytes).first(bytes.size() - kCrcBytes))) {
    refuse(path, "the header is damaged: its CRC does not fit");
  }
  return bytes;
}

/// Of a file whose header was read.
std::uint64_t frame_bytes(const io::File& file) {
  std::array<std::byte, sizeof(std::uint32_t)> length;
  file.read_exactly_at(length, kLengthAt);
  return kNameAt + io::load_le<std::uint32_t>(length.data());
}

SegmentFileHeader read_header(const io::File& file) {
  const auto& path = file.path();
  const auto bytes = read_frame(file);
  const auto* at = bytes.data();
  const auto flags = io::load_le<std::uint16_t>(at + kFlagsAt);
  if ((flags & ~(kCommitsKnown | kNotesComplete | kReserved)) != 0)
    refuse(path, fmt::format("flags {:04X} are not known to this pgkeep", flags));
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
  header.notes.complete = (flags & kNotesComplete) != 0;
  if (!decode_items(io::ByteView(bytes).subspan(kItemsAt, bytes.size() - kItemsAt - kCrcBytes), header))
    refuse(path, "the header has items that are not known to this pgkeep");
  const auto name = header.segment.name(header.size);
  if (const auto file_name = path.filename().native();
      !file_name.starts_with(name + ".") || !file_name.ends_with(kExtension)) {
    refuse(path, fmt::format("holds segment {}, which is not what its name says", name));
  }
  return header;
}

}  // namespace

std::optional<Event> event_in(const SegmentFileHeader& segment) {
  const auto is_minimal = [](const postgres::WalParameters& settings) {
    return settings.wal_level == postgres::WalLevel::minimal;
  };
  const auto& settings = segment.notes.parameters;
  const auto begun = std::ranges::find_if(settings, is_minimal);
  if (begun == settings.end()) return std::nullopt;
  const auto next = std::find_if_not(begun, settings.end(), is_minimal);
  const auto end = next != settings.end() ? next->begin : segment.segment.end(segment.size);
  return Event{io::now(), EventKind::minimal_wal,
               fmt::format("the server ran with wal_level = minimal from {} of timeline {} on: "
                           "no recovery from an older backup passes that",
                           begun->begin.to_string(), segment.segment.timeline.to_string()),
               WalRange{segment.segment.timeline, begun->begin, end}};
}

std::size_t segment_header_bytes(const SegmentFileHeader& header) {
  return encode(header).size();
}

SegmentFileWriter::SegmentFileWriter(const std::filesystem::path& path, std::size_t header_bytes,
                                     int compression_level)
    : file_(path), header_bytes_(header_bytes), compressed_(file_, compression_level), path_(path) {
  file_.write(io::ByteVector(header_bytes));
}

void SegmentFileWriter::write(io::ByteView plain) {
  crc_ = io::crc32c(plain, crc_);
  bytes_ += plain.size();
  compressed_.write(plain);
}

std::optional<SegmentFileHeader> SegmentFileWriter::commit(SegmentFileHeader header) {
  if (bytes_ != header.size.bytes()) {
    throw Error(fmt::format("{}: {} bytes came where the segment has {}; it was not stored", path_.native(),
                            bytes_, header.size.bytes()));
  }
  header.crc32c = crc_;
  const auto head = encode(header);
  if (head.size() != header_bytes_) return std::nullopt;
  compressed_.finish();
  file_.file().write_at(head, 0);
  file_.commit();
  return header;
}

SegmentFileHeader write_segment_file(const std::filesystem::path& path, SegmentFileHeader header,
                                     const io::File& plain, int compression_level) {
  SegmentFileWriter file(path, segment_header_bytes(header), compression_level);
  io::FileSource source(plain);
  io::ByteVector buffer(kCopyBytes);
  while (const auto n = source.read(buffer)) file.write(io::ByteView(buffer).first(n));
  return file.commit(std::move(header)).value();
}

SegmentFileReader::SegmentFileReader(const std::filesystem::path& path)
    : file_(io::File::open_to_read(path)),
      header_(read_header(file_)),
      source_(file_, frame_bytes(file_)),
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
