#include "server/health/slot_facts.h"

#include <limits>

#include "catalog/io/error.h"
#include "server/health/sync_standbys.h"
#include "streaming/wire/sql_answers.h"

namespace pgkeep::server {
namespace {

constexpr const char* kQuestion =
    "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('synchronous_standby_names'), "
    "(SELECT setting::bigint * CASE unit WHEN 'min' THEN 60 ELSE 1 END FROM pg_catalog.pg_settings "
    "WHERE name = 'idle_replication_slot_timeout')";
enum Column : std::size_t { in_recovery, standby_names, idle_timeout, columns };

}  // namespace

SlotFacts ask_slot_facts(streaming::Connection& sql, const ServerConfig& server) {
  const auto row = streaming::ask_row(sql, kQuestion, columns);
  if (!row) throw ProtocolError("the server answered no row about its settings");
  const auto& cells = *row;
  SlotFacts facts;
  facts.is_standby = streaming::cell_text(cells[in_recovery], "pg_is_in_recovery") == "t";
  // A standby's own setting makes nobody wait.
  facts.commits_wait =
      !facts.is_standby && names_standby(cells[standby_names].value_or(""), server.application_name);
  if (cells[idle_timeout]) {
    const auto seconds = streaming::cell_number(cells[idle_timeout], "idle_replication_slot_timeout");
    constexpr std::uint64_t kMost = std::numeric_limits<std::int32_t>::max();  // of any setting
    if (seconds > kMost * 60) streaming::not_possible("idle_replication_slot_timeout", cells[idle_timeout]);
    if (seconds > 0) facts.idle_timeout = std::chrono::seconds(static_cast<std::int64_t>(seconds));
  }
  facts.slot = streaming::ask_slot(sql, server.slot);
  return facts;
}

}  // namespace pgkeep::server
