#include "server/health/live_facts.h"

#include <charconv>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/versions.h"
#include "server/health/streamed_node.h"
#include "streaming/backup/configuration_files.h"
#include "streaming/wire/server_text.h"
#include "streaming/wire/sql_answers.h"

namespace pgkeep::server {

streaming::Connection open_sql(const ServerConfig& server, const std::stop_token& stop,
                               const postgres::Endpoint& peer) {
  auto sql = open_streamed_node(server, peer, streaming::ConnectionKind::sql, stop);
  sql.query("SELECT pg_catalog.set_config('search_path', '', false)");
  return sql;
}

streaming::Connection open_physical(const ServerConfig& server, const std::stop_token& stop,
                                    const postgres::Endpoint& peer) {
  return open_streamed_node(server, peer, streaming::ConnectionKind::physical, stop);
}

postgres::Lsn ask_current_lsn(streaming::Connection& sql) {
  return streaming::ask_lsn(sql, fmt::format("SELECT {}", streaming::kEndOfWal));
}

postgres::TimelineId ask_timeline(streaming::Connection& sql) {
  // pg_control lags behind a promotion until the next checkpoint; the name of the segment in hand does not,
  // but a standby cannot tell it.
  const bool in_recovery = streaming::ask_value(sql, "SELECT pg_catalog.pg_is_in_recovery()") == "t";
  const auto answer = streaming::ask_value(
      sql,
      in_recovery
          ? "SELECT coalesce((SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver), "
            "(SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()))"
          : "SELECT pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8)");
  std::uint32_t value = 0;
  const auto& digits = streaming::cell_text(answer, "the timeline");
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, in_recovery ? 10 : 16);
  if (error != std::errc{} || end != digits.data() + digits.size() || value == 0)
    throw ProtocolError(
        fmt::format("the server answered '{}' for its timeline", streaming::in_one_line(digits)));
  return postgres::TimelineId(value);
}

namespace {

/// The answer is of a moment between the question and its coming back: what lies in between is no difference.
std::chrono::milliseconds ask_clock(streaming::Connection& sql) {
  using std::chrono::milliseconds;
  const auto asked = io::now();
  const auto there = streaming::cell_number(
      streaming::ask_value(
          sql,
          "SELECT (extract(epoch from pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000)::bigint"),
      "its clock");
  const auto answered = io::now();
  const io::TimePoint theirs{milliseconds(there)};
  if (theirs > answered) return std::chrono::floor<milliseconds>(theirs - answered);
  return theirs < asked ? std::chrono::ceil<milliseconds>(theirs - asked) : milliseconds::zero();
}

}  // namespace

LiveFacts ask_live_facts(streaming::Connection& sql, const ServerConfig& server) {
  LiveFacts facts;
  facts.version = sql.version_text();
  facts.major_version = sql.major_version();
  facts.peer = sql.peer();
  const auto system =
      streaming::ask_value(sql, "SELECT system_identifier FROM pg_catalog.pg_control_system()");
  const auto identifier =
      postgres::SystemIdentifier::parse(streaming::cell_text(system, "the system identifier"));
  if (!identifier)
    throw ProtocolError(fmt::format("the server's system identifier is '{}'",
                                    streaming::in_one_line(system.value_or("NULL"))));
  facts.system = *identifier;
  facts.timeline = ask_timeline(sql);
  facts.current_lsn = ask_current_lsn(sql);
  facts.wal_level = streaming::cell_text(streaming::ask_setting(sql, "wal_level"), "wal_level");
  facts.max_wal_senders =
      streaming::cell_number(streaming::ask_setting(sql, "max_wal_senders"), "max_wal_senders");
  // Of other roles' processes a role without pg_read_all_stats sees no more than that they are there.
  facts.senders_are_hidden =
      streaming::ask_value(sql, "SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')") != "t";
  facts.wal_senders_used = streaming::cell_number(
      streaming::ask_value(
          sql, "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'walsender'"),
      "walsenders");
  facts.clock_ahead = ask_clock(sql);
  facts.data_checksums = streaming::ask_setting(sql, "data_checksums") == "on";
  if (facts.major_version >= postgres::since::kWalSummaries)
    facts.summarize_wal = streaming::ask_setting(sql, "summarize_wal") == "on";
  facts.configuration = streaming::ask_configuration_files(sql);
  facts.ours = ask_slot_facts(sql, server);
  return facts;
}

}  // namespace pgkeep::server
