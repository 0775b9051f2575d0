#include "server/cli/reload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/fleet/fleet.h"
#include "server/health/control.h"

namespace pgkeep::server {

Json reload_and_report(const store::Repository& repository, Output& out) {
  const auto report = reload_daemon(repository);
  const auto say = [&](std::string_view what, const std::vector<std::string>& names) {
    if (!names.empty()) out.report(fmt::format("{:<10}{}", what, fmt::join(names, ", ")));
  };
  say("added", report.added);
  say("removed", report.removed);
  say("changed", report.changed);
  if (!report.unchanged.empty())
    out.report(fmt::format("{:<10}{}", "unchanged", counted(report.unchanged.size(), "server")));
  for (const auto& warning : report.warnings) out.warning(warning);
  return {{"added", report.added},
          {"removed", report.removed},
          {"changed", report.changed},
          {"unchanged", report.unchanged},
          {"warnings", report.warnings}};
}

Exit run_reload(const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  invocation.out.data(reload_and_report(fleet.repository(), invocation.out));
  return Exit::ok;
}

}  // namespace pgkeep::server
