#include "server/cli/undelete.h"

#include <fmt/format.h>

#include "server/fleet/fleet.h"
#include "server/fleet/marked_backup.h"

namespace pgkeep::server {

Exit run_undelete(const OneBackup& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  bool had_expired = false;
  const auto back = change_marks(server, fleet.layout(server), "undelete", arguments.backup, invocation.out,
                                 [&](catalog::RetentionMarks& marks) {
                                   had_expired = marks.expired.has_value();
                                   if (!had_expired) return;
                                   marks.expired.reset();
                                   // In the place of a `keep` that ends, or has ended.
                                   marks.keep = {io::now(), {}, "brought back"};
                                 });
  const auto name = back.id.to_string();
  invocation.out.report(
      had_expired ? fmt::format("backup {0} of {1} is back, and stays until `pgkeep release {1} {0}`", name,
                                server.name)
                  : fmt::format("backup {} of {} had not expired; nothing was changed", name, server.name));
  return Exit::ok;
}

}  // namespace pgkeep::server
