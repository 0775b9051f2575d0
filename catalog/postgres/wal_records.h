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
#include "catalog/postgres/wal_record.h"
#include "catalog/postgres/wal_segment.h"

namespace pgkeep::postgres {

/// A record that says what the time was on the server that wrote it, in microseconds.
struct WalMoment {
  enum class Kind { commit, abort, restore_point, end_of_recovery };  // of prepared transactions too
  Kind kind = Kind::commit;
  Lsn begin;  // of the record
  io::TimePoint time;
  std::string_view name{};  // of a restore point; lives as long as the call that hands it out
  /// Of a transaction that ends; nothing for one that was prepared, whose record has it elsewhere.
  std::optional<std::uint32_t> xid{};
};

/// What wal_level says in a record (xlog.h, WalLevel).
enum class WalLevel : std::int32_t { minimal = 0, replica = 1, logical = 2 };

/// The settings of the server that a recovery depends on, from the record that it writes when one of them has
/// changed (XLOG_PARAMETER_CHANGE). They hold from that record on.
struct WalParameters {
  Lsn begin;  // of the record
  std::int32_t max_connections = 0;
  std::int32_t max_worker_processes = 0;
  std::int32_t max_wal_senders = 0;
  std::int32_t max_prepared_transactions = 0;
  std::int32_t max_locks_per_transaction = 0;
  WalLevel wal_level = WalLevel::replica;
  bool operator==(const WalParameters&) const = default;
};

/// A tablespace that was created or dropped (XLOG_TBLSPC_CREATE, XLOG_TBLSPC_DROP). Replay does the same: it
/// creates the directory at `path`, on whatever host it runs.
struct TablespaceChange {
  Lsn begin;  // of the record
  std::uint32_t oid = 0;
  std::optional<std::string> path;  // bytes as the server wrote them; nothing: it was dropped
  bool operator==(const TablespaceChange&) const = default;
};

/// A checkpoint (XLOG_CHECKPOINT_SHUTDOWN, XLOG_CHECKPOINT_ONLINE).
struct WalCheckpoint {
  Lsn begin;  // of the record
  Lsn redo;   // where replay from it begins
  TimelineId timeline;
  io::ByteVector content;  // all of it (pg_control.h, CheckPoint), as pg_control has it of the last one
};

/// Where the records stand at the end of a stretch of WAL: what the bytes that follow have to continue. From
/// one segment to the next it proves that the second was written after the first by the same server.
struct WalCarry {
  Lsn at;           // the first byte that follows
  Lsn last_record;  // where the last whole record begins, which the next one names; 0/0: not known
  // Of the record that has begun and continues at `at`; length 0: there is none.
  Lsn record{};  // where it begins
  std::uint32_t length = 0;
  std::uint32_t taken = 0;  // bytes of it before `at`
  std::uint32_t crc = 0;    // CRC-32C of those of them that follow its header
  io::ByteVector head{};    // its first bytes: all that were taken, kMostBytes at most
  static constexpr std::size_t kMostBytes = kWalRecordHeaderBytes + 3 + 5 + 5 + 4 + 1024;
  bool operator==(const WalCarry&) const = default;
};

/// Walks over the records of WAL of PostgreSQL 13 to 19, checks each, and hands out those that pgkeep takes
/// note of, in the order of the WAL.
///
/// Checked are the length, the CRC, and that each record names the one before it; and that each page's header
/// agrees with what is left of the record that continues there. With a WalCarry the first records have to
/// continue it. Without one, what continues from before the first page is passed over, and the first record
/// is believed about the one before it. What is wrong is no error: the walk ends, and defect() says where and
/// why. A record that is sound but has a form that is not known is passed over. No input makes it grow, loop
/// or throw (but what the handlers throw).
class WalRecordWalker {
 public:
  /// Each may be empty.
  struct Handlers {
    std::function<void(Lsn)> record{};  // where it begins, of every one
    std::function<void(const WalMoment&)> moment{};
    std::function<void(const WalParameters&)> parameters{};
    std::function<void(const TablespaceChange&)> tablespace{};
    std::function<void(const WalCheckpoint&)> checkpoint{};
  };
  /// `begin` is the first byte of a page.
  WalRecordWalker(Lsn begin, WalSegmentSize size, Handlers handlers);
  /// Goes on where another walk came to its end; `from.at` is the first byte of a page.
  WalRecordWalker(const WalCarry& from, WalSegmentSize size, Handlers handlers);
  /// The bytes from there on are not known, and are fed as zeroes: a record or a page's header that reaches
  /// beyond it and does not fit is unfinished, and no defect.
  void set_limit(Lsn limit) noexcept { limit_ = limit; }
  /// All bytes from `begin` on, in order, in pieces of any length.
  void feed(io::ByteView bytes);

  /// Why nothing more is handed out. Pages of zeroes after the last record are none.
  const std::optional<std::string>& defect() const noexcept { return defect_; }
  /// False once a record was passed over that should have been handed out.
  bool understood() const noexcept { return understood_; }
  /// The first byte after the last whole record.
  Lsn end() const noexcept { return end_; }
  /// True when zeroes follow a record that is not whole, or is no WAL switch: the WAL goes no further.
  bool ended_early() const noexcept { return ended_ && (cut_ || left_ > 0 || last_ == Last::record); }
  /// What the next page has to continue, once whole pages were fed. Nothing when that is not known: after a
  /// defect, after the end of the WAL, and when no record has begun yet and no carry was given.
  std::optional<WalCarry> carry() const;
  /// The record that has begun and is not whole yet: where it begins.
  std::optional<Lsn> unfinished() const;

 private:
  // A head: header, origin (3 bytes), transaction (5), length of the data (5), an oid and a path.
  static constexpr std::size_t kHeadBytes = WalCarry::kMostBytes;
  enum class Last { unknown, record, wal_switch };

  void walk_page(io::ByteView page);
  bool enter_page(io::ByteView page, Lsn at);
  bool continue_record(std::uint16_t flags, std::uint32_t continued, Lsn at);
  bool begin_record(io::ByteView rest, Lsn at);
  void take(io::ByteView piece, Lsn at);
  void finish_record(io::ByteView head, Lsn end);
  bool follows_the_one_before(io::ByteView header);
  void hand_out(io::ByteView head);
  void hand_out_general(std::uint8_t info, io::ByteView head);
  void hand_out_checkpoint(io::ByteView head);
  void hand_out_moment(WalMoment::Kind kind, io::ByteView head);
  void hand_out_tablespace(std::uint8_t info, io::ByteView head);
  std::optional<io::ByteView> data_of(io::ByteView head, std::size_t least);
  void stop(Lsn at, std::string_view why);
  void stop_unless_cut(Lsn at, Lsn until, std::string_view why);

  WalSegmentSize size_;
  Handlers handlers_;
  Lsn next_page_;
  Lsn limit_{~std::uint64_t{0}};
  std::optional<std::string> defect_;
  bool synced_ = false;  // it is known where a record begins
  bool ended_ = false;   // zeroes where a record would begin, or cut_
  bool cut_ = false;     // what is in hand reaches beyond limit_
  bool understood_ = true;
  Last last_ = Last::unknown;  // what the last whole record is
  Lsn last_record_;            // and where it begins; 0/0: not known
  Lsn end_;
  // The record in hand.
  Lsn record_;
  std::uint32_t left_ = 0;    // bytes of it not seen yet; 0: none in hand
  std::uint32_t length_ = 0;  // 0 while one is passed over of which the beginning is not known
  std::uint32_t crc_ = 0;     // of what follows its header
  std::size_t taken_ = 0;
  std::array<std::byte, kHeadBytes> head_{};
  WalPages pages_;
};

}  // namespace pgkeep::postgres
