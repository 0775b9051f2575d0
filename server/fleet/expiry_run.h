#pragma once

#include <functional>
#include <optional>
#include <stop_token>

#include "catalog/retention/expiry.h"
#include "catalog/retention/expiry_facts.h"
#include "server/config/config.h"
#include "server/hooks/hooks.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What the retention policy of a server decides, and by what.
struct DecidedExpiry {
  catalog::ExpiryFacts facts;
  catalog::ExpiryPlan plan;
};

/// What the decision depends on. Throws NotFound when nothing was ever stored for the server.
catalog::ExpiryFacts read_expiry_facts(const ServerConfig& server, const store::ServerLayout& layout,
                                       const Warn& warn);

/// From when an expiry has to remove a backup that an operator has deleted, though no time of the schedule
/// calls for one: of a server without a policy, and of one that expires after backups, which may fail while
/// there is no room. Elsewhere the schedule, or who runs `expire`, sees to it. Nothing: there is none. What
/// cannot be read is passed over.
std::optional<io::TimePoint> deletion_due(const ServerConfig& server, const store::ServerLayout& layout);

/// What would be decided now, without looking at who reads backups. Throws NotFound when nothing was ever
/// stored for the server.
DecidedExpiry decide_expiry(const ServerConfig& server, const store::ServerLayout& layout, const Warn& warn);

/// Decides and does it, as a run of the server; `decided` is called in between. A backup to whose going the
/// hook before deletions objects waits for the next expiry. The observer takes the warnings, too. Throws Busy
/// when another command changes the backups of the server, and what carry_out() throws.
catalog::ExpiryResult expire(const ServerConfig& server, const store::ServerLayout& layout,
                             io::ProgressObserver& observer,
                             const std::function<void(const DecidedExpiry&)>& decided, WithHooks with_hooks,
                             const std::stop_token& stop);

/// How many backups have this fate.
std::size_t count(const catalog::ExpiryPlan& plan, catalog::Fate fate);

/// "2 backups expired, 1 backup and 3 WAL segments removed, 1.5 GiB freed".
std::string describe(const catalog::ExpiryPlan& plan, const catalog::ExpiryResult& result);

/// The figures for --json and the journal of runs.
Json expiry_json(const catalog::ExpiryResult& result);

}  // namespace pgkeep::server
