#include "server/fleet/expiry_run.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/index/recorded_run.h"
#include "catalog/io/lock.h"
#include "catalog/store/json.h"
#include "server/fleet/fleet.h"
#include "server/fleet/stored_records.h"

namespace pgkeep::server {
namespace {

catalog::ExpiryFacts gather(const ServerConfig& server, const store::ServerLayout& layout, const Warn& warn) {
  StoredRecords records(server, layout, warn);
  const auto archive = open_archive(server, layout);
  const auto segments = records.segments(archive, archive.inventory());
  auto facts = catalog::gather_expiry_facts(layout, segments);
  for (const auto& why : facts.unclear) warn(fmt::format("{}: no WAL is removed: {}", server.name, why));
  return facts;
}

}  // namespace

DecidedExpiry decide_expiry(const ServerConfig& server, const store::ServerLayout& layout, const Warn& warn) {
  DecidedExpiry expiry{gather(server, layout, warn), {}};
  expiry.plan = catalog::plan_expiry(expiry.facts, server.retention, io::now());
  return expiry;
}

catalog::ExpiryResult expire(const ServerConfig& server, const store::ServerLayout& layout, const Warn& warn,
                             const std::function<void(const DecidedExpiry&)>& decided,
                             const std::stop_token& stop) {
  const auto now = io::now();
  const auto lock = io::FileLock::acquire(layout.writer_lock(), "expire");
  catalog::ExpiryResult result;
  catalog::record_run(layout, "expire", "", warn, [&](std::string&) {
    auto facts = gather(server, layout, warn);
    const auto expiry = catalog::claim_expiry(layout, facts, server.retention, now);
    decided({facts, expiry.plan});
    result = catalog::carry_out(layout, expiry, facts, now, stop);
    return expiry_json(result);
  });
  for (const auto& warning : result.warnings) warn(fmt::format("{}: {}", server.name, warning));
  return result;
}

std::size_t count(const catalog::ExpiryPlan& plan, catalog::Fate fate) {
  return static_cast<std::size_t>(std::ranges::count(plan.backups, fate, &catalog::ExpiryDecision::fate));
}

std::string describe(const catalog::ExpiryPlan& plan, const catalog::ExpiryResult& result) {
  return fmt::format("{} expired, {} and {} removed, {} freed",
                     counted(count(plan, catalog::Fate::expires), "backup"),
                     counted(result.backups.size(), "backup"), counted(result.wal_segments, "WAL segment"),
                     io::format_bytes(result.backup_bytes + result.wal_bytes));
}

Json expiry_json(const catalog::ExpiryResult& result) {
  return {{"removed", result.backups},
          {"freed_bytes", result.backup_bytes},
          {"wal_segments", result.wal_segments},
          {"wal_bytes", result.wal_bytes}};
}

}  // namespace pgkeep::server
