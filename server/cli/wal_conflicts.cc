#include "server/cli/wal_conflicts.h"

#include <exception>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/postgres/json.h"
#include "catalog/wal/archived_file.h"
#include "catalog/wal/wal_conflicts.h"
#include "server/fleet/fleet.h"
#include "server/fleet/recorded_run.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

using catalog::WalConflict;

std::optional<postgres::Lsn> first_difference(const catalog::WalArchive& archive,
                                              const WalConflict& conflict) {
  const auto size = archive.identity().wal_segment_size;
  const auto segment = catalog::segment_of_wal_file(conflict.name, size);
  if (!segment || !conflict.pushed_origin || !conflict.differs_at) return std::nullopt;
  return segment->begin(size) + *conflict.differs_at;
}

Json json_of(const std::optional<postgres::WalOrigin>& origin) {
  if (!origin) return nullptr;
  return {
      {"timeline", origin->timeline}, {"address", origin->address}, {"system_identifier", origin->system}};
}

Json json_of(const catalog::WalArchive& archive, const WalConflict& conflict) {
  Json json{{"name", conflict.name},
            {"id", conflict.id()},
            {"sha256", conflict.sha256},
            {"since", conflict.since},
            {"settled", conflict.settled}};
  if (conflict.settled) return json;
  const auto lsn = first_difference(archive, conflict);
  json["bytes"] = conflict.bytes;
  json["stored_bytes"] = conflict.stored_bytes;
  json["has_stored"] = conflict.has_stored;
  json["differs_at"] = conflict.differs_at;
  json["differs_at_lsn"] = lsn;
  json["pushed"] = json_of(conflict.pushed_origin);
  json["stored"] = json_of(conflict.stored_origin);
  return json;
}

std::string difference_of(const catalog::WalArchive& archive, const WalConflict& conflict) {
  if (const auto lsn = first_difference(archive, conflict)) return lsn->to_string();
  if (conflict.differs_at) return fmt::format("byte {}", *conflict.differs_at);
  return conflict.has_stored ? "none any more" : "nothing is stored";
}

std::string origin_of(const std::optional<postgres::WalOrigin>& origin) {
  if (!origin) return "";
  return fmt::format("timeline {}, {}, cluster {}", origin->timeline.to_string(), origin->address.to_string(),
                     origin->system.to_string());
}

void print(const catalog::WalArchive& archive, const std::vector<WalConflict>& conflicts, Output& out) {
  using Align = TablePrinter::Align;
  TablePrinter table({{"file"}, {"since"}, {"size", Align::right}, {"first difference"}, {"state"}});
  for (const auto& conflict : conflicts) {
    const bool settled = conflict.settled;
    table.add({conflict.id(), io::format_time(conflict.since),
               settled ? "" : io::format_bytes(conflict.bytes),
               settled ? "" : difference_of(archive, conflict),
               settled ? "settled for the stored one" : "to be settled"});
  }
  table.print(out);
}

void print_details(const catalog::WalArchive& archive, const WalConflict& conflict, Output& out) {
  FactPrinter facts;
  facts.add("file", conflict.name);
  facts.add("id", conflict.id());
  facts.add("since", io::format_time(conflict.since));
  facts.add("SHA-256", conflict.sha256);
  facts.add("state", conflict.settled ? "settled for the stored one" : "to be settled");
  if (!conflict.settled) {
    facts.add("size", io::format_bytes(conflict.bytes));
    facts.add("first difference", difference_of(archive, conflict));
    if (conflict.pushed_origin) facts.add("pushed begins with", origin_of(conflict.pushed_origin));
    if (conflict.stored_origin) facts.add("stored begins with", origin_of(conflict.stored_origin));
  }
  facts.print(out);
}

const WalConflict& choose(const std::vector<WalConflict>& conflicts, const std::string& server,
                          const std::string& name) {
  std::vector<const WalConflict*> open;
  std::vector<std::string> ids;
  for (const auto& conflict : conflicts) {
    if (conflict.settled) continue;
    open.push_back(&conflict);
    ids.push_back(conflict.id());
  }
  if (open.empty()) throw NotFound(fmt::format("{}: there is no unsettled conflict about {}", server, name));
  if (open.size() == 1) return *open.front();
  throw UsageError(
      fmt::format("{}: several files were pushed as {}; name one of {}", server, name, fmt::join(ids, ", ")));
}

void settle(const ServerConfig& server, const catalog::WalArchive& archive, const WalConflict& conflict,
            bool keep_pushed, Output& out) {
  const catalog::WalConflicts conflicts(archive);
  const auto which = keep_pushed ? "pushed" : "stored";
  record_run(archive.layout(), "wal-conflicts", fmt::format("{}: keep {}", conflict.id(), which), out, [&] {
    if (keep_pushed) {
      const auto stored = conflicts.keep_pushed(conflict, static_cast<int>(server.compression_level));
      if (stored) index_segments(server, archive.layout(), std::span(&*stored, 1), out);
    } else {
      conflicts.keep_stored(conflict);
    }
    return Json{{"name", conflict.name}, {"sha256", conflict.sha256}, {"kept", which}};
  });
  if (!keep_pushed) {
    return out.report(
        fmt::format("{}: {} stays as it is stored; the same file is accepted from now on, and not stored",
                    server.name, conflict.name));
  }
  out.report(fmt::format("{}: the pushed {} is stored now", server.name, conflict.name));
  if (conflict.has_stored) {
    out.note(fmt::format("the one before is kept aside (`pgkeep wal-conflicts {} {}`)", server.name,
                         conflict.name));
  }
  out.note(
      "backups and recoveries that need this WAL go over the pushed one from now on: verify the backups");
}

}  // namespace

Exit run_wal_conflicts(const WalConflictsArguments& arguments, const Invocation& invocation) {
  const auto& name = arguments.name;
  if (arguments.keep && !name) throw UsageError("wal-conflicts: --keep needs the NAME of one file");
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  auto archive = open_archive(server, fleet.layout(server));
  const auto conflicts = catalog::WalConflicts(archive).list(name.value_or(""));
  if (arguments.keep) {
    const bool keep_pushed = arguments.keep == WalConflictsArguments::Keep::pushed;
    const auto& chosen = choose(conflicts, server.name, *name);
    settle(server, archive, chosen, keep_pushed, invocation.out);
    invocation.out.data(
        {{"server", server.name}, {"name", chosen.name}, {"kept", keep_pushed ? "pushed" : "stored"}});
    return Exit::ok;
  }
  invocation.out.data(
      json_list(conflicts, [&](const WalConflict& conflict) { return json_of(archive, conflict); }));
  if (conflicts.empty()) {
    invocation.out.note(fmt::format("{}: nothing that was pushed{} differs from what is stored", server.name,
                                    name ? " as " + *name : ""));
  } else if (name && conflicts.size() == 1) {
    print_details(archive, conflicts.front(), invocation.out);
  } else {
    print(archive, conflicts, invocation.out);
  }
  return Exit::ok;
}

}  // namespace pgkeep::server
