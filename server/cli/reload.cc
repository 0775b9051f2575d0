#include "server/cli/reload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/fleet/fleet.h"
#include "server/health/control.h"

namespace pgkeep::server {

Exit run_reload(const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto report = reload_daemon(fleet.repository());
  const auto say = [&](std::string_view what, const std::vector<std::string>& names) {
    if (!names.empty()) invocation.out.report(fmt::format("{:<10}{}", what, fmt::join(names, ", ")));
  };
  say("added", report.added);
  say("removed", report.removed);
  say("changed", report.changed);
  if (!report.unchanged.empty())
    invocation.out.report(fmt::format("{:<10}{}", "unchanged", counted(report.unchanged.size(), "server")));
  for (const auto& warning : report.warnings) invocation.out.warning(warning);
  invocation.out.data({{"added", report.added},
                       {"removed", report.removed},
                       {"changed", report.changed},
                       {"unchanged", report.unchanged},
                       {"warnings", report.warnings}});
  return Exit::ok;
}

}  // namespace pgkeep::server
