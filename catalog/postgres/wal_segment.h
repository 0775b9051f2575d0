#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/postgres/lsn.h"
#include "catalog/postgres/timeline.h"

namespace pgkeep::postgres {

/// wal_segment_size in bytes: a power of two from 1 MiB to 1 GiB, fixed by initdb.
class WalSegmentSize {
 public:
  constexpr WalSegmentSize() = default;  // 16 MiB
  /// Throws Error when it is not a size that PostgreSQL can have.
  explicit WalSegmentSize(std::uint64_t bytes);
  constexpr std::uint32_t bytes() const noexcept { return bytes_; }
  /// Segments in 4 GiB: one "log id" of the file name.
  constexpr std::uint64_t per_log() const noexcept { return (std::uint64_t{1} << 32) / bytes_; }
  constexpr auto operator<=>(const WalSegmentSize&) const = default;

 private:
  std::uint32_t bytes_ = 16u << 20;
};

/// One WAL segment of one timeline; its name is 24 hexadecimal digits: timeline, log, segment in the log
/// (PostgreSQL source, xlog_internal.h).
struct WalSegment {
  TimelineId timeline;
  std::uint64_t number = 0;  // LSN / segment size

  static WalSegment holding(const WalPosition& position, WalSegmentSize size);  // the byte at the position
  /// The segment with the byte before the position: for positions that are ends.
  static WalSegment ending(const WalPosition& position, WalSegmentSize size);
  /// Nothing unless it is 24 upper-case digits and possible for that size. The very last one is not: its end
  /// is no LSN.
  static std::optional<WalSegment> parse(std::string_view name, WalSegmentSize size);

  std::string name(WalSegmentSize size) const;
  Lsn begin(WalSegmentSize size) const;
  Lsn end(WalSegmentSize size) const;  // first byte after it
  WalSegment next() const { return {timeline, number + 1}; }
  constexpr auto operator<=>(const WalSegment&) const = default;
};

/// What a file name in pg_wal or an archive says it is.
enum class WalFileKind { segment, partial, history, backup_history };
/// Nothing for any other name. Needs no segment size: checks the pattern alone.
std::optional<WalFileKind> wal_file_kind(std::string_view name);
/// The timeline of "0000000A.history"; nothing for any other name.
std::optional<TimelineId> parse_history_name(std::string_view name);

}  // namespace pgkeep::postgres
