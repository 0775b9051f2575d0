#include "catalog/wal_switch.h"

#include <algorithm>
#include <array>

#include "catalog/io/hashing.h"
#include "catalog/postgres/wal_page.h"

namespace pgkeep::catalog {
namespace {

// A switch is a record header without data (xlogrecord.h, XLogRecord; pg_control.h, XLOG_SWITCH),
// little-endian: u32 length (24), u32 transaction, u64 previous record, u8 info, u8 resource manager (0), 2
// zero bytes, u32 CRC-32C of the 20 bytes before it.
constexpr std::uint32_t kRecordBytes = 24;
constexpr std::size_t kInfoAt = 16;
constexpr std::size_t kManagerAt = 17;
constexpr std::size_t kCrcAt = 20;
constexpr std::byte kInfoMask{0xF0};
constexpr std::byte kSwitch{0x40};

constexpr std::uint64_t kAlignment = 8;
constexpr std::size_t kScanBytes = 256u << 10;

std::uint64_t page_header_bytes(std::uint64_t page_offset) {
  return page_offset == 0 ? 40 : 24;
}

bool is_switch(const std::array<std::byte, kRecordBytes>& record) {
  return io::load_le<std::uint32_t>(record.data()) == kRecordBytes &&
         (record[kInfoAt] & kInfoMask) == kSwitch && record[kManagerAt] == std::byte{0} &&
         io::load_le<std::uint32_t>(record.data() + kCrcAt) == io::crc32c(io::ByteView(record).first(kCrcAt));
}

}  // namespace

std::uint64_t used_bytes(const io::File& plain) {
  io::ByteVector buffer(kScanBytes);
  for (auto left = plain.size(); left > 0;) {
    const auto length = std::min<std::uint64_t>(left, buffer.size());
    const auto piece = io::ByteSpan(buffer).first(length);
    left -= length;
    plain.read_exactly_at(piece, left);
    if (io::all_zero(piece)) continue;
    const auto last =
        std::ranges::find_if(piece.rbegin(), piece.rend(), [](auto b) { return b != std::byte{0}; });
    const auto end = left + static_cast<std::uint64_t>(piece.rend() - last);
    return (end + kAlignment - 1) / kAlignment * kAlignment;
  }
  return 0;
}

bool ends_with_switch(const io::File& plain, std::uint64_t used) {
  const auto in_page = used % postgres::kWalBlockBytes;
  const auto page = used - in_page;
  std::array<std::byte, kRecordBytes> record;
  const auto header = page_header_bytes(page);
  if (used >= kRecordBytes && (in_page == 0 || in_page >= header + kRecordBytes)) {
    plain.read_exactly_at(record, used - kRecordBytes);
    return is_switch(record);
  }
  if (in_page <= header) return false;
  if (page == 0) return true;
  // The record goes on behind this page's header.
  const auto rest = in_page - header;
  const auto begun = kRecordBytes - rest;
  plain.read_exactly_at(io::ByteSpan(record).first(begun), page - begun);
  plain.read_exactly_at(io::ByteSpan(record).last(rest), page + header);
  return is_switch(record);
}

}  // namespace pgkeep::catalog
