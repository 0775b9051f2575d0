#include "catalog/postgres/wal_records.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/hashing.h"
#include "catalog/postgres/wal_record.h"

namespace pgkeep::postgres {
namespace {

// Of a page's header; see wal_page.cc for all of it.
constexpr std::size_t kFlagsAt = 2;
constexpr std::size_t kAddressAt = 8;
constexpr std::size_t kContinuedBytesAt = 16;
constexpr std::uint16_t kContinuesRecord = 0x0001;
/// The record that was begun before will never end: the server crashed and wrote something else here.
constexpr std::uint16_t kReplacesRecord = 0x0008;

// Resource managers and their records (rmgrlist.h, xact.h, pg_control.h).
constexpr std::uint8_t kGeneral = 0;
constexpr std::uint8_t kGeneralMask = 0xF0;
constexpr std::uint8_t kRestorePoint = 0x70;
constexpr std::uint8_t kTransactions = 1;
constexpr std::uint8_t kTransactionMask = 0x70;
constexpr std::uint8_t kCommit = 0x00;
constexpr std::uint8_t kAbort = 0x20;
constexpr std::uint8_t kCommitPrepared = 0x30;
constexpr std::uint8_t kAbortPrepared = 0x40;

// What follows a record's header (xlogrecord.h): each item begins with its id.
constexpr std::uint8_t kShortData = 255;    // u8 length
constexpr std::uint8_t kLongData = 254;     // u32 length
constexpr std::uint8_t kOrigin = 253;       // u16
constexpr std::uint8_t kTopLevelXid = 252;  // u32

constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kNameBytes = 64;

// PostgreSQL's clock, in microseconds around the year 2000: the years 1900 to 9999.
constexpr std::int64_t kEarliest = -3'155'760'000'000'000;
constexpr std::int64_t kLatest = 252'455'616'000'000'000;

std::size_t aligned(std::size_t offset) {
  return (offset + kWalRecordAlignment - 1) & ~std::size_t{kWalRecordAlignment - 1};
}

/// `header`: at least kWalRecordHeaderBytes.
std::optional<WalMoment::Kind> kind_of(io::ByteView header) {
  const auto manager = static_cast<std::uint8_t>(header[kWalRecordManagerAt]);
  if (manager > kTransactions) return std::nullopt;  // nearly all
  const auto info = static_cast<std::uint8_t>(header[kWalRecordInfoAt]);
  if (manager == kGeneral) {
    if ((info & kGeneralMask) == kRestorePoint) return WalMoment::Kind::restore_point;
    return std::nullopt;
  }
  switch (info & kTransactionMask) {
    case kCommit:
    case kCommitPrepared:
      return WalMoment::Kind::commit;
    case kAbort:
    case kAbortPrepared:
      return WalMoment::Kind::abort;
    default:
      return std::nullopt;
  }
}

/// The main data of a record of `length` bytes, as far as `head` has it. Nothing for one that refers to
/// pages, which none of ours does.
std::optional<io::ByteView> main_data(io::ByteView head, std::uint32_t length) {
  for (std::size_t at = kWalRecordHeaderBytes; at < head.size();) {
    const auto id = static_cast<std::uint8_t>(head[at++]);
    if (id == kOrigin) {
      at += sizeof(std::uint16_t);
    } else if (id == kTopLevelXid) {
      at += sizeof(std::uint32_t);
    } else if (id == kShortData || id == kLongData) {
      const std::size_t size = id == kShortData ? sizeof(std::uint8_t) : sizeof(std::uint32_t);
      if (head.size() - at < size) return std::nullopt;
      const auto data = id == kShortData ? static_cast<std::uint32_t>(head[at])
                                         : io::load_le<std::uint32_t>(head.data() + at);
      at += size;
      if (data != length - at) return std::nullopt;  // it is the last item
      return head.subspan(at);
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

WalRecordWalker::WalRecordWalker(Lsn begin, WalSegmentSize size, Found found)
    : size_(size), found_(std::move(found)), next_page_(begin) {}

void WalRecordWalker::feed(io::ByteView bytes) {
  while (!bytes.empty() && !defect_) {
    if (page_filled_ == 0 && bytes.size() >= kWalBlockBytes) {
      walk_page(bytes.first(kWalBlockBytes));
      bytes = bytes.subspan(kWalBlockBytes);
      continue;
    }
    const auto n = std::min(bytes.size(), kWalBlockBytes - page_filled_);
    std::ranges::copy(bytes.first(n), page_.begin() + static_cast<std::ptrdiff_t>(page_filled_));
    page_filled_ += n;
    bytes = bytes.subspan(n);
    if (page_filled_ == kWalBlockBytes) {
      page_filled_ = 0;
      walk_page(page_);
    }
  }
}

void WalRecordWalker::give_up(Lsn at, std::string_view why) {
  defect_ = fmt::format("WAL at {}: {}", at.to_string(), why);
}

/// False when no record is to be looked for in the page.
bool WalRecordWalker::enter_page(io::ByteView page, Lsn at) {
  if (io::load_le<std::uint16_t>(page.data()) == 0) {
    if (!io::all_zero(page)) give_up(at, "the page has no header");
    ended_ = true;
    return false;
  }
  const bool first = at.value() % size_.bytes() == 0;
  if (ended_ && !first) {
    give_up(at, "it goes on behind zeroes");
    return false;
  }
  ended_ = false;
  if (io::load_le<std::uint64_t>(page.data() + kAddressAt) != at.value()) {
    give_up(at, "the page says that it is another one");
    return false;
  }
  const auto flags = io::load_le<std::uint16_t>(page.data() + kFlagsAt);
  const auto continued = (flags & kContinuesRecord) != 0
                             ? io::load_le<std::uint32_t>(page.data() + kContinuedBytesAt)
                             : std::uint32_t{0};
  if (!synced_ || (first && left_ != continued)) {  // the segment before was cut, or of another timeline
    synced_ = true;
    wanted_ = false;
    left_ = continued;
  } else if ((flags & kReplacesRecord) != 0 && continued == 0) {
    left_ = 0;
  } else if (left_ != continued) {
    give_up(at, fmt::format("the page has {} bytes of a record of which {} are left", continued, left_));
    return false;
  }
  return true;
}

void WalRecordWalker::walk_page(io::ByteView page) {
  const auto at = next_page_;
  next_page_ = at + page.size();
  if (!enter_page(page, at)) return;
  std::size_t offset = at.value() % size_.bytes() == 0 ? kWalLongPageHeaderBytes : kWalPageHeaderBytes;
  while (offset < page.size()) {
    if (left_ == 0 && !begin_record(page.subspan(offset), at + offset)) return;
    const auto piece = std::min<std::size_t>(left_, page.size() - offset);
    if (wanted_) {
      take(page.subspan(offset, piece));
      if (defect_) return;
    }
    left_ -= static_cast<std::uint32_t>(piece);
    offset = aligned(offset + piece);
  }
}

/// `rest` begins at a multiple of 8, so the length is in it. False when there is no record.
bool WalRecordWalker::begin_record(io::ByteView rest, Lsn at) {
  const auto length = io::load_le<std::uint32_t>(rest.data());
  if (length == 0) {
    if (!io::all_zero(rest)) give_up(at, "a record without a length");
    ended_ = true;
    return false;
  }
  if (length < kWalRecordHeaderBytes) {
    give_up(at, fmt::format("a record of {} bytes", length));
    return false;
  }
  record_ = at;
  left_ = length_ = length;
  // When the header goes on in the next page, take() decides.
  wanted_ = rest.size() < kWalRecordHeaderBytes || kind_of(rest).has_value();
  taken_ = 0;
  crc_ = 0;
  return true;
}

void WalRecordWalker::take(io::ByteView piece) {
  if (piece.size() == length_) {  // most are not cut
    crc_ = io::crc32c(piece.subspan(kWalRecordHeaderBytes));
    return finish_record(piece.first(std::min<std::size_t>(length_, kHeadBytes)));
  }
  if (taken_ < head_.size()) {
    const auto n = std::min(piece.size(), head_.size() - taken_);
    std::ranges::copy(piece.first(n), head_.begin() + static_cast<std::ptrdiff_t>(taken_));
  }
  const auto before = taken_;
  taken_ += piece.size();
  if (taken_ < kWalRecordHeaderBytes) return;
  if (before < kWalRecordHeaderBytes) {
    piece = piece.subspan(kWalRecordHeaderBytes - before);
    wanted_ = kind_of(head_).has_value();
  }
  if (!wanted_) return;
  crc_ = io::crc32c(piece, crc_);
  if (taken_ == length_) finish_record(io::ByteView(head_).first(std::min<std::size_t>(length_, kHeadBytes)));
}

/// `head`: of the record, as much as is wanted of it; crc_ is that of what follows the header.
void WalRecordWalker::finish_record(io::ByteView head) {
  if (io::crc32c(head.first(kWalRecordCrcAt), crc_) !=
      io::load_le<std::uint32_t>(head.data() + kWalRecordCrcAt)) {
    return give_up(record_, "the CRC of the record does not fit");
  }
  const auto kind = kind_of(head).value();
  const bool named = kind == WalMoment::Kind::restore_point;
  const auto data = main_data(head, length_);
  if (!data || data->size() < kTimeBytes + (named ? kNameBytes : 0)) {
    return give_up(record_, "the record has not the form of one with a time");
  }
  const auto time = static_cast<std::int64_t>(io::load_le<std::uint64_t>(data->data()));
  if (time < kEarliest || time > kLatest) return give_up(record_, "the record's time cannot be");
  WalMoment moment{.kind = kind, .begin = record_, .time = io::from_postgres_time(time)};
  if (named) {
    const auto name = io::as_text(data->subspan(kTimeBytes, kNameBytes));
    moment.name = name.substr(0, name.find('\0'));
  }
  found_(moment);
}

}  // namespace pgkeep::postgres
