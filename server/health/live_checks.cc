#include "server/health/live_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/lock.h"
#include "catalog/postgres/versions.h"
#include "catalog/records/identity.h"
#include "streaming/wire/replication.h"

namespace pgkeep::server {
namespace {

using Result = Check::Result;

// A backup needs a place of its own beside the WAL receiver.
constexpr std::uint64_t kPlacesNeeded = 2;
// How the receiver's lock names a backup that receives its own WAL.
constexpr std::string_view kBackup = "backup";

/// A server that answered has said what is wrong, and the message what to do about it.
std::string connection_hint(const Error& error) {
  if (dynamic_cast<const ConnectionLost*>(&error) == nullptr) return {};
  return "is the server up, and can this host reach it?";
}

Check check_physical(const ServerConfig& server, const std::optional<LiveFacts>& live,
                     const postgres::Endpoint& peer, const std::stop_token& stop) {
  Check check{.name = "replication_connection", .label = "replication connection"};
  try {
    auto connection = open_physical(server, stop, peer);
    const auto system = streaming::identify_system(connection);
    check.finding = fmt::format("connected to {}", connection.peer());
    if (live && live->system != system.system) {
      check.result = Result::failed;
      check.finding = fmt::format("replication reaches cluster {}, SQL reaches cluster {}",
                                  system.system.to_string(), live->system.to_string());
      check.hint = "conninfo names several hosts or a pooler; name the server itself";
    }
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    check.result = Result::failed;
    check.finding = error.what();
    check.hint = connection_hint(error);
  }
  return check;
}

Check check_identity(const LiveFacts& live, const std::optional<store::ServerLayout>& layout) {
  Check check{
      .name = "identity", .label = "identity", .finding = fmt::format("cluster {}", live.system.to_string())};
  try {
    const auto known = layout ? catalog::read_identity(*layout) : std::nullopt;
    if (!known) {
      check.finding += ", not seen before";
    } else if (known->system != live.system) {
      check.result = Result::failed;
      check.finding = fmt::format("the server is cluster {}, the repository holds cluster {}",
                                  live.system.to_string(), known->system.to_string());
      check.hint =
          "correct the conninfo if it leads to another server; if this cluster took the place of the other, "
          "`pgkeep new-line --new-cluster` keeps both apart";
    } else if (known->major_version != live.major_version) {
      check.result = Result::failed;
      check.finding =
          fmt::format("PostgreSQL {} now, {} in the repository", live.major_version, known->major_version);
      check.hint = "`pgkeep new-line --new-cluster` keeps what is held apart and begins again";
    }
  } catch (const Error& error) {
    check.result = Result::failed;
    check.finding = error.what();
  }
  return check;
}

Check check_version(const LiveFacts& live) {
  Check check{.name = "version", .label = "version", .finding = fmt::format("PostgreSQL {}", live.version)};
  if (postgres::formats_known(live.major_version)) return check;
  check.result = Result::advice;
  check.finding = postgres::why_not_known(live.major_version) + ": WAL and backups are stored unchecked";
  check.hint =
      "try a recovery; once a pgkeep is installed that knows it, "
      "verify-backup and verify-wal check what was stored";
  return check;
}

Check check_wal_level(const LiveFacts& live) {
  Check check{.name = "wal_level", .label = "wal_level", .finding = live.wal_level};
  if (live.wal_level == "minimal") {
    check.result = Result::failed;
    check.hint = "set wal_level = replica and restart the server";
  }
  return check;
}

Check check_wal_senders(const LiveFacts& live) {
  Check check{.name = "max_wal_senders",
              .label = "max_wal_senders",
              .finding = fmt::format("{} of {} in use", live.wal_senders_used, live.max_wal_senders)};
  const bool ours = live.ours.user() != nullptr;
  if (live.max_wal_senders < live.wal_senders_used + kPlacesNeeded - (ours ? 1 : 0)) {
    check.result = Result::failed;
    check.hint = "raise max_wal_senders: the WAL receiver and a backup take one place each";
  }
  return check;
}

/// Whether another client has our slot in use: it is active, and our receiver, if there is one, gets nothing.
/// One that has just begun is given the time to say. `stream`: nothing where it cannot be told, or where
/// there is no repository, and so no receiver.
bool is_used_by_another(const streaming::SlotView& slot, bool has_repository,
                        const std::optional<StreamFacts>& stream) {
  if (!slot.active) return false;
  if (!has_repository) return true;
  if (!stream) return false;
  if (!stream->receiver) return true;
  using catalog::StreamPhase;
  if (stream->receiver->purpose == kBackup || !stream->state) return false;
  return stream->state->phase == StreamPhase::waiting || stream->state->phase == StreamPhase::blocked;
}

std::string describe_user(const streaming::SlotView& slot) {
  auto text = fmt::format("in use by another client: process {} of the server", slot.active_pid);
  const auto& user = slot.user;
  if (!user || user->application.empty()) return text;
  return text +
         fmt::format(" ({}{}{})", user->application, user->address.empty() ? "" : " from ", user->address);
}

Check check_slot(const ServerConfig& server, const LiveFacts& live, bool has_repository,
                 const std::optional<StreamFacts>& stream) {
  Check check{.name = "slot", .label = "replication slot"};
  if (!live.ours.slot) {
    check.result = Result::failed;
    check.finding = fmt::format("slot {} does not exist", server.slot);
    check.hint = server.create_slot ? "the receiver makes it when it connects: start `pgkeep serve`"
                                    : fmt::format("make it by `pgkeep create-slot {}`", server.name);
    return check;
  }
  using streaming::WalStatus;
  const auto& slot = *live.ours.slot;
  check.finding = fmt::format("{} {}, {}", server.slot,
                              slot.is(WalStatus::none) ? "reserves nothing" : to_string(*slot.wal_status),
                              slot.active ? "active" : "not active");
  if (slot.retained_bytes)
    check.finding += fmt::format(", the server keeps {} for it", io::format_bytes(*slot.retained_bytes));
  if (slot.safe_wal_bytes)
    check.finding += fmt::format(", {} until WAL is lost", io::format_bytes(*slot.safe_wal_bytes));
  const bool taken = is_used_by_another(slot, has_repository, stream);
  if (taken) check.finding += "; " + describe_user(slot);
  if (!slot.physical) {
    check.result = Result::failed;
    check.hint = fmt::format("{} is a logical slot; choose another name for `slot`", server.slot);
  } else if (slot.is(WalStatus::lost)) {
    check.result = Result::failed;
    check.hint =
        "the server has invalidated it; the receiver makes it anew when it connects, "
        "and a gap in the WAL calls for a new backup, which `pgkeep serve` takes by itself";
  } else if (slot.is(WalStatus::unreserved)) {
    check.result = Result::failed;
    check.hint =
        "the server removes WAL at its next checkpoint that was not received yet: "
        "start the receiver, or see what holds it up";
  } else if (slot.is(WalStatus::none)) {
    check.result = Result::failed;
    check.hint = "the slot keeps no WAL; drop it and let the receiver make it";
  } else if (taken) {
    check.result = Result::failed;
    check.hint =
        "pgkeep receives nothing before that one ends: stop it, or give it a slot of its own. "
        "A connection of pgkeep that broke off is ended by the server after wal_sender_timeout";
  } else if (live.ours.idle_timeout) {
    check.result = Result::advice;
    check.hint =
        fmt::format("idle_replication_slot_timeout is {}: a receiver that is away that long loses the slot",
                    io::format_duration(*live.ours.idle_timeout));
  }
  return check;
}

Check check_receiver(const StreamFacts& stream, const LiveFacts& live) {
  const auto& receiver = stream.receiver;
  Check check{.name = "receiver", .label = "WAL receiver"};
  const auto now = io::now();
  check.finding = describe_stream(stream, now);
  if (receiver && receiver->purpose == kBackup) {
    check.result = Result::failed;
    check.finding = fmt::format("only for the backup that is running (process {}, since {})", receiver->pid,
                                receiver->since);
    check.hint = "nobody receives WAL once it is done: start `pgkeep serve`";
  } else if (const auto disk = disk_trouble(stream, now)) {
    check.result = Result::failed;
    check.finding = *disk;
    check.hint = "see what is wrong with it: WAL piles up on the server, and commits that wait for us hang";
  } else if (stream_word(stream) != "streaming") {
    check.result = Result::failed;
    check.hint = stream.source == StreamFacts::Source::past ? stream.way_out : "";
  } else if (!live.ours.user()) {
    check.result = Result::failed;
    check.finding += ", but the server knows no stream for the slot";
    check.hint = "does conninfo lead to the same server for SQL and for replication?";
  }
  return check;
}

/// Only for a server whose commits may wait for us.
Check check_synchronous(const LiveFacts& live) {
  Check check{.name = "synchronous", .label = "synchronous commits"};
  if (const auto* sender = live.ours.user()) {
    check.finding = fmt::format("we are {}", sender->sync_state);
    return check;
  }
  check.result = Result::failed;
  check.finding = "we stand in synchronous_standby_names and there is no stream: commits may be waiting";
  check.hint =
      "start the receiver; to let commits go on without it: ALTER SYSTEM RESET synchronous_standby_names; "
      "SELECT pg_reload_conf();";
  return check;
}

Check check_configuration(const LiveFacts& live) {
  Check check{
      .name = "configuration_files", .label = "configuration files", .finding = "in the data directory"};
  if (live.configuration.config_file.empty()) {
    check.result = Result::advice;
    check.finding = "not shown to this role";
    check.hint = "GRANT pg_monitor: then backups say where they lie, which recovery needs to know";
    return check;
  }
  const auto outside = live.configuration.outside();
  if (outside.empty()) return check;
  std::vector<std::string> paths;
  for (const auto& [name, path] : outside) paths.push_back(fmt::format("{} is {}", name, path));
  check.result = Result::advice;
  check.finding = fmt::format("{}", fmt::join(paths, ", "));
  check.hint = "outside of the data directory, so PostgreSQL sends them with no backup: keep copies of them";
  return check;
}

}  // namespace

std::optional<LiveFacts> check_live_server(const ServerConfig& server,
                                           const std::optional<store::ServerLayout>& layout,
                                           const std::optional<DaemonReport>& daemon,
                                           std::vector<Check>& checks, const std::stop_token& stop) {
  std::optional<LiveFacts> live;
  std::optional<StreamFacts> stream;
  add_check(checks, "receiver", "WAL receiver", [&]() -> std::optional<Check> {
    if (layout) stream = read_stream_facts(server.name, *layout, daemon);
    return std::nullopt;
  });
  const auto peer = stream ? streamed_peer(*stream) : postgres::Endpoint();
  bool reached = true;
  Check sql{.name = "sql_connection", .label = "SQL connection"};
  try {
    auto connection = open_sql(server, stop, peer);
    live = ask_live_facts(connection, server);
    sql.finding = fmt::format("connected to {}", live->peer);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    reached = dynamic_cast<const ConnectionLost*>(&error) == nullptr;
    sql.result = Result::failed;
    sql.finding = error.what();
    sql.hint = connection_hint(error);
  }
  checks.push_back(std::move(sql));
  // Who is not there for one is not there for the other, and may take long to tell.
  if (reached) checks.push_back(check_physical(server, live, peer, stop));
  if (!live) return live;
  checks.push_back(check_version(*live));
  checks.push_back(check_identity(*live, layout));
  checks.push_back(check_wal_level(*live));
  checks.push_back(check_wal_senders(*live));
  checks.push_back(check_slot(server, *live, layout.has_value(), stream));
  if (stream) checks.push_back(check_receiver(*stream, *live));
  if (live->ours.commits_wait) checks.push_back(check_synchronous(*live));
  checks.push_back(check_configuration(*live));
  if (live->summarize_wal == false) {
    checks.push_back({.name = "summarize_wal",
                      .label = "summarize_wal",
                      .result = Result::advice,
                      .finding = "off",
                      .hint = "set summarize_wal = on: then unchanged pages need not be sent for a backup"});
  }
  if (!live->data_checksums) {
    checks.push_back(
        {.name = "data_checksums",
         .label = "data checksums",
         .result = Result::advice,
         .finding = "off",
         .hint = "enable them by pg_checksums: only then can damaged pages be told from sound ones"});
  }
  return live;
}

}  // namespace pgkeep::server
