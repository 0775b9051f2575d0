#include "server/cli/switch_wal.h"

#include <fmt/format.h>

#include "catalog/io/pause.h"
#include "catalog/io/units.h"
#include "server/fleet/fleet.h"
#include "server/fleet/server_settings.h"
#include "server/health/live_facts.h"
#include "streaming/wire/sql_answers.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenLooks = 100ms;
constexpr const char* kNoPrivilege = "42501";

template <typename Step>
auto with_remedy(const std::string& server, std::string_view remedy, Step&& step) {
  try {
    return step();
  } catch (const ServerError& error) {
    if (error.sqlstate() != kNoPrivilege) throw;
    throw ServerError(error.sqlstate(), fmt::format("{}: {}; {}", server, error.what(), remedy));
  }
}

postgres::Lsn switch_wal(streaming::Connection& sql, const std::string& server) {
  return with_remedy(server, "GRANT EXECUTE ON FUNCTION pg_catalog.pg_switch_wal() to the role",
                     [&] { return streaming::ask_lsn(sql, "SELECT pg_catalog.pg_switch_wal()"); });
}

/// Before anything is done to it.
void require_same_cluster(streaming::Connection& sql, const ServerConfig& server,
                          const catalog::ServerIdentity& known) {
  const auto answer =
      streaming::ask_value(sql, "SELECT system_identifier FROM pg_catalog.pg_control_system()").value_or("");
  if (postgres::SystemIdentifier::parse(answer) == known.system) return;
  throw Refused(
      fmt::format("{}: {} is cluster {}, but here is kept cluster {}; nothing was done to it. "
                  "Correct the conninfo, or keep that server under a new name",
                  server.name, sql.peer(), answer, known.system.to_string()));
}

struct Closed {
  postgres::WalSegment segment;  // the one that ends before the next WAL is written
  bool now = true;               // else it was closed before, and nothing was written since
};

Closed close_segment(streaming::Connection& sql, const ServerConfig& server, bool force,
                     postgres::WalSegmentSize size) {
  if (streaming::ask_value(sql, "SELECT pg_catalog.pg_is_in_recovery()") == "t")
    throw Refused(fmt::format("{}: a standby cannot close WAL segments; ask its primary", server.name));
  if (force)
    with_remedy(server.name, "GRANT pg_checkpoint to the role (PostgreSQL 15 and up)", [&] {
      sql.answer_within(std::chrono::seconds::zero());  // a full buffer takes its time
      sql.query("CHECKPOINT");
      sql.answer_within(query_connection(server).answer_within);
    });
  const auto end = switch_wal(sql, server.name);
  // It lies in the closed segment, or at the start of the next when there was nothing to close; the position
  // afterwards is in the new segment in both cases.
  const auto position = streaming::ask_lsn(sql, "SELECT pg_catalog.pg_current_wal_insert_lsn()");
  const auto current = postgres::WalSegment::holding({ask_timeline(sql), position}, size);
  return {{current.timeline, current.number - 1}, end.value() % size.bytes() != 0};
}

void wait_for(const catalog::WalArchive& archive, const postgres::WalSegment& segment,
              std::chrono::seconds timeout, const std::stop_token& stop) {
  const auto name = segment.name(archive.identity().wal_segment_size);
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (!archive.has(segment)) {
    if (std::chrono::steady_clock::now() >= end) {
      throw Error(fmt::format("{} did not arrive in the archive within {}; is receive-wal running?", name,
                              io::format_duration(timeout)));
    }
    if (!io::pause(kBetweenLooks, stop)) throw Interrupted(fmt::format("stopped while waiting for {}", name));
  }
}

}  // namespace

Exit run_switch_wal(const SwitchWalArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto servers = choose_servers(fleet.config(), arguments.servers, true);
  auto data = Json::array();
  const auto exit = for_each_server(servers, invocation.out, [&](const ServerConfig& server) {
    const auto archive = open_archive(server, fleet.layout(server));
    auto sql = open_sql(server, invocation.stop);
    const auto size = archive.identity().wal_segment_size;
    require_same_cluster(sql, server, archive.identity());
    const auto [segment, now] = close_segment(sql, server, arguments.force, size);
    const auto name = segment.name(size);
    invocation.out.report(now ? fmt::format("{}: {} is closed", server.name, name)
                              : fmt::format("{}: nothing to close, nothing was written since {} was closed",
                                            server.name, name));
    if (arguments.archive) {
      wait_for(archive, segment, arguments.archive_timeout, invocation.stop);
      invocation.out.report(fmt::format("{}: {} is in the archive", server.name, segment.name(size)));
    }
    data.push_back({{"server", server.name},
                    {"segment", segment.name(size)},
                    {"closed", now},
                    {"archived", archive.has(segment)}});
    return Exit::ok;
  });
  invocation.out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
