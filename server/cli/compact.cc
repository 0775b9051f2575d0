#include "server/cli/compact.h"

#include <fmt/format.h>

#include "catalog/io/units.h"
#include "server/fleet/compaction_run.h"
#include "server/fleet/fleet.h"
#include "server/terminal/console_progress.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

Json look(const ServerConfig& server, const store::Repository& repository, const store::ServerLayout& layout,
          Output& out) {
  const auto plan = store::plan_compaction(repository, layout, server.compaction_dead_percent);
  for (const auto& why : plan.unknown) out.warning(fmt::format("{}: {}", server.name, why));
  std::uint64_t frees = 0;
  for (const auto& candidate : plan.packs) frees += candidate.dead_bytes;
  out.fact(fmt::format("{}: {} are needed by backups, {} are not; {} would be written again, which frees {}",
                       server.name, io::format_bytes(plan.live_bytes), io::format_bytes(plan.dead_bytes),
                       counted(plan.packs.size(), "pack"), io::format_bytes(frees)));
  return {{"live_bytes", plan.live_bytes},
          {"dead_bytes", plan.dead_bytes},
          {"packs", plan.packs.size()},
          {"frees_bytes", frees}};
}

}  // namespace

Json compact_and_report(const ServerConfig& server, const store::ServerLayout& layout,
                        const Invocation& invocation, Compact compact) {
  ConsoleProgress progress(invocation.out);
  const auto result = compact(server, layout, progress, invocation.stop);
  progress.clear();
  invocation.out.report(fmt::format("{}: {}", server.name, describe(result)));
  return compaction_json(result);
}

Exit run_compact(const CompactArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  auto data = Json::array();
  const auto exit = for_each_server(
      choose_servers(fleet.config(), arguments.servers, false), invocation.out,
      [&](const ServerConfig& server) {
        const auto layout = fleet.layout(server);
        if (!is_known(layout)) return Exit::ok;
        auto json = arguments.dry_run ? look(server, fleet.repository(), layout, invocation.out)
                                      : compact_and_report(server, layout, invocation, compact);
        json["server"] = server.name;
        data.push_back(std::move(json));
        return Exit::ok;
      });
  invocation.out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
