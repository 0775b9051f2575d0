#include "server/cli/release.h"

#include <fmt/format.h>

#include "server/fleet/fleet.h"
#include "server/fleet/marked_backup.h"

namespace pgkeep::server {

Exit run_release(const OneBackup& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  const auto released =
      change_marks(server, fleet.layout(server), "release", arguments.backup, invocation.out,
                   [](catalog::RetentionMarks& marks) { marks.keep.reset(); });
  invocation.out.report(
      fmt::format("backup {} of {} is left to the retention policy", released.id.to_string(), server.name));
  return Exit::ok;
}

}  // namespace pgkeep::server
