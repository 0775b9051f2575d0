#include "server/web/fleet_documents.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "server/fleet/server_list.h"
#include "server/health/finding_json.h"
#include "server/metrics/metrics.h"
#include "server/report/html_report.h"
#include "server/report/json_report.h"
#include "server/report/server_page.h"

namespace pgkeep::server {
namespace {

using Document = FleetDocuments::Document;

constexpr std::string_view kApiServers = "api/v1/servers/";
constexpr std::string_view kPages = kServerPages.substr(1);  // as paths are here

Document page(std::string text) {
  return {"text/html; charset=utf-8", std::make_shared<const std::string>(std::move(text)), true};
}

Document json(Json data, const std::vector<std::string>& warnings = {}) {
  return {"application/json",
          std::make_shared<const std::string>(json_text(json_document(std::move(data), warnings)) + "\n")};
}

Document figures(std::string text) {
  return {"text/plain; version=0.0.4; charset=utf-8", std::make_shared<const std::string>(std::move(text))};
}

Json checks_json(const FleetReport& report) {
  auto checks = Json::array();
  for (const auto& server : report.servers)
    if (server.active) checks.push_back(check_json(server.name, server.findings));
  return checks;
}

Json status_list_json(const FleetFacts& facts) {
  return json_list(facts.status,
                   [&](const ServerStatus& status) { return status_json(status, facts.report.now); });
}

/// The documents of the whole fleet: a path, and what is written there. Another one is another row.
struct Writer {
  std::string_view path;
  Document (*write)(const FleetFacts& facts);
};
constexpr std::array kWriters{
    Writer{"", [](const FleetFacts& facts) { return page(fleet_page(facts.report, {})); }},
    Writer{"api/v1/report",
           [](const FleetFacts& facts) { return json(json_report(facts.report), facts.warnings); }},
    Writer{"api/v1/check", [](const FleetFacts& facts) { return json(checks_json(facts.report)); }},
    Writer{"api/v1/status",
           [](const FleetFacts& facts) { return json(status_list_json(facts), facts.warnings); }},
    Writer{"api/v1/servers", [](const FleetFacts& facts) { return json(server_list_json(facts.servers)); }},
    Writer{"metrics", [](const FleetFacts& facts) { return figures(metrics_text(facts.report)); }},
};

/// The name of a server and what is asked of it: "orders" and "backups".
struct Asked {
  std::string name;
  std::string_view what;
};
Asked asked_of(std::string_view rest) {
  const auto slash = std::min(rest.find('/'), rest.size());
  return {std::string(rest.substr(0, slash)), rest.substr(slash)};
}

/// A part of what the report tells of a server.
std::optional<Document> told_of(const FleetReport& report, const Asked& asked) {
  const auto server = std::ranges::find(report.servers, asked.name, &ReportedServer::name);
  if (server == report.servers.end()) return std::nullopt;
  if (asked.what == "/check") return json(check_json(server->name, server->findings));
  FleetReport one;
  one.servers = {*server};
  const auto told = json_report(one);
  const auto& of_server = told["servers"][0];
  if (asked.what.empty()) return json(of_server);
  if (asked.what == "/backups") return json(of_server["backups"]);
  return std::nullopt;
}

}  // namespace

FleetDocuments write_documents(FleetFacts facts) {
  FleetDocuments documents;
  for (const auto& writer : kWriters) documents.by_path.emplace(writer.path, writer.write(facts));
  documents.report = std::move(facts.report);
  return documents;
}

std::optional<Document> FleetDocuments::find(std::string_view path) const {
  if (const auto found = by_path.find(path); found != by_path.end()) return found->second;
  if (path.starts_with(kPages)) {
    auto text = server_page(report, std::string(path.substr(kPages.size())), {});
    return text ? std::optional(page(*std::move(text))) : std::nullopt;
  }
  if (!path.starts_with(kApiServers)) return std::nullopt;
  return told_of(report, asked_of(path.substr(kApiServers.size())));
}

bool may_be_document(std::string_view path) {
  return path.starts_with(kPages) || path.starts_with(kApiServers) ||
         std::ranges::find(kWriters, path, &Writer::path) != kWriters.end();
}

std::string script_source() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  ::EVP_Digest(kPageScript.data(), kPageScript.size(), digest.data(), &size, ::EVP_sha256(), nullptr);
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> text{};
  const int length = ::EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
  return fmt::format("'sha256-{}'", std::string(text.begin(), text.begin() + length));
}

}  // namespace pgkeep::server
