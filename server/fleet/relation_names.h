#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "catalog/records/identity.h"
#include "server/config/config.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// Files of a data directory with the relations they belong to, as their databases call them now:
/// "base/5/16384 (table public.accounts, database shop)". A path stays as it is when it is of no relation,
/// when its relation is gone or has another file by now, and when the server or the database cannot be asked,
/// or is not `system`, which is a note. Connects to each database concerned, as the server's role. What it
/// answers is cut, and without control characters. Throws Interrupted.
std::vector<std::string> name_relations(const ServerConfig& server, postgres::SystemIdentifier system,
                                        std::vector<std::string> paths, const Warn& note,
                                        const std::stop_token& stop);

}  // namespace pgkeep::server
