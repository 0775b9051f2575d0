#include "catalog/wal/segment_end.h"

#include <algorithm>
#include <array>

#include "catalog/io/hashing.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/postgres/wal_record.h"

namespace pgkeep::catalog {
namespace {

// A switch (pg_control.h, XLOG_SWITCH) is a record's header alone, of resource manager 0.
constexpr std::byte kInfoMask{0xF0};
constexpr std::byte kSwitch{0x40};

// A page's header (xlog_internal.h, XLogPageHeaderData): u16 flags at 2, u32 bytes at 16 that are left of a
// record begun before.
constexpr std::uint16_t kContinues = 1;

constexpr std::size_t kScanBytes = 256u << 10;

std::uint64_t page_header_bytes(std::uint64_t page_offset) {
  return page_offset == 0 ? postgres::kWalLongPageHeaderBytes : postgres::kWalPageHeaderBytes;
}

/// `record` is as long as its header says.
bool crc_is_right(io::ByteView record) {
  const auto crc = io::crc32c(record.first(postgres::kWalRecordCrcAt),
                              io::crc32c(record.subspan(postgres::kWalRecordHeaderBytes)));
  return io::load_le<std::uint32_t>(record.data() + postgres::kWalRecordCrcAt) == crc;
}

/// Of the last bytes of a record of which the rest is not at hand, its CRC included; the resource manager's
/// number lies after the info.
bool looks_like_switch(io::ByteView last) {
  const auto info = last.size() - (postgres::kWalRecordHeaderBytes - postgres::kWalRecordInfoAt);
  return (last[info] & kInfoMask) == kSwitch && last[info + 1] == std::byte{0};
}

bool is_switch(const std::array<std::byte, postgres::kWalRecordHeaderBytes>& record) {
  return io::load_le<std::uint32_t>(record.data()) == postgres::kWalRecordHeaderBytes &&
         looks_like_switch(record) && crc_is_right(record);
}

std::uint64_t aligned(std::uint64_t offset) {
  return (offset + postgres::kWalRecordAlignment - 1) / postgres::kWalRecordAlignment *
         postgres::kWalRecordAlignment;
}

/// Where the first record begins that begins in this page; past its end when the page only continues with
/// one.
std::uint64_t first_record(io::ByteView page, std::uint64_t header_bytes) {
  if ((io::load_le<std::uint16_t>(page.data() + 2) & kContinues) == 0) return header_bytes;
  return aligned(header_bytes + io::load_le<std::uint32_t>(page.data() + 16));
}

/// The end of the last whole record of those that begin in this page, the first of them at `begin`.
std::uint64_t end_of_records(io::ByteView page, std::uint64_t begin) {
  while (begin + postgres::kWalRecordHeaderBytes <= page.size()) {
    const auto length = io::load_le<std::uint32_t>(page.data() + begin);
    if (length < postgres::kWalRecordHeaderBytes || length > page.size() - begin ||
        !crc_is_right(page.subspan(begin, length)))
      break;
    begin = aligned(begin + length);
  }
  return begin;
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
    return aligned(end);
  }
  return 0;
}

std::uint64_t received_bytes(const io::File& plain, std::uint64_t used) {
  if (used == 0) return 0;
  const auto page = (used - 1) / postgres::kWalBlockBytes * postgres::kWalBlockBytes;
  std::array<std::byte, postgres::kWalBlockBytes> bytes{};  // of a file that was cut, the rest is zeroes
  plain.read_exactly_at(io::ByteSpan(bytes).first(std::min(bytes.size(), plain.size() - page)), page);
  // A record that continues from the page before is not looked at: its bytes alone count.
  const auto first = first_record(bytes, page_header_bytes(page));
  const auto end = end_of_records(bytes, first);
  return end > first ? std::max(used, page + end) : used;
}

bool ends_with_switch(const io::File& plain, std::uint64_t used) {
  const auto in_page = used % postgres::kWalBlockBytes;
  const auto page = used - in_page;
  std::array<std::byte, postgres::kWalRecordHeaderBytes> record;
  const auto header = page_header_bytes(page);
  if (used >= postgres::kWalRecordHeaderBytes &&
      (in_page == 0 || in_page >= header + postgres::kWalRecordHeaderBytes)) {
    plain.read_exactly_at(record, used - postgres::kWalRecordHeaderBytes);
    return is_switch(record);
  }
  if (in_page <= header) return false;
  // The record continues after this page's header.
  const auto rest = in_page - header;
  if (page == 0) {  // it begins in the segment before
    io::ByteVector begin(in_page);
    plain.read_exactly_at(begin, 0);
    return first_record(begin, header) == in_page && looks_like_switch(begin);
  }
  const auto begun = postgres::kWalRecordHeaderBytes - rest;
  plain.read_exactly_at(io::ByteSpan(record).first(begun), page - begun);
  plain.read_exactly_at(io::ByteSpan(record).last(rest), page + header);
  return is_switch(record);
}

}  // namespace pgkeep::catalog
