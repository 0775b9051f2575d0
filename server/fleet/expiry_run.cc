#include "server/fleet/expiry_run.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "catalog/index/recorded_run.h"
#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "catalog/records/newest_runs.h"
#include "catalog/store/json.h"
#include "server/fleet/deletion_hooks.h"
#include "server/fleet/fleet.h"
#include "server/fleet/stored_records.h"

namespace pgkeep::server {
namespace {

catalog::ExpiryFacts gather(const ServerConfig& server, const store::ServerLayout& layout, const Warn& warn) {
  auto facts = read_expiry_facts(server, layout, warn);
  for (const auto& why : facts.unclear) warn(fmt::format("{}: no WAL is removed: {}", server.name, why));
  return facts;
}

/// On which days end: that of the server's time zone.
catalog::LocalTime clock_of(const ServerConfig& server) {
  return [zone = server.schedule.zone](io::TimePoint time) { return zone.to_local(time); };
}

/// The hooks around the removal of backups that have expired.
class RemovalHooks {
 public:
  RemovalHooks(const ServerConfig& server, const store::ServerLayout& layout, WithHooks with_hooks,
               io::ProgressObserver& observer, const std::stop_token& stop)
      : server_(&server), layout_(&layout), with_hooks_(with_hooks), observer_(&observer), stop_(stop) {}

  /// Claims what goes, and nobody objects to.
  catalog::ClaimedExpiry claim(catalog::ExpiryFacts& facts, io::TimePoint now) {
    auto expiry = catalog::claim_expiry(*layout_, facts, server_->retention, now, clock_of(*server_));
    while (!ask(expiry, facts)) {
      expiry = {};  // others may read them meanwhile
      expiry = catalog::claim_expiry(*layout_, facts, server_->retention, now, clock_of(*server_));
    }
    return expiry;
  }

  void tell_of(const catalog::ExpiryResult& result) {
    for (const auto& id : result.backups) {
      if (const auto hooks = asked_.find(id.to_string()); hooks != asked_.end()) {
        hooks->second.tell("STATUS", "done");
        hooks->second.after(*observer_, stop_);
      }
    }
  }

 private:
  /// Each once. False when one is not to go.
  bool ask(const catalog::ClaimedExpiry& expiry, catalog::ExpiryFacts& facts) {
    bool all_may = true;
    for (const auto& claim : expiry.claims) {
      const auto [hooks, is_new] = asked_.try_emplace(
          claim.id().to_string(), deletion_hooks(*server_, *layout_, claim.id(), with_hooks_));
      if (!is_new) continue;
      try {
        hooks->second.before(*observer_, stop_);
      } catch (const Interrupted&) {
        throw;
      } catch (const Error& error) {
        observer_->warning(fmt::format("{}: backup {} stays for now: {}", server_->name,
                                       claim.id().to_string(), error.what()));
        std::ranges::find(facts.candidates, claim.id(), &catalog::ExpiryCandidate::id)->objection =
            error.what();
        all_may = false;
      }
    }
    return all_may;
  }

  const ServerConfig* server_;
  const store::ServerLayout* layout_;
  WithHooks with_hooks_;
  io::ProgressObserver* observer_;
  std::stop_token stop_;
  std::map<std::string, Hooks> asked_;  // by the backup's id
};

}  // namespace

catalog::ExpiryFacts read_expiry_facts(const ServerConfig& server, const store::ServerLayout& layout,
                                       const Warn& warn) {
  StoredRecords records(server, layout, warn);
  auto facts = catalog::gather_expiry_facts(layout, [&](const catalog::WalInventory& names) {
    return records.of_segments(open_archive(server, layout), names, [&](catalog::StoredSegments& stored) {
      return catalog::archived_commits(stored, names.segments);
    });
  });
  if (!server.retention.lets_go())
    catalog::for_newest_runs(layout, "delete", [&](catalog::RunRecord&&) {
      facts.deleted_by_hand = true;
      return false;
    });
  return facts;
}

std::optional<io::TimePoint> deletion_due(const ServerConfig& server, const store::ServerLayout& layout) {
  std::optional<io::TimePoint> due;
  const auto& timing = server.schedule.expire;
  const bool another_calls = timing.is_set() ? !timing.is_after_backup() : server.retention.lets_go();
  if (another_calls || !is_known(layout)) return due;
  for (const auto& entry : io::entries(layout.backups())) {
    const auto id = store::BackupId::parse(entry.path().filename().native());
    if (!id) continue;
    try {
      const auto marks = catalog::read_retention_marks(layout, *id);
      if (!marks.expired || marks.expired->by != catalog::ExpiryMark::By::operator_) continue;
      if (marks.keep && !marks.keep->until) continue;
      auto goes_at = marks.expired->at + server.retention.grace;
      if (marks.keep) goes_at = std::max(goes_at, *marks.keep->until);
      due = std::min(due.value_or(goes_at), goes_at);
    } catch (const Error& error) {
      if (!is_damage(error) && !is_denied(error)) throw;
    }
  }
  return due;
}

DecidedExpiry decide_expiry(const ServerConfig& server, const store::ServerLayout& layout, const Warn& warn) {
  DecidedExpiry expiry{gather(server, layout, warn), {}};
  expiry.plan = catalog::plan_expiry(expiry.facts, server.retention, io::now(), clock_of(server));
  return expiry;
}

catalog::ExpiryResult expire(const ServerConfig& server, const store::ServerLayout& layout,
                             io::ProgressObserver& observer,
                             const std::function<void(const DecidedExpiry&)>& decided, WithHooks with_hooks,
                             const std::stop_token& stop) {
  const auto now = io::now();
  const auto lock = io::FileLock::acquire(layout.writer_lock(), "expire");
  catalog::ExpiryResult result;
  auto hooks = hooks_of(server, store::Repository::of(layout).root(), "expire", with_hooks);
  hooks.watch(observer, stop, [&] {
    catalog::record_run(layout, "expire", "", observer, [&](std::string&, io::ProgressObserver& recorded) {
      recorded.progress({.phase = "looking at what is stored"});
      auto facts = gather(server, layout, [&](const std::string& warning) { recorded.warning(warning); });
      RemovalHooks removal(server, layout, with_hooks, recorded, stop);
      const auto expiry = removal.claim(facts, now);
      decided({facts, expiry.plan});
      result = catalog::carry_out(layout, expiry, facts, now, recorded, stop);
      for (const auto& warning : result.warnings)
        recorded.warning(fmt::format("{}: {}", server.name, warning));
      removal.tell_of(result);
      return expiry_json(result);
    });
  });
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
