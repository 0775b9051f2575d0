#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/health/server_facts.h"

namespace pgkeep::server {

/// What is to be copied to a server that does not let us in.
struct LogInLines {
  std::vector<std::string> sql;  // for a superuser of the server
  std::vector<std::string> hba;  // lines of its pg_hba.conf
};

/// Nothing to copy for a server that let us in, or that did not answer. `user`: the role where the conninfo
/// names none.
LogInLines log_in_lines(const ServerFacts& facts, const std::string& user);

/// The client's address in the server's own refusal, as "no pg_hba.conf entry for host "10.0.0.5", …"; empty:
/// it is not there.
std::string address_in_refusal(std::string_view refusal);

}  // namespace pgkeep::server
