#pragma once

#include <functional>
#include <stop_token>

#include "catalog/store/repository.h"
#include "server/config/config.h"
#include "server/web/fleet_documents.h"

namespace pgkeep::server {

/// Asks the servers and reads what is stored, as `report` does with the last 24 hours, and writes what is
/// answered about it. What keeps something from being read is in the documents. Throws Interrupted alone.
FleetDocuments look_at_fleet(const Config& config, const store::Repository& repository, DaemonReport daemon,
                             const std::stop_token& stop);

}  // namespace pgkeep::server
