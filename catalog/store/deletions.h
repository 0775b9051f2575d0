#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/io/units.h"
#include "catalog/store/backup_id.h"
#include "catalog/store/layout.h"

namespace pgkeep::store {

/// That a backup was deleted, or that one which is missing was given up.
struct Deletion {
  std::optional<BackupId> id;                // nothing: of one that was missing
  std::optional<std::uint64_t> sequence;     // nothing: its record could not be read
  std::optional<std::string> record_sha256;  // of the record's bytes; nothing: they could not be read
  io::TimePoint at;
  std::string why;  // one line for people
  bool operator==(const Deletion&) const = default;
};

/// deletions.jsonl: what was deleted of a server, when and why; a sealed JSON object (io/sealed_json.h) a
/// line, oldest first. A deletion is noted before it is done: one that was cut by a crash left the backup,
/// and is noted again when it is repeated.
///
///     {"id":… or null,"sequence":number or null,"record_sha256":hexadecimal or null,"at":RFC 3339,"why":…}
///
/// A line that was cut or damaged is passed over.
std::vector<Deletion> read_deletions(const ServerLayout& layout);

/// Of a backup that is there, as far as its record can be read.
Deletion deletion_of(const ServerLayout& layout, const BackupId& id, std::string why);

/// Durable when it returns. Throws StorageError, and Busy when another process holds the journal for
/// io::kLockPatience.
void note_deletion(const ServerLayout& layout, const Deletion& deletion);

}  // namespace pgkeep::store
