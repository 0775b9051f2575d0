#include "server/cli/expire.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/store/json.h"
#include "server/cli/compact.h"
#include "server/fleet/compaction_run.h"
#include "server/fleet/expiry_run.h"
#include "server/fleet/fleet.h"
#include "server/terminal/console_progress.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

using catalog::ExpiryPlan;

/// How many files of WAL go, and how many wait.
std::pair<std::size_t, std::size_t> count_wal(const ExpiryPlan& plan) {
  std::pair<std::size_t, std::size_t> files;
  for (const auto& line : plan.wal) {
    files.first += line.goes.segments.size() + line.goes.partials.size();
    files.second += line.waits.size();
  }
  return files;
}

Json json_of(const ServerConfig& server, const ExpiryPlan& plan) {
  auto backups = json_list(plan.backups, [](const catalog::ExpiryDecision& decision) {
    return Json{{"id", decision.id},
                {"fate", to_string(decision.fate)},
                {"reasons", decision.reasons},
                {"goes_at", decision.goes_at}};
  });
  return {{"server", server.name},
          {"policy", server.retention.lets_go()},
          {"backups", std::move(backups)},
          {"wal_segments_go", count_wal(plan).first},
          {"wal_segments_wait", count_wal(plan).second}};
}

void print(const ServerConfig& server, const DecidedExpiry& expiry, Output& out) {
  const auto& [facts, plan] = expiry;
  if (!server.retention.lets_go())
    out.fact(
        fmt::format("{}: no retention policy; nothing expires, and only what was deleted goes", server.name));
  if (plan.backups.empty()) return;
  TablePrinter table({{"SERVER"}, {"BACKUP"}, {"ENDED"}, {"FATE"}, {"GOES"}, {"WHY"}});
  for (std::size_t i = 0; i < plan.backups.size(); ++i) {
    const auto& decision = plan.backups[i];
    table.add({server.name, decision.id.to_string(), io::format_time(facts.candidates[i].ended),
               std::string(to_string(decision.fate)),
               decision.goes_at ? io::format_time(*decision.goes_at) : "",
               fmt::format("{}", fmt::join(decision.reasons, "; "))});
  }
  table.print(out);
}

Json look(const ServerConfig& server, const store::ServerLayout& layout, Output& out) {
  const auto expiry = decide_expiry(server, layout, warnings_to(out));
  print(server, expiry, out);
  if (const auto goes = count_wal(expiry.plan).first; goes != 0)
    out.fact(fmt::format("{}: {} would be removed", server.name, counted(goes, "WAL segment")));
  return json_of(server, expiry.plan);
}

}  // namespace

Json expire_and_report(const ServerConfig& server, const store::ServerLayout& layout, WithHooks with_hooks,
                       const Invocation& invocation) {
  auto& out = invocation.out;
  ExpiryPlan plan;
  ConsoleProgress progress(out);
  const auto decided = [&](const DecidedExpiry& expiry) {
    plan = expiry.plan;
    progress.clear();
    print(server, expiry, out);
  };
  const auto result = expire(server, layout, progress, decided, with_hooks, invocation.stop);
  progress.clear();
  out.report(fmt::format("{}: {}", server.name, describe(plan, result)));
  auto json = json_of(server, plan);
  json["result"] = expiry_json(result);
  json["compaction"] = compact_and_report(server, layout, invocation, compact_after_expiry);
  return json;
}

Exit run_expire(const ExpireArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  auto data = Json::array();
  const auto exit = for_each_server(
      choose_servers(fleet.config(), arguments.servers, false), invocation.out,
      [&](const ServerConfig& server) {
        const auto layout = fleet.layout(server);
        if (!is_known(layout)) return Exit::ok;
        data.push_back(arguments.dry_run
                           ? look(server, layout, invocation.out)
                           : expire_and_report(server, layout, arguments.with_hooks(), invocation));
        return Exit::ok;
      });
  invocation.out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
