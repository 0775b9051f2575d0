#include "server/cli/pushed_wal.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "catalog/postgres/json.h"
#include "catalog/wal/wal_adoption.h"
#include "catalog/wal/wal_replacement.h"
#include "server/fleet/fleet.h"
#include "server/fleet/recorded_run.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

using catalog::WaitingSegment;

/// What can be said of it without the stream.
struct Shown {
  WaitingSegment waiting;
  catalog::PushedCopyFacts facts;
  bool can_be_adopted = false;
};

/// The ids of those that adopt-wal would take, whatever timeline is asked for.
std::set<std::string> adoptable(catalog::WalArchive& archive, const std::vector<WaitingSegment>& waiting) {
  std::set<postgres::TimelineId> timelines;
  for (const auto& one : waiting) timelines.insert(one.segment.timeline);
  std::set<std::string> ids;
  for (const auto& one : catalog::WalReplacement(archive).offer({}).segments)
    ids.insert(one.waiting.copy.id());
  const auto histories = archive.inventory().histories;  // without those that are damaged
  for (const auto timeline : timelines) {
    if (timeline != postgres::TimelineId(1) && !histories.contains(timeline)) continue;
    for (const auto& one : catalog::WalAdoption(archive).offer(timeline, {}).segments)
      ids.insert(one.copy.id());
  }
  return ids;
}

std::vector<Shown> find(catalog::WalArchive& archive, const std::string& name) {
  const auto waiting = catalog::WaitingWal(archive).list();
  const auto can_be_adopted = adoptable(archive, waiting);
  std::vector<Shown> found;
  for (const auto& one : waiting) {
    if (!name.empty() && name != "all" && name != one.copy.name && name != one.copy.id()) continue;
    if (const auto facts = look_at(one.copy))
      found.push_back({one, *facts, can_be_adopted.contains(one.copy.id())});
  }
  return found;
}

Json json_of(const Shown& shown, postgres::WalSegmentSize size) {
  return {{"name", shown.waiting.copy.name},
          {"id", shown.waiting.copy.id()},
          {"timeline", shown.waiting.segment.timeline},
          {"begin_lsn", shown.waiting.segment.begin(size)},
          {"end_lsn", shown.waiting.segment.end(size)},
          {"stored_bytes", shown.facts.bytes},
          {"since", shown.facts.since},
          {"continues_what_is_held", shown.can_be_adopted}};
}

void print(const std::vector<Shown>& all, postgres::WalSegmentSize size, Output& out) {
  TablePrinter table(
      {{"file"}, {"from"}, {"stored", TablePrinter::Align::right}, {"since"}, {"continues what is held"}});
  for (const auto& one : all) {
    table.add({one.waiting.copy.id(), one.waiting.segment.begin(size).to_string(),
               io::format_bytes(one.facts.bytes), io::format_time(one.facts.since),
               one.can_be_adopted ? "yes" : "no"});
  }
  table.print(out);
}

void remove(const ServerConfig& server, catalog::WalArchive& archive, const std::vector<Shown>& all,
            const std::string& name, Output& out) {
  if (all.empty()) throw NotFound(fmt::format("{}: nothing waits that is called {}", server.name, name));
  record_run(archive.layout(), "pushed-wal", fmt::format("delete {}", name), out, [&] {
    for (const auto& one : all) catalog::WaitingWal(archive).remove(one.waiting);
    return Json{{"deleted", all.size()}};
  });
  out.report(fmt::format("{}: {} deleted", server.name, counted(all.size(), "waiting file")));
}

}  // namespace

Exit run_pushed_wal(const PushedWalArguments& arguments, const Invocation& invocation) {
  const auto& name = arguments.name;
  if (arguments.is_delete && !name)
    throw UsageError("pushed-wal: --delete needs the NAME of a file, or `all` for everything that waits");
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  auto archive = open_archive(server, fleet.layout(server));
  const auto size = archive.identity().wal_segment_size;
  const auto found = find(archive, name.value_or(""));
  if (arguments.is_delete) {
    remove(server, archive, found, *name, invocation.out);
  } else if (found.empty()) {
    invocation.out.note(
        fmt::format("{}: no WAL that was pushed{} waits", server.name, name ? " as " + *name : ""));
  } else {
    print(found, size, invocation.out);
    invocation.out.note(
        fmt::format("`pgkeep adopt-wal {}` takes what continues what is held, on your word", server.name));
  }
  invocation.out.data(json_list(found, [&](const Shown& one) { return json_of(one, size); }));
  return Exit::ok;
}

}  // namespace pgkeep::server
