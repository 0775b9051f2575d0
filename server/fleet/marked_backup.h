#pragma once

#include <functional>
#include <string>

#include "catalog/retention/retention_marks.h"
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
/// The marks of a backup; none, with a warning, where they cannot be read: it can be used all the same.
catalog::RetentionMarks marks_to_show(const store::ServerLayout& layout, const store::BackupId& id,
                                      Output& out);
/// For --json: {"expired":…,"keep":…,"damaged":…,"note":…,"name":…}.
Json marks_json(const catalog::RetentionMarks& marks, std::chrono::milliseconds grace);

}  // namespace pgkeep::server
