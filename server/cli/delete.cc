#include "server/cli/delete.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "catalog/store/sweep.h"
#include "server/backup_choice.h"
#include "server/fleet.h"
#include "server/recorded_run.h"

namespace pgkeep::server {
namespace {

/// All of them before the first is deleted: `oldest` means another one afterwards.
std::vector<store::BackupId> choose_all(const std::vector<store::BackupRecord>& backups,
                                        const std::vector<std::string>& wanted, const std::string& server) {
  std::vector<store::BackupId> ids;
  for (const auto& text : wanted) {
    const auto& id = choose_backup(backups, text, server).id;
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

}  // namespace

Exit run_delete(const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(invocation.arguments.required("SERVER"));
  const auto layout = fleet.layout(server);
  auto index = open_catalog(server, layout, invocation.out);
  const auto lock = io::FileLock::acquire(layout.writer_lock(), "delete");
  const auto ids = choose_all(index.backups(), invocation.arguments.values("BACKUP"), server.name);
  auto deleted = Json::array();
  for (const auto& id : ids) {
    store::Freed freed;
    record_run(layout, "delete", id.to_string(), invocation.out, [&] {
      // The row goes before the files: the index never names what is not there.
      index.remove_backup(id);
      freed = store::delete_backup(layout, id);
      return Json{{"freed_bytes", freed.bytes}};
    });
    invocation.out.report(fmt::format("backup {} of {} deleted, {} freed", id.to_string(), server.name,
                                      io::format_bytes(freed.bytes)));
    if (freed.packs_left_for_readers)
      invocation.out.note("data that is being read stays until the next backup or deletion");
    deleted.push_back({{"server", server.name}, {"id", id.to_string()}, {"freed_bytes", freed.bytes}});
  }
  invocation.out.data(std::move(deleted));
  return Exit::ok;
}

}  // namespace pgkeep::server
