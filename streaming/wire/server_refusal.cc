#include "streaming/wire/server_refusal.h"

#include <algorithm>

#include <fmt/format.h>

#include "streaming/wire/server_text.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kSqlstateLength = 5;
constexpr std::string_view kBeforeSqlstate = ":  ";  // after the severity, which is translated

bool is_sqlstate(std::string_view text) {
  return text.size() == kSqlstateLength &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

/// Where ":  28P01: " stands in the message of the attempt that came last.
std::size_t find_sqlstate(std::string_view verbose) {
  const auto last_attempt = verbose.rfind("connection to server ");
  auto at = verbose.find(kBeforeSqlstate, last_attempt == std::string_view::npos ? 0 : last_attempt);
  while (at != std::string_view::npos) {
    const auto rest = verbose.substr(at + kBeforeSqlstate.size());
    if (is_sqlstate(rest.substr(0, kSqlstateLength)) && rest.substr(kSqlstateLength).starts_with(": "))
      return at;
    at = verbose.find(kBeforeSqlstate, at + 1);
  }
  return std::string_view::npos;
}

/// The places in PostgreSQL's source say nothing to an operator.
std::string without_locations(std::string_view verbose) {
  std::string kept;
  while (!verbose.empty()) {
    const auto end = std::min(verbose.find('\n'), verbose.size() - 1) + 1;
    if (!verbose.starts_with("LOCATION:  ")) kept += verbose.substr(0, end);
    verbose.remove_prefix(end);
  }
  return kept;
}

constexpr std::string_view kPasswordAdvice =
    "check the user and its password (password file: database \"replication\" for streaming)";

std::string_view advice_for_connecting(std::string_view sqlstate) {
  if (sqlstate == "28P01") return kPasswordAdvice;
  if (sqlstate == "28000") {
    return "check the user, that it has REPLICATION and LOGIN, "
           "and that pg_hba.conf on the server has a line for it (database \"replication\" for streaming)";
  }
  if (sqlstate == "3D000") return "name a database that exists, by dbname in the conninfo";
  if (sqlstate == "42501") return "give the role REPLICATION on the server: ALTER ROLE … REPLICATION";
  if (sqlstate == "53300")
    return "raise max_wal_senders or max_connections on the server, or end idle sessions";
  if (sqlstate == "57P03") return "it is starting up or shutting down; try again";
  return {};
}

std::string advice_for_streaming(std::string_view sqlstate, const std::string& slot) {
  if (sqlstate == "53400") {
    return "the server has no place left for a replication slot: "
           "raise max_replication_slots there, or drop one that nobody uses";
  }
  if (sqlstate == "55006") {
    return fmt::format(
        "an earlier connection of slot {} still lives on the server, which ends it after wal_sender_timeout; "
        "or another program uses that slot",
        slot);
  }
  if (sqlstate == "42704") {
    return fmt::format(
        "slot {} is not there, and pgkeep may not make it here: "
        "`pgkeep create-slot` does, or allow it by create_slot",
        slot);
  }
  if (sqlstate == "55000") {
    return fmt::format(
        "if the server has invalidated slot {}: drop it (`pgkeep drop-slot --force`) "
        "and create it again (`pgkeep create-slot`)",
        slot);
  }
  return {};
}

}  // namespace

std::optional<std::string> sqlstate_of_connect_message(std::string_view verbose) {
  const auto at = find_sqlstate(verbose);
  if (at == std::string_view::npos) return std::nullopt;
  return std::string(verbose.substr(at + kBeforeSqlstate.size(), kSqlstateLength));
}

void throw_connect_failure(std::string_view peer, std::string_view verbose, bool needs_password) {
  const auto sqlstate = sqlstate_of_connect_message(verbose);
  const auto text = in_one_line(without_locations(verbose));
  if (sqlstate) {
    const auto way_out = advice_for_connecting(*sqlstate);
    throw ServerError(*sqlstate, fmt::format("cannot connect to {}: {}{}{}", peer, text,
                                             way_out.empty() ? "" : "; ", way_out));
  }
  if (needs_password) {
    throw ServerError("28P01", fmt::format("cannot connect to {}: {}; {}", peer, text, kPasswordAdvice));
  }
  throw ConnectionLost(fmt::format("cannot connect to {}: {}", peer, text));
}

ServerError with_advice(const ServerError& error, const std::string& slot) {
  const auto what_to_do = advice_for_streaming(error.sqlstate(), slot);
  if (what_to_do.empty()) return error;
  return {error.sqlstate(), fmt::format("{}; {}", error.what(), what_to_do)};
}

bool is_refused_login(const ServerError& error) {
  return error.sqlstate() == "28000" || error.sqlstate() == "28P01";
}

}  // namespace pgkeep::streaming
