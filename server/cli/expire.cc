#include "server/cli/expire.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/lock.h"
#include "catalog/retention/expiry.h"
#include "catalog/retention/expiry_facts.h"
#include "catalog/store/json.h"
#include "server/fleet/fleet.h"
#include "server/fleet/recorded_run.h"
#include "server/fleet/stored_records.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

using catalog::ExpiryFacts;
using catalog::ExpiryPlan;
using catalog::ExpiryResult;
using catalog::Fate;

ExpiryFacts gather(const ServerConfig& server, const store::ServerLayout& layout, Output& out) {
  StoredRecords records(server, layout, out);
  const auto archive = open_archive(server, layout);
  const auto segments = records.segments(archive, archive.inventory());
  auto facts = catalog::gather_expiry_facts(layout, segments);
  for (const auto& why : facts.unclear)
    out.warning(fmt::format("{}: no WAL is removed: {}", server.name, why));
  return facts;
}

std::size_t count(const ExpiryPlan& plan, Fate fate) {
  return static_cast<std::size_t>(std::ranges::count(plan.backups, fate, &catalog::ExpiryDecision::fate));
}

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
          {"policy", server.retention.has_rules()},
          {"backups", std::move(backups)},
          {"wal_segments_go", count_wal(plan).first},
          {"wal_segments_wait", count_wal(plan).second}};
}

void print(const ServerConfig& server, const ExpiryFacts& facts, const ExpiryPlan& plan, Output& out) {
  if (!server.retention.has_rules())
    out.fact(fmt::format("{}: no retention policy; nothing expires", server.name));
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

void report(const ServerConfig& server, const ExpiryPlan& plan, const ExpiryResult& result, Output& out) {
  for (const auto& warning : result.warnings) out.warning(fmt::format("{}: {}", server.name, warning));
  out.report(fmt::format(
      "{}: {} expired, {} and {} removed, {} freed", server.name,
      counted(count(plan, Fate::expires), "backup"), counted(result.backups.size(), "backup"),
      counted(result.wal_segments, "WAL segment"), io::format_bytes(result.backup_bytes + result.wal_bytes)));
}

Json json_of(const ExpiryResult& result) {
  return {{"removed", result.backups},
          {"freed_bytes", result.backup_bytes},
          {"wal_segments", result.wal_segments},
          {"wal_bytes", result.wal_bytes}};
}

Json expire(const ServerConfig& server, const store::ServerLayout& layout, Output& out) {
  const auto now = io::now();
  const auto lock = io::FileLock::acquire(layout.writer_lock(), "expire");
  auto facts = gather(server, layout, out);
  const auto expiry = catalog::claim_expiry(layout, facts, server.retention, now);
  print(server, facts, expiry.plan, out);
  auto json = json_of(server, expiry.plan);
  ExpiryResult result;
  record_run(layout, "expire", "", out, [&] {
    result = catalog::carry_out(layout, expiry, facts, now);
    return json_of(result);
  });
  report(server, expiry.plan, result, out);
  json["result"] = json_of(result);
  return json;
}

Json look(const ServerConfig& server, const store::ServerLayout& layout, Output& out) {
  const auto facts = gather(server, layout, out);
  const auto plan = catalog::plan_expiry(facts, server.retention, io::now());
  print(server, facts, plan, out);
  if (const auto goes = count_wal(plan).first; goes != 0)
    out.fact(fmt::format("{}: {} would be removed", server.name, counted(goes, "WAL segment")));
  return json_of(server, plan);
}

}  // namespace

Exit run_expire(const ExpireArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  auto data = Json::array();
  const auto exit =
      for_each_server(choose_servers(fleet.config(), arguments.servers, false), invocation.out,
                      [&](const ServerConfig& server) {
                        const auto layout = fleet.layout(server);
                        if (!is_known(layout)) return Exit::ok;
                        data.push_back(arguments.dry_run ? look(server, layout, invocation.out)
                                                         : expire(server, layout, invocation.out));
                        return Exit::ok;
                      });
  invocation.out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
