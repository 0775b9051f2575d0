#include "server/cli/annotate.h"

#include <fmt/format.h>

#include "server/fleet/fleet.h"
#include "server/fleet/marked_backup.h"

namespace pgkeep::server {

Exit run_annotate(const AnnotateArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  const auto noted = change_marks(server, fleet.layout(server), "annotate", arguments.backup, invocation.out,
                                  [&](catalog::RetentionMarks& marks) { marks.note = arguments.text; });
  invocation.out.report(fmt::format("backup {} of {}: {}", noted.id.to_string(), server.name,
                                    arguments.text.empty() ? "no note any more" : arguments.text));
  return Exit::ok;
}

}  // namespace pgkeep::server
