#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/io/bytes.h"
#include "catalog/io/units.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/postgres/wal_segment.h"

namespace pgkeep::postgres {

/// A record that says what the time was on the server that wrote it.
struct WalMoment {
  enum class Kind { commit, abort, restore_point };  // of prepared transactions too
  Kind kind = Kind::commit;
  Lsn begin;  // of the record
  io::TimePoint time;
  std::string_view name{};  // of a restore point; lives as long as the call that hands it out
};

/// Walks over the records of WAL of PostgreSQL 13 to 18 and hands out the moments, in the order of the WAL.
/// Begins anywhere: what goes on from before the first page is passed over, and so is a record whose end has
/// not been fed.
///
/// Records are skipped by their length, and each page's header must agree with what is left of the record
/// that goes on there (but for the first of a segment: from there on it begins anew if need be). Only the CRC
/// of records that are handed out is checked: a time that is not one would choose the wrong WAL, the others
/// say nothing here. What makes no sense is no error: the walk ends, and defect() says where and why. No
/// input makes it grow, loop or throw (but what `found` throws).
class WalRecordWalker {
 public:
  using Found = std::function<void(const WalMoment&)>;
  /// `begin` is the first byte of a page.
  WalRecordWalker(Lsn begin, WalSegmentSize size, Found found);
  /// All bytes from `begin` on, in order, in pieces of any length.
  void feed(io::ByteView bytes);
  /// Why nothing more is handed out. Pages of zeroes behind the last record are none.
  const std::optional<std::string>& defect() const noexcept { return defect_; }

 private:
  // A head: header, origin (3 bytes), transaction (5), length of the data (5), time and name.
  static constexpr std::size_t kHeadBytes = 24 + 3 + 5 + 5 + 8 + 64;

  void walk_page(io::ByteView page);
  bool enter_page(io::ByteView page, Lsn at);
  bool begin_record(io::ByteView rest, Lsn at);
  void take(io::ByteView piece);
  void finish_record(io::ByteView head);
  void give_up(Lsn at, std::string_view why);

  WalSegmentSize size_;
  Found found_;
  Lsn next_page_;
  std::optional<std::string> defect_;
  bool synced_ = false;  // it is known where a record begins
  bool ended_ = false;   // zeroes where a record would begin
  // The record in hand.
  Lsn record_;
  std::uint32_t left_ = 0;  // bytes of it not seen yet; 0: none in hand
  std::uint32_t length_ = 0;
  bool wanted_ = false;  // may be a moment
  std::uint32_t crc_ = 0;
  std::size_t taken_ = 0;
  std::array<std::byte, kHeadBytes> head_{};
  // A page that came in pieces.
  std::size_t page_filled_ = 0;
  std::array<std::byte, kWalBlockBytes> page_{};
};

}  // namespace pgkeep::postgres
