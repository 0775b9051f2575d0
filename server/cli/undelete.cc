#include "server/cli/undelete.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "server/fleet/fleet.h"
#include "server/fleet/marked_backup.h"

namespace pgkeep::server {

Exit run_undelete(const OneBackup& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  std::optional<catalog::ExpiryMark> ended;
  const auto back = change_marks(server, fleet.layout(server), "undelete", arguments.backup, invocation.out,
                                 [&](catalog::RetentionMarks& marks) {
                                   ended = std::exchange(marks.expired, std::nullopt);
                                   // In the place of a `keep` that ends, or has ended.
                                   if (ended && ended->by == catalog::ExpiryMark::By::policy)
                                     marks.keep = {io::now(), {}, "brought back"};
                                 });
  invocation.out.report(fmt::format(
      "backup {} of {} {}", back.id.to_string(), server.name,
      !ended ? "had not expired; nothing was changed"
      : ended->by == catalog::ExpiryMark::By::policy
          ? fmt::format("is back, and stays until `pgkeep release {} {}`", server.name, back.id.to_string())
          : "is back, and left to the retention policy as before"));
  return Exit::ok;
}

}  // namespace pgkeep::server
