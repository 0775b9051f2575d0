#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "catalog/io/units.h"
#include "catalog/store/backup_id.h"
#include "catalog/store/object.h"

namespace pgkeep::catalog {

/// What a verification reads back each by itself: a pack, a WAL segment, the record and the lists of a
/// backup.
enum class StoredKind : std::uint8_t { pack, wal, backup };
std::string_view to_string(StoredKind kind);
std::optional<StoredKind> parse_stored_kind(std::string_view text);

/// Something stored that is not what was stored, or is missing.
struct StoredDamage {
  /// What cannot be told of all files is told of so many.
  static constexpr std::size_t kNamedFiles = 20;

  StoredKind kind = StoredKind::pack;
  std::string name;              // the pack's number, the WAL segment, the backup's id
  std::optional<unsigned> line;  // of WAL that was set aside: its line
  std::string what;              // what, where, why: one line for people
  io::TimePoint since;           // when it was found first
  bool whole = false;            // of a pack: nothing of it can be read back
  /// Of a pack that is not damaged as a whole: the objects that cannot be read back and that a backup needs.
  std::vector<store::ObjectRef> objects{};
  bool attributed = false;                 // whom it concerns was looked for, and follows
  std::vector<store::BackupId> backups{};  // that need it, oldest first
  std::vector<std::string> files{};        // of the newest of these, by path: at most kNamedFiles
  std::uint64_t file_count = 0;            // of all such files

  auto key() const { return std::tie(kind, name, line); }
  bool operator==(const StoredDamage&) const = default;
};

/// "pack 00000017", "wal 000000010000000000000005 of line 1".
std::string describe_place(const StoredDamage& damage);
/// "base/5/16384, base/5/2619 and 38 more files"; empty when none is known.
std::string describe_files(const StoredDamage& damage);

}  // namespace pgkeep::catalog
