#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/health/control.h"
#include "server/health/server_status.h"
#include "server/report/fleet_report.h"

namespace pgkeep::server {

/// All that a look at the fleet brings.
struct FleetFacts {
  FleetReport report;
  DaemonReport daemon;
  std::vector<ServerConfig> servers;
  std::vector<ServerStatus> status;
  std::vector<std::string> warnings;
};

/// What is answered about the fleet, written out once for all who ask: by its path without the first slash.
struct FleetDocuments {
  struct Document {
    std::string content_type;
    std::shared_ptr<const std::string> text;  // shared with answers on their way
    bool is_page = false;                     // of ours, with a script and a style
  };
  FleetReport report;
  std::map<std::string, Document, std::less<>> by_path;

  /// Nothing where there is none. The pages of servers, and what the API tells of one, are written when they
  /// are asked for. Pure.
  std::optional<Document> find(std::string_view path) const;
};

/// Pure.
FleetDocuments write_documents(FleetFacts facts);

/// Whether a path could ever be answered: what find() may know. Of a server's name nothing is said.
bool may_be_document(std::string_view path);

/// The source of a page's script for the policy that it is sent with: "'sha256-…'".
std::string script_source();

}  // namespace pgkeep::server
