#include "server/health/log_in_lines.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "streaming/wire/conninfo.h"

namespace pgkeep::server {
namespace {

/// As SQL and pg_hba.conf take a name.
std::string identifier(const std::string& name) {
  const bool plain = !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
                     std::ranges::all_of(name, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                     });
  if (plain) return name;
  std::string quoted = "\"";
  for (const char character : name) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + "\"";
}

std::string value_of(const streaming::Keywords& keywords, std::string_view keyword,
                     const std::string& otherwise) {
  std::string value;
  for (const auto& [name, text] : keywords)
    if (name == keyword) value = text;
  return value.empty() ? otherwise : value;
}

/// What the server says when it refuses a role.
bool is_refusal(const std::string& sqlstate) {
  return sqlstate == "28000" || sqlstate == "28P01" || sqlstate == "42501";
}

std::string hba_address(const std::string& refusal) {
  const auto address = address_in_refusal(refusal);
  if (address.empty()) return "ADDRESS/32";
  return address + (address.find(':') == std::string::npos ? "/32" : "/128");
}

}  // namespace

std::string address_in_refusal(std::string_view refusal) {
  constexpr std::string_view kHost = "host \"";
  const auto entry = refusal.find("pg_hba.conf");
  const auto at = entry == std::string_view::npos ? entry : refusal.find(kHost, entry);
  if (at == std::string_view::npos) return {};
  const auto rest = refusal.substr(at + kHost.size());
  const auto address = rest.substr(0, rest.find('"'));
  const bool sound = std::ranges::all_of(
      address, [](unsigned char c) { return std::isxdigit(c) != 0 || c == '.' || c == ':'; });
  return sound ? std::string(address) : std::string();
}

LogInLines log_in_lines(const ServerFacts& facts, const std::string& user) {
  const auto* refused = facts.sql && is_refusal(facts.sql->sqlstate) ? &*facts.sql : nullptr;
  if (!refused && facts.replication && is_refusal(facts.replication->sqlstate)) refused = &*facts.replication;
  if (!refused) return {};
  const auto keywords = streaming::parse_conninfo(facts.config.conninfo);
  const auto role = identifier(value_of(keywords, "user", user));
  const auto database = identifier(value_of(keywords, "dbname", "postgres"));
  const auto host = streaming::first_host(facts.config.conninfo);
  LogInLines lines;
  lines.sql = {
      fmt::format(
          "CREATE ROLE {} LOGIN REPLICATION;  -- where there is one: ALTER ROLE {} LOGIN REPLICATION;", role,
          role),
      fmt::format("GRANT pg_monitor TO {};", role)};
  if (host.empty() || host.starts_with('/')) {
    for (const auto& name : {database, std::string("replication")})
      lines.hba.push_back(fmt::format("local  {}  {}  peer", name, role));
    return lines;
  }
  for (const auto& name : {database, std::string("replication")})
    lines.hba.push_back(
        fmt::format("host  {}  {}  {}  scram-sha-256", name, role, hba_address(refused->error)));
  return lines;
}

}  // namespace pgkeep::server
