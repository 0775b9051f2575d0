#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/store/backup_record.h"
#include "catalog/store/deletions.h"

namespace pgkeep::store {

// The commit records of a server form a chain: each has the number of its backup, counted from 1, and the
// SHA-256 of the record before it. So a backup that is missing is noticed, and not only one
// that is broken. Of the newest, which no other names, chain.json tells.

/// chain.json: the record that was committed last.
///
///     {"sequence":number,"id":…,"record_sha256":hexadecimal}
///
/// Sealed (io/sealed_json.h), replaced by rename. Written after the record: one that was killed in between
/// has left the head before, or none, and nothing is missed by that.
struct ChainHead {
  std::uint64_t sequence = 0;
  BackupId id;
  std::string record_sha256;
  bool operator==(const ChainHead&) const = default;
};
/// Nothing where there is none. Throws Corruption, with the way out, and StorageError.
std::optional<ChainHead> read_chain_head(const ServerLayout& layout);
/// Nothing too where it is damaged, or may not be read: no backup is refused for that. To be read before the records, so that the
/// backup it tells of is among them.
std::optional<ChainHead> sound_chain_head(const ServerLayout& layout);
/// Durable when it returns. The caller holds the writer lock.
void write_chain_head(const ServerLayout& layout, const ChainHead& head);

/// Backups of which there is neither a record nor a deletion, one number after the other.
struct MissingBackups {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::optional<BackupId> before;  // the known ones next to them, there or deleted
  std::optional<BackupId> after;
  std::optional<BackupId> last_id{};  // where chain.json tells it
  bool operator==(const MissingBackups&) const = default;
};

/// A record that is not the one after which the next backup was taken.
struct ReplacedRecord {
  BackupId id;
  std::optional<BackupId> next;  // whose record tells; nothing: chain.json does
  bool operator==(const ReplacedRecord&) const = default;
};

struct ChainReport {
  std::vector<MissingBackups> missing;  // by number
  /// As many of the missing may be backups whose record cannot be read, so that nobody knows their number,
  /// or could not when they were deleted. Where that explains them all, `missing` is empty.
  std::uint64_t unnumbered = 0;
  std::vector<ReplacedRecord> replaced;  // by number
  bool is_sound() const { return missing.empty() && replaced.empty(); }
};

/// What is wrong with the chain of a server. `listing`: of all its lines. Pure. Without a head, the newest
/// backups leave no trace, when they are missing, but in `deletions`.
ChainReport examine_chain(const BackupListing& listing, std::span<const Deletion> deletions,
                          const std::optional<ChainHead>& head);

/// The same of what is stored; a head that is damaged is none. Throws StorageError.
ChainReport examine_chain(const ServerLayout& layout);

/// "backup 7", "backups 7 to 9", with the known ones next to them.
std::string describe(const MissingBackups& missing);
std::string describe(const ReplacedRecord& replaced);

/// What the record of the next backup has to have. Pure. Throws Refused when there are no more numbers. Where
/// nothing tells of the newest record, its number is given again; it was given to two then, once that record
/// is brought back.
struct ChainLink {
  std::uint64_t sequence = 1;
  std::optional<std::string> previous_record_sha256{};
};
ChainLink next_link(const BackupListing& listing, std::span<const Deletion> deletions,
                    const std::optional<ChainHead>& head);

/// Throws std::invalid_argument when no backup can have that number: what somebody made up must not let the
/// numbers wrap.
void require_possible(std::uint64_t sequence);

}  // namespace pgkeep::store
