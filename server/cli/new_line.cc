#include "server/cli/new_line.h"

#include <chrono>
#include <exception>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "catalog/records/event_journal.h"
#include "catalog/wal/set_aside_line.h"
#include "server/cli/backup.h"
#include "server/fleet/recorded_run.h"
#include "server/fleet/server_settings.h"
#include "streaming/wire/nodes.h"

namespace pgkeep::server {
namespace {

using catalog::EventKind;

constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::milliseconds kLookEvery{20};

/// A receiver would write into the WAL that is moved. One that needs attention has the lock only while it
/// tries again.
io::FileLock lock_receiving(const ServerConfig& server, const store::ServerLayout& layout,
                            const std::stop_token& stop) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!stop.stop_requested() && std::chrono::steady_clock::now() < give_up) {
    if (auto lock = io::FileLock::try_acquire(layout.receiver_lock(), "new-line")) return std::move(*lock);
    std::this_thread::sleep_for(kLookEvery);
  }
  if (stop.stop_requested()) throw Interrupted("stopped before anything was changed");
  const auto holder = io::FileLock::holder(layout.receiver_lock()).value_or(io::LockOwner{});
  throw Busy(
      fmt::format("WAL of {} is being received by {} (process {}, since {}), "
                  "so nothing keeps it from being received; "
                  "to begin a new line nevertheless, stop that first",
                  server.name, holder.purpose, holder.pid, holder.since));
}

/// One host that answers is enough: without it no new line could begin.
catalog::ServerIdentity ask_who_answers(const ServerConfig& server, const std::stop_token& stop) {
  std::exception_ptr failure;
  for (const auto& host : streaming::settings_of_nodes(query_connection(server))) {
    try {
      auto node = streaming::open_node(host, stop);
      return ask_identity(node.connection, node.system);
    } catch (const ConnectionLost&) {
      failure = std::current_exception();
    }
  }
  std::rethrow_exception(failure);
}

/// The cluster that the new line is of, where it is another than the one that is held.
std::optional<catalog::ServerIdentity> next_cluster(const ServerConfig& server,
                                                    const catalog::ServerIdentity& held, bool is_new,
                                                    const store::ServerLayout& layout,
                                                    const std::stop_token& stop) {
  auto answered = ask_who_answers(server, stop);
  if (!is_new) {
    catalog::confirm_identity(layout, answered);
    return std::nullopt;
  }
  if (answered != held) return answered;
  throw Refused(
      fmt::format("{} is still cluster {}, PostgreSQL {}, the one that is held, so nothing was changed; "
                  "without --new-cluster a new line of it is begun",
                  server.name, held.system.to_string(), held.major_version));
}

std::string what_was_found(const store::ServerLayout& layout,
                           const std::optional<catalog::ServerIdentity>& next) {
  if (next) {
    return fmt::format("cluster {} of PostgreSQL {} took its place", next->system.to_string(),
                       next->major_version);
  }
  const auto events = catalog::EventJournal(layout).read();
  const auto* open = catalog::undecided_rollback(events);
  return open != nullptr ? open->cause : "asked for by the operator";
}

std::string describe_end(const catalog::SetAsideLine& line) {
  if (!line.end) return "";
  return fmt::format(" up to {} of timeline {}", line.end->lsn.to_string(), line.end->timeline.to_string());
}

/// From its return on the old WAL is out of the way, and the locks are free for the backup.
Json set_aside(const ServerConfig& server, const store::ServerLayout& layout,
               const std::optional<catalog::ServerIdentity>& next, const std::optional<std::string>& reason,
               const Invocation& invocation) {
  const auto receiver = lock_receiving(server, layout, invocation.stop);
  const auto writer = io::FileLock::acquire(layout.writer_lock(), "new-line");
  const auto line = catalog::set_line_aside(layout, reason ? *reason : what_was_found(layout, next), next);
  invocation.out.report(fmt::format("the WAL of {}{} is set aside as line {}, with {}; they stay recoverable",
                                    server.name, describe_end(line), line.number,
                                    counted(line.backups.size(), "backup")));
  try {
    catalog::ServerCatalog::rebuild(layout);
  } catch (const Error& error) {
    invocation.out.warning(fmt::format("the index was not made again: {}", error.what()));
  }
  return {{"line", line.number}, {"backups", line.backups.size()}};
}

ServerOutcome begin_with_backup(const Fleet& fleet, const ServerConfig& server,
                                const Invocation& invocation) {
  try {
    return take_and_report(fleet, server, backup_job(server), WithHooks::yes, invocation);
  } catch (const Error&) {
    invocation.out.note(fmt::format(
        "the line was set aside, but the new one has no backup yet: `pgkeep backup {}`", server.name));
    throw;
  }
}

void keep_line(const ServerConfig& server, const store::ServerLayout& layout,
               const std::optional<std::string>& reason, Output& out) {
  const auto events = catalog::EventJournal(layout).read();
  const auto* open = catalog::undecided_rollback(events);
  if (open == nullptr)
    throw Refused(fmt::format("nothing keeps the WAL of {} from being received; there is nothing to decide",
                              server.name));
  catalog::EventJournal(layout).append({io::now(), EventKind::line_kept,
                                        fmt::format("what is held was decided to be right{}{}; before: {}",
                                                    reason ? ": " : "", reason.value_or(""), open->cause),
                                        open->range});
  out.report(fmt::format(
      "what is held of {} stays; WAL is received again at the next attempt, within a minute", server.name));
}

}  // namespace

Exit run_new_line(const NewLineArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = require_active_server(fleet.config(), arguments.server);
  const auto layout = fleet.layout(server);
  const auto archive = open_archive(server, layout);  // there is one
  if (arguments.keep) {
    if (arguments.new_cluster)
      throw UsageError("--keep and --new-cluster are opposite decisions: give one of them");
    keep_line(server, layout, arguments.reason, invocation.out);
    invocation.out.data({{"server", server.name}, {"line", Json()}, {"backups", Json::array()}});
    return Exit::ok;
  }
  const auto next = next_cluster(server, archive.identity(), arguments.new_cluster, layout, invocation.stop);
  Json line;
  record_run(layout, "new-line", "", invocation.out,
             [&] { return line = set_aside(server, layout, next, arguments.reason, invocation); });
  auto outcome = begin_with_backup(fleet, server, invocation);
  invocation.out.data(
      {{"server", server.name}, {"line", line["line"]}, {"backups", Json::array({std::move(outcome.data)})}});
  return outcome.exit;
}

}  // namespace pgkeep::server
