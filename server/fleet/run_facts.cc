#include "server/fleet/run_facts.h"

#include <chrono>

#include "catalog/io/json.h"
#include "server/fleet/fleet.h"
#include "server/schedule/deciding_runs.h"

namespace pgkeep::server {

std::vector<catalog::RunRecord> read_job_runs(const store::ServerLayout& layout) {
  if (!is_known(layout)) return {};
  return read_deciding_runs(layout, io::now());
}

std::string took(const catalog::RunRecord& run) {
  if (!run.ended && run.outcome != catalog::RunOutcome::running) return "";  // nobody saw it end
  const auto duration = run.ended.value_or(io::now()) - run.started;
  return io::format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(duration));
}

Json run_json(const catalog::RunRecord& run) {
  return {{"id", run.id},
          {"kind", run.kind},
          {"subject", run.subject},
          {"started", run.started},
          {"ended", run.ended},
          {"outcome", to_string(run.outcome)},
          {"error", text_or_null(run.error)},
          {"details", run.details.empty() ? Json() : Json::parse(run.details)}};
}

}  // namespace pgkeep::server
