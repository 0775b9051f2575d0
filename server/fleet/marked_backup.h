#pragma once

#include <functional>
#include <map>
#include <string>

#include "catalog/retention/retention_marks.h"
#include "catalog/verify/damaged_backups.h"
#include "server/config/config.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// A backup, and what was decided of it after it was taken.
struct MarkedBackup {
  store::BackupId id;
  catalog::RetentionMarks marks;
};

/// Changes the marks of the backup that an operator means (see choose_backup()), as a run of the server, and
/// prints them for --json. Durable when it returns. Throws NotFound, Busy when the backup is being deleted,
/// and what `change` throws.
MarkedBackup change_marks(const ServerConfig& server, const store::ServerLayout& layout,
                          const std::string& command, const std::string& backup, Output& out,
                          const std::function<void(catalog::RetentionMarks&)>& change);

/// What the marks say, for a remark: empty when nothing was decided.
std::string marks_remark(const catalog::RetentionMarks& marks, std::chrono::milliseconds grace);
/// The marks of the backups of a server as they are shown: with the damage that a verification of all that is
/// stored has found. None, with a warning, where those of one cannot be read: it can be used all the same.
class ShownMarks {
 public:
  /// Borrows the output.
  ShownMarks(const store::ServerLayout& layout, Output& out);
  catalog::RetentionMarks of(const store::BackupId& id) const;

 private:
  store::ServerLayout layout_;
  Output* out_;
  std::map<store::BackupId, catalog::KnownDamage> damaged_;
};
/// For --json: {"expired":…,"keep":…,"damaged":…,"note":…,"name":…}.
Json marks_json(const catalog::RetentionMarks& marks, std::chrono::milliseconds grace);

}  // namespace pgkeep::server
