#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "catalog/postgres/wal_segment.h"
#include "catalog/store/layout.h"
#include "catalog/store/pack_name.h"
#include "catalog/verify/checked_times.h"
#include "catalog/verify/stored_damage.h"

namespace pgkeep::catalog {

/// A segment of a server's current line of WAL, or of one that was set aside.
struct SegmentOfLine {
  std::optional<unsigned> line;  // nothing: the current one
  postgres::WalSegment segment;
  postgres::WalSegmentSize size;
};

/// What verifications of a server have shown: when each stored thing was read back last, and what of them is
/// damaged. A plain value.
///
///     verified.json: {"format":1,
///                     "packs":[[first number,last number,RFC 3339],…],
///                     "wal":[{"line":number or null,"timeline":number,
///                             "segments":[[first number,last number,RFC 3339],…]},…],
///                     "backups":[[id,RFC 3339],…],
///                     "damaged":[{"kind":…,"name":…,"line":number or null,"what":…,"since":RFC 3339,
///                                 "whole":bool,"objects":[[pack,object],…],"attributed":bool,
///                                 "backups":[id,…],"files":[path,…],"file_count":number},…]}
///
/// Sealed (io/sealed_json.h), replaced by rename. The times are of the runs: all that one run reads back has
/// that of its beginning. Without the file, what was found is not known until it is found again;
/// suspects.json has the objects that were.
class VerificationMemory {
 public:
  void note_sound(const store::PackName& pack, io::TimePoint at);
  void note_sound(const SegmentOfLine& segment, io::TimePoint at);
  void note_sound(const store::BackupId& backup, io::TimePoint at);
  std::optional<io::TimePoint> checked(const store::PackName& pack) const;
  std::optional<io::TimePoint> checked(const SegmentOfLine& segment) const;
  std::optional<io::TimePoint> checked(const store::BackupId& backup) const;
  /// Forgets the times of all others.
  void keep_backups(const std::vector<store::BackupId>& there);

  const std::vector<StoredDamage>& damage() const noexcept { return damage_; }
  bool is_damaged(StoredKind kind, const std::string& name, std::optional<unsigned> line) const;
  /// What was known of the same thing is replaced, but for the time when it was found.
  void note_damage(StoredDamage damage);
  /// It is sound again, or gone. False when it was not damaged.
  bool forget_damage(StoredKind kind, const std::string& name, std::optional<unsigned> line);

  bool operator==(const VerificationMemory&) const = default;

 private:
  friend VerificationMemory read_verification_memory(const store::ServerLayout& layout);
  friend void write_verification_memory(const store::ServerLayout& layout, const VerificationMemory& memory);
  using WalOf = std::pair<std::optional<unsigned>, postgres::TimelineId>;

  CheckedTimes packs_;  // by number: a later generation is written, and with that read, later
  std::map<WalOf, CheckedTimes> wal_;
  std::map<store::BackupId, io::TimePoint> backups_;
  std::vector<StoredDamage> damage_;  // by key
};

/// An empty one where there is none. Throws Corruption, with the way out, and StorageError.
VerificationMemory read_verification_memory(const store::ServerLayout& layout);
/// Durable when it returns. The caller holds the server's verify_lock().
void write_verification_memory(const store::ServerLayout& layout, const VerificationMemory& memory);

}  // namespace pgkeep::catalog
