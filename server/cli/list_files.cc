#include "server/cli/list_files.h"

#include <fmt/format.h>

#include "catalog/store/backup_reader.h"
#include "catalog/store/json.h"
#include "server/fleet/backup_choice.h"
#include "server/fleet/fleet.h"
#include "server/fleet/stored_records.h"

namespace pgkeep::server {
namespace {

io::TimePoint time_of(const store::FileEntry& file) {
  return io::TimePoint(std::chrono::seconds(file.modified));
}

std::string line_of(const store::FileEntry& file) {
  const bool directory = file.kind == store::EntryKind::directory;
  return fmt::format("{}{:04o}  {:>12}  {}  {}{}", directory ? 'd' : '-', file.mode, file.size,
                     io::format_rfc3339(time_of(file)), file.path, directory ? "/" : "");
}

Json json_of(const store::FileEntry& file) {
  return {{"path", file.path},
          {"type", file.kind == store::EntryKind::directory ? "directory" : "file"},
          {"size", file.size},
          {"mode", fmt::format("{:04o}", file.mode)},
          {"modified", time_of(file)}};
}

}  // namespace

Exit run_list_files(const OneBackup& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  const auto layout = fleet.layout(server);
  const auto backups = StoredRecords(server, layout, invocation.out).backups();
  const auto& backup = choose_backup(backups, arguments.backup, server.name, lookup_in_files(layout));
  store::BackupReader reader(fleet.repository(), layout, backup.id);
  auto files = Json::array();
  reader.files().for_each([&](store::FileEntry&& file) {
    if (invocation.out.json()) {
      files.push_back(json_of(file));
    } else {
      invocation.out.fact(line_of(file));
    }
  });
  invocation.out.data({{"server", server.name}, {"id", backup.id}, {"files", std::move(files)}});
  return Exit::ok;
}

}  // namespace pgkeep::server
