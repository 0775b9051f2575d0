#include "server/fleet/compaction_run.h"

#include <fmt/format.h>

#include "catalog/index/recorded_run.h"
#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/io/units.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {

store::CompactionResult compact(const ServerConfig& server, const store::ServerLayout& layout,
                                io::ProgressObserver& observer, const std::stop_token& stop) {
  const auto lock = io::FileLock::acquire(layout.writer_lock(), "compact");
  const auto repository = store::Repository::of(layout);
  const auto plan = store::plan_compaction(repository, layout, server.compaction_dead_percent);
  store::CompactionResult result;
  for (const auto& unknown : plan.unknown) observer.warning(fmt::format("{}: {}", server.name, unknown));
  if (plan.packs.empty() || server.compaction_budget == 0) return result;
  catalog::record_run(layout, "compact", "", observer, [&](std::string&, io::ProgressObserver& recorded) {
    result = store::compact(repository, layout, plan, server.compaction_budget, recorded, stop);
    for (const auto& warning : result.warnings) recorded.warning(fmt::format("{}: {}", server.name, warning));
    return compaction_json(result);
  });
  return result;
}

store::CompactionResult compact_after_expiry(const ServerConfig& server, const store::ServerLayout& layout,
                                             io::ProgressObserver& observer, const std::stop_token& stop) {
  try {
    return compact(server, layout, observer, stop);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    observer.warning(
        fmt::format("{}: packs are compacted after the next expiry, not now: {}", server.name, error.what()));
    return {};
  }
}

std::string describe(const store::CompactionResult& result) {
  return fmt::format("{} written again, {} freed", counted(result.packs, "pack"),
                     io::format_bytes(result.freed_bytes));
}

Json compaction_json(const store::CompactionResult& result) {
  return {
      {"packs", result.packs}, {"written_bytes", result.written_bytes}, {"freed_bytes", result.freed_bytes}};
}

}  // namespace pgkeep::server
