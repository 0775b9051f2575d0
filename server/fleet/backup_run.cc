#include "server/fleet/backup_run.h"

#include <fmt/format.h>

#include "server/fleet/backup_facts.h"

namespace pgkeep::server {

store::BackupRecord take_backup(const store::Repository& repository, const ServerConfig& server,
                                streaming::BackupJob job, WithHooks with_hooks,
                                io::ProgressObserver& observer, const std::stop_token& stop) {
  const auto layout = repository.server(server.name);
  auto hooks = hooks_of(server, repository.root(), "backup", with_hooks);
  job.before = [&](const store::BackupId& id, io::ProgressObserver& recorded) {
    hooks.tell("BACKUP", id.to_string());
    hooks.tell("BACKUP_DIR", layout.backup(id).native());
    if (const auto known = store::list_backup_records(layout).backups; !known.empty())
      hooks.tell("PREVIOUS_BACKUP", known.back().id.to_string());
    hooks.before(recorded, stop);
  };
  job.after = [&](const store::BackupRecord& backup, io::ProgressObserver& recorded) {
    hooks.tell("STATUS", backup.checksum_failures == 0 ? "done" : "damaged pages");
    hooks.tell("SIZE_BYTES", fmt::format("{}", backup.data_bytes));
    hooks.tell("STORED_BYTES", fmt::format("{}", stored_bytes(backup)));
    hooks.tell("DURATION_SECONDS",
               fmt::format("{:.3f}", std::chrono::duration<double>(duration(backup)).count()));
    hooks.after(recorded, stop);
  };
  std::optional<store::BackupRecord> backup;
  hooks.watch(observer, stop, [&] { backup = streaming::take_backup(repository, job, observer, stop); });
  return *std::move(backup);
}

}  // namespace pgkeep::server
