#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/units.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/wal/pushed_copy.h"
#include "catalog/wal/staged_file.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// A file that was pushed with other bytes than are stored under its name.
struct WalConflict {
  std::string name;    // as it was pushed
  std::string sha256;  // of the pushed bytes, lower-case hexadecimal
  io::TimePoint since;
  /// Somebody decided for what is stored: there is no copy any more, and the same bytes are accepted without
  /// being stored. Then nothing below is known.
  bool settled = false;
  std::uint64_t bytes = 0;         // of the pushed file
  std::uint64_t stored_bytes = 0;  // of the copy that is kept aside
  /// The offset of the first byte that differs from what is stored now; nothing when they are the same, or
  /// when nothing is stored under the name.
  std::optional<std::uint64_t> differs_at;
  bool has_stored = false;  // something is stored under the name
  // Of WAL, when it is long enough: what the first pages say.
  std::optional<postgres::WalOrigin> pushed_origin;
  std::optional<postgres::WalOrigin> stored_origin;

  /// "NAME.<16 digits>": how one of several for a name is chosen.
  std::string id() const;
};

/// What was pushed and contradicts what is stored, kept aside under wal/conflicts until somebody decides,
/// each a PushedCopy:
///
///     NAME.DIGITS.zst      the pushed bytes, one zstd frame
///     NAME.DIGITS.settled  its whole SHA-256 and a newline; no copy any more
///
/// At most kMostKept copies of together kMostBytes are kept, so that what is pushed cannot fill the disk.
/// One thread; several processes may keep aside and decide at once.
class WalConflicts {
 public:
  static constexpr std::size_t kMostKept = 64;
  static constexpr std::uint64_t kMostBytes = std::uint64_t{2} << 30;

  explicit WalConflicts(const WalArchive& archive) : archive_(&archive) {}

  /// Whether keep_aside() has room for a copy of so many bytes that lies elsewhere, before it is unpacked.
  /// What is kept or settled already needs none.
  bool has_room_for(const PushedCopy& copy, std::uint64_t bytes) const;
  /// False when there is no room for it under the limits. The same bytes are kept once.
  bool keep_aside(std::string_view name, const StagedFile& pushed) const;
  bool is_settled(std::string_view name, std::string_view sha256) const;

  /// By name and time; those of `name` alone (a file's name or an id()) when it is not empty. Throws
  /// Corruption when a copy is damaged.
  std::vector<WalConflict> list(std::string_view name = {}) const;
  /// Only what is not settled, and only counted.
  std::size_t count_open() const;

  /// The stored file is right: the copy goes, and the same bytes are accepted from now on.
  void keep_stored(const WalConflict& conflict) const;
  /// The pushed file is right: it takes the place of the stored one, which is kept aside in its stead. The
  /// new segment's header when it is a segment. Throws Refused when the WAL being received contradicts it,
  /// when it is the history of a timeline of which WAL is here, and when its name is that of no file of this
  /// server; nothing was changed then.
  std::optional<SegmentFileHeader> keep_pushed(const WalConflict& conflict, int compression_level) const;

  /// Puts another history in the place of the stored one, which is kept aside if there is room; durable
  /// before it returns. For one that turned out to be that of another branch before any WAL stood on it.
  void replace_history(postgres::TimelineId timeline, const std::string& content) const;

 private:
  std::vector<PushedCopy> copies() const;
  bool has_room(std::uint64_t bytes) const;
  /// Nothing when it is gone.
  std::optional<WalConflict> describe(const PushedCopy& copy) const;
  StagedFile unpack(const WalConflict& conflict) const;
  void put_aside(std::string_view name, const StagedFile& file) const;
  void require_replaceable(const WalConflict& conflict, const StagedFile& pushed) const;
  void put_former_aside(const std::string& name, const StagedFile& pushed) const;
  std::optional<SegmentFileHeader> put_in_place(const std::string& name, const StagedFile& pushed,
                                                int compression_level) const;

  const WalArchive* archive_;  // borrowed
};

}  // namespace pgkeep::catalog
