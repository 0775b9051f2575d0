#include "server/cli/name.h"

#include <fmt/format.h>

#include "server/fleet/backup_choice.h"
#include "server/fleet/fleet.h"
#include "server/fleet/marked_backup.h"

namespace pgkeep::server {

Exit run_name(const NameArguments& arguments, const Invocation& invocation) {
  const auto& name = arguments.name;
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  if (const auto why = name.empty() ? std::string() : why_no_name(name); !why.empty())
    throw UsageError(fmt::format("NAME: a backup cannot be called '{}': {}", name, why));
  const auto layout = fleet.layout(server);
  // Nobody else gives a name meanwhile.
  const auto give = [&](catalog::RetentionMarks& marks) {
    if (name.empty() || marks.name == name) {
      marks.name = name;
      return;
    }
    const auto names = catalog::read_backup_names(layout);
    if (const auto other = names.find(name); other != names.end()) {
      throw Refused(fmt::format("backup {} of {} has the name {}; `pgkeep name {} {} ''` takes it away",
                                other->second.to_string(), server.name, name, server.name, name));
    }
    marks.name = name;
  };
  const auto named = change_marks(server, layout, "name", arguments.backup, invocation.out, give);
  invocation.out.report(fmt::format("backup {} of {} {}", named.id.to_string(), server.name,
                                    name.empty() ? "has no name any more" : "is called " + name));
  return Exit::ok;
}

}  // namespace pgkeep::server
