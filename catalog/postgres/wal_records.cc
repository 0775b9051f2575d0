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
constexpr std::uint8_t kShutdownCheckpoint = 0x00;
constexpr std::uint8_t kOnlineCheckpoint = 0x10;
constexpr std::uint8_t kSwitch = 0x40;
constexpr std::uint8_t kParameterChange = 0x60;
constexpr std::uint8_t kRestorePoint = 0x70;
constexpr std::uint8_t kEndOfRecovery = 0x90;
constexpr std::uint8_t kTransactions = 1;
constexpr std::uint8_t kTransactionMask = 0x70;
constexpr std::uint8_t kCommit = 0x00;
constexpr std::uint8_t kAbort = 0x20;
constexpr std::uint8_t kCommitPrepared = 0x30;
constexpr std::uint8_t kAbortPrepared = 0x40;
constexpr std::uint8_t kTablespaces = 5;
constexpr std::uint8_t kTablespaceMask = 0xF0;
constexpr std::uint8_t kCreate = 0x00;
constexpr std::uint8_t kDrop = 0x10;

// What follows a record's header (xlogrecord.h): each item begins with its id.
constexpr std::uint8_t kShortData = 255;    // u8 length
constexpr std::uint8_t kLongData = 254;     // u32 length
constexpr std::uint8_t kOrigin = 253;       // u16
constexpr std::uint8_t kTopLevelXid = 252;  // u32

constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kNameBytes = 64;
/// xlog_internal.h, xl_parameter_change: six numbers of 32 bits (and two flags that say nothing here).
constexpr std::size_t kParameterBytes = 24;
constexpr std::size_t kOidBytes = 4;
/// pg_control.h, CheckPoint: u64 redo, u32 timeline, and much that is the server's own affair.
constexpr std::size_t kCheckpointTimelineAt = 8;

// PostgreSQL's clock, in microseconds around the year 2000: the years 1900 to 9999.
constexpr std::int64_t kEarliest = -3'155'760'000'000'000;
constexpr std::int64_t kLatest = 252'455'616'000'000'000;

std::size_t aligned(std::size_t offset) {
  return (offset + kWalRecordAlignment - 1) & ~std::size_t{kWalRecordAlignment - 1};
}

/// Of a record of kTransactions.
std::optional<WalMoment::Kind> kind_of(std::uint8_t info) {
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

std::uint8_t byte_at(io::ByteView bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

bool is_switch(io::ByteView header) {
  return byte_at(header, kWalRecordManagerAt) == kGeneral &&
         (byte_at(header, kWalRecordInfoAt) & kGeneralMask) == kSwitch;
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

WalRecordWalker::WalRecordWalker(Lsn begin, WalSegmentSize size, Handlers handlers)
    : size_(size), handlers_(std::move(handlers)), next_page_(begin), end_(begin) {}

WalRecordWalker::WalRecordWalker(const WalCarry& from, WalSegmentSize size, Handlers handlers)
    : WalRecordWalker(from.at, size, std::move(handlers)) {
  synced_ = true;
  last_record_ = from.last_record;
  record_ = from.record;
  length_ = from.length;
  left_ = from.length - from.taken;
  taken_ = from.taken;
  crc_ = from.crc;
  std::ranges::copy(from.head, head_.begin());
  // Where the head is all that was taken, it is what is checked, since it is what is understood later.
  if (from.taken > kWalRecordHeaderBytes && from.taken == from.head.size())
    crc_ = io::crc32c(io::ByteView(from.head).subspan(kWalRecordHeaderBytes));
}

std::optional<WalCarry> WalRecordWalker::carry() const {
  if (!synced_ || defect_ || ended_early()) return std::nullopt;
  WalCarry carry{.at = next_page_, .last_record = last_record_};
  if (left_ > 0) {
    if (length_ == 0) return std::nullopt;
    carry.record = record_;
    carry.length = length_;
    carry.taken = static_cast<std::uint32_t>(taken_);
    carry.crc = crc_;
    carry.head.assign(head_.begin(),
                      head_.begin() + static_cast<std::ptrdiff_t>(std::min(taken_, head_.size())));
  } else if (last_record_ == Lsn()) {
    return std::nullopt;
  }
  return carry;
}

std::optional<Lsn> WalRecordWalker::unfinished() const {
  if (length_ == 0 || (left_ == 0 && !cut_)) return std::nullopt;
  return record_;
}

void WalRecordWalker::feed(io::ByteView bytes) {
  if (defect_ || cut_) return;
  pages_.feed(bytes, [this](io::ByteView page) {
    walk_page(page);
    return !defect_ && !cut_;
  });
}

void WalRecordWalker::stop(Lsn at, std::string_view why) {
  defect_ = fmt::format("WAL at {}: {}", at.to_string(), why);
}

void WalRecordWalker::stop_unless_cut(Lsn at, Lsn until, std::string_view why) {
  if (until <= limit_) return stop(at, why);
  ended_ = cut_ = true;
}

/// False when no record is to be looked for in the page.
bool WalRecordWalker::enter_page(io::ByteView page, Lsn at) {
  if (io::load_le<std::uint16_t>(page.data()) == 0) {
    if (!io::all_zero(page)) stop(at, "the page has no header");
    ended_ = true;
    return false;
  }
  const bool first = at.value() % size_.bytes() == 0;
  if (ended_ && (!first || ended_early())) {
    stop(at, "it continues after zeroes");
    return false;
  }
  ended_ = false;
  if (io::load_le<std::uint64_t>(page.data() + kAddressAt) != at.value()) {
    stop_unless_cut(at, at + kWalPageHeaderBytes, "the page says that it is another one");
    return false;
  }
  const auto flags = io::load_le<std::uint16_t>(page.data() + kFlagsAt);
  const auto continued = (flags & kContinuesRecord) != 0
                             ? io::load_le<std::uint32_t>(page.data() + kContinuedBytesAt)
                             : std::uint32_t{0};
  return continue_record(flags, continued, at);
}

bool WalRecordWalker::continue_record(std::uint16_t flags, std::uint32_t continued, Lsn at) {
  if (!synced_) {
    synced_ = true;
    length_ = 0;
    left_ = continued;
  } else if ((flags & kReplacesRecord) != 0 && continued == 0) {
    left_ = 0;  // the next record names the one before the one that was lost, as last_record_ does
  } else if (left_ != continued) {
    stop_unless_cut(at, at + kWalPageHeaderBytes,
                    fmt::format("the page has {} bytes of a record of which {} are left", continued, left_));
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
    left_ -= static_cast<std::uint32_t>(piece);
    if (length_ > 0) take(page.subspan(offset, piece), at + offset);
    if (defect_ || cut_) return;
    offset = aligned(offset + piece);
  }
}

/// `rest` begins at a multiple of 8, so the length is in it. False when there is no record.
bool WalRecordWalker::begin_record(io::ByteView rest, Lsn at) {
  const auto length = io::load_le<std::uint32_t>(rest.data());
  if (length == 0) {
    if (!io::all_zero(rest)) stop(at, "a record without a length");
    ended_ = true;
    return false;
  }
  if (length < kWalRecordHeaderBytes) {
    stop(at, fmt::format("a record of {} bytes", length));
    return false;
  }
  if (last_ == Last::wal_switch && at.value() % size_.bytes() != kWalLongPageHeaderBytes) {
    stop(at, "a record after a WAL switch");
    return false;
  }
  record_ = at;
  left_ = length_ = length;
  taken_ = 0;
  crc_ = 0;
  return true;
}

/// The next bytes of the record in hand, which lie at `at`.
void WalRecordWalker::take(io::ByteView piece, Lsn at) {
  const auto end = at + piece.size();
  if (piece.size() == length_) {  // most are not cut
    crc_ = io::crc32c(piece.subspan(kWalRecordHeaderBytes));
    return finish_record(piece.first(std::min<std::size_t>(length_, kHeadBytes)), end);
  }
  if (taken_ < head_.size()) {
    const auto n = std::min(piece.size(), head_.size() - taken_);
    std::ranges::copy(piece.first(n), head_.begin() + static_cast<std::ptrdiff_t>(taken_));
  }
  const auto of_header = kWalRecordHeaderBytes - std::min<std::size_t>(taken_, kWalRecordHeaderBytes);
  taken_ += piece.size();
  crc_ = io::crc32c(piece.subspan(std::min(of_header, piece.size())), crc_);
  if (taken_ == length_)
    finish_record(io::ByteView(head_).first(std::min<std::size_t>(length_, kHeadBytes)), end);
}

/// `head`: of the record, as much as is wanted of it; crc_ is that of what follows the header.
void WalRecordWalker::finish_record(io::ByteView head, Lsn end) {
  if (io::crc32c(head.first(kWalRecordCrcAt), crc_) !=
      io::load_le<std::uint32_t>(head.data() + kWalRecordCrcAt)) {
    return stop_unless_cut(record_, end, "the CRC of the record does not fit");
  }
  if (!follows_the_one_before(head)) return;
  last_record_ = record_;
  end_ = Lsn(aligned(end.value()));
  last_ = is_switch(head) ? Last::wal_switch : Last::record;
  if (handlers_.record) handlers_.record(record_);
  hand_out(head);
}

bool WalRecordWalker::follows_the_one_before(io::ByteView header) {
  const Lsn named(io::load_le<std::uint64_t>(header.data() + kWalRecordPreviousAt));
  if (last_record_ == Lsn() || named == last_record_) return true;
  stop(record_, fmt::format("the record says that the one before it begins at {}, and that begins at {}",
                            named.to_string(), last_record_.to_string()));
  return false;
}

void WalRecordWalker::hand_out(io::ByteView head) {
  const auto info = byte_at(head, kWalRecordInfoAt);
  switch (byte_at(head, kWalRecordManagerAt)) {
    case kGeneral:
      return hand_out_general(info & kGeneralMask, head);
    case kTransactions:
      if (const auto kind = kind_of(info)) hand_out_moment(*kind, head);
      return;
    case kTablespaces:
      return hand_out_tablespace(info & kTablespaceMask, head);
    default:
      return;
  }
}

/// The main data, of `least` bytes or more.
std::optional<io::ByteView> WalRecordWalker::data_of(io::ByteView head, std::size_t least) {
  const auto data = main_data(head, length_);
  if (data && data->size() >= least) return data;
  understood_ = false;
  return std::nullopt;
}

void WalRecordWalker::hand_out_general(std::uint8_t info, io::ByteView head) {
  if (info == kRestorePoint) return hand_out_moment(WalMoment::Kind::restore_point, head);
  if (info == kEndOfRecovery) return hand_out_moment(WalMoment::Kind::end_of_recovery, head);
  if (info == kShutdownCheckpoint || info == kOnlineCheckpoint) return hand_out_checkpoint(head);
  if (info != kParameterChange) return;
  const auto data = data_of(head, kParameterBytes);
  if (!data || !handlers_.parameters) return;
  const auto number = [&](std::size_t index) {
    return static_cast<std::int32_t>(io::load_le<std::uint32_t>(data->data() + 4 * index));
  };
  handlers_.parameters({.begin = record_,
                        .max_connections = number(0),
                        .max_worker_processes = number(1),
                        .max_wal_senders = number(2),
                        .max_prepared_transactions = number(3),
                        .max_locks_per_transaction = number(4),
                        .wal_level = static_cast<WalLevel>(number(5))});
}

void WalRecordWalker::hand_out_checkpoint(io::ByteView head) {
  const auto data = data_of(head, kCheckpointBytes);
  if (!data || !handlers_.checkpoint) return;
  handlers_.checkpoint(
      {.begin = record_,
       .redo = Lsn(io::load_le<std::uint64_t>(data->data())),
       .timeline = TimelineId(io::load_le<std::uint32_t>(data->data() + kCheckpointTimelineAt)),
       .content = {data->begin(), data->end()}});
}

void WalRecordWalker::hand_out_moment(WalMoment::Kind kind, io::ByteView head) {
  const bool named = kind == WalMoment::Kind::restore_point;
  const auto data = data_of(head, kTimeBytes + (named ? kNameBytes : 0));
  if (!data) return;
  const auto time = static_cast<std::int64_t>(io::load_le<std::uint64_t>(data->data()));
  if (time < kEarliest || time > kLatest) {
    understood_ = false;
    return;
  }
  WalMoment moment{.kind = kind, .begin = record_, .time = io::from_postgres_time(time)};
  if (named) {
    const auto name = io::as_text(data->subspan(kTimeBytes, kNameBytes));
    moment.name = name.substr(0, name.find('\0'));
  }
  const auto info = byte_at(head, kWalRecordInfoAt) & kTransactionMask;
  if (byte_at(head, kWalRecordManagerAt) == kTransactions && (info == kCommit || info == kAbort))
    moment.xid = io::load_le<std::uint32_t>(head.data() + kWalRecordXidAt);
  if (handlers_.moment) handlers_.moment(moment);
}

void WalRecordWalker::hand_out_tablespace(std::uint8_t info, io::ByteView head) {
  if (info != kCreate && info != kDrop) return;
  const auto data = data_of(head, kOidBytes);
  if (!data || !handlers_.tablespace) return;
  TablespaceChange change{.begin = record_, .oid = io::load_le<std::uint32_t>(data->data()), .path = {}};
  if (info == kCreate) {
    const auto path = io::as_text(data->subspan(kOidBytes));
    change.path = path.substr(0, path.find('\0'));
  }
  handlers_.tablespace(change);
}

}  // namespace pgkeep::postgres
