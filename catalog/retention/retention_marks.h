#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "catalog/io/units.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// That a backup has expired: it is kept for the grace time, and counts for nothing.
struct ExpiryMark {
  enum class By : std::uint8_t { policy, operator_ };
  By by = By::policy;
  io::TimePoint at;
  std::string why;
  bool operator==(const ExpiryMark&) const = default;
};

/// That an operator wants a backup kept, whatever the policy says.
struct KeepMark {
  io::TimePoint at;
  std::optional<io::TimePoint> until;  // nothing: for ever
  std::string why;
  bool standalone = false;  // with the WAL that makes it consistent, and not all from it on
  bool operator==(const KeepMark&) const = default;
};

/// That a verification found that the backup is not what was stored.
struct DamageMark {
  io::TimePoint at;
  std::string why;
  bool operator==(const DamageMark&) const = default;
};

/// What was decided of a backup, or found, after it was taken.
///
///     backups/<id>/retention.json: {"format":1,"expired":{"by":"policy"|"operator","at":RFC 3339,"why":…} or
///                                   null,"keep":{"at":RFC 3339,"until":RFC 3339 or null,"why":…,
///                                   "standalone":true or false} or null,
///                                   "damaged":{"at":RFC 3339,"why":…} or null,
///                                   "note":…,"name":…}
///
/// Sealed (io/sealed_json.h). The file is missing while nothing was decided, and replaced by rename.
struct RetentionMarks {
  std::optional<ExpiryMark> expired;
  std::optional<KeepMark> keep;
  std::optional<DamageMark> damaged;  // as the last verification found
  std::string note;                   // what an operator wants remembered of it
  std::string name;                   // what it is called besides its id; empty: nothing
  bool operator==(const RetentionMarks&) const = default;
};

/// Nothing is marked where the file is missing. Throws Corruption with the way out, and StorageError.
RetentionMarks read_retention_marks(const store::ServerLayout& layout, const store::BackupId& id);

/// All backups of a server that have a name. Those whose marks cannot be read are passed over.
std::map<std::string, store::BackupId> read_backup_names(const store::ServerLayout& layout);

/// Changes the marks of a backup; durable when it returns. The caller holds a BackupLease or a BackupClaim on
/// it, so that it does not go meanwhile. Others that change marks of the server are waited for
/// (io::kLockPatience), before `change` is called. Returns what the marks are now.
RetentionMarks change_retention_marks(const store::ServerLayout& layout, const store::BackupId& id,
                                      const std::function<void(RetentionMarks&)>& change);

}  // namespace pgkeep::catalog
