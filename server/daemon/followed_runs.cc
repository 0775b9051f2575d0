#include "server/daemon/followed_runs.h"

#include <algorithm>

#include "catalog/io/error.h"
#include "server/schedule/job_plan.h"

namespace pgkeep::server {

using catalog::RunRecord;

std::vector<RunRecord> FollowedRuns::read() {
  const catalog::RunJournal journal(layout_);
  catalog::RunJournal::Lines lines;
  try {
    lines = journal.read_lines(end_);
  } catch (const Corruption&) {  // another file has taken its place
    runs_.clear();
    lines = journal.read_lines(0);
  }
  end_ = lines.end;
  take_in(std::move(lines.records));
  forget_old();
  auto runs = runs_;
  for (auto& run : runs) run.outcome = catalog::current_outcome(run);
  return runs;
}

void FollowedRuns::take_in(std::vector<RunRecord> lines) {
  for (auto& line : lines) {
    if (!parse_job_kind(line.kind)) continue;
    line.messages.clear();  // decide nothing, and the daemon keeps runs of all servers
    const auto known = std::ranges::find(runs_, line.id, &RunRecord::id);
    if (known == runs_.end()) {
      runs_.push_back(std::move(line));
    } else {
      *known = std::move(line);
    }
  }
}

/// What began before the newest success of its kind that the journal tells last decides nothing any more.
void FollowedRuns::forget_old() {
  for (const auto kind : kJobKinds) {
    const auto is_success = [&](const RunRecord& run) {
      return run.kind == to_string(kind) && run.outcome == catalog::RunOutcome::succeeded &&
             has_begun(run, io::now());
    };
    const auto newest = std::ranges::find_if(runs_.rbegin(), runs_.rend(), is_success);
    if (newest == runs_.rend()) continue;
    const auto kept = *newest;
    std::erase_if(runs_, [&](const RunRecord& run) {
      return run.kind == kept.kind && run.outcome != catalog::RunOutcome::running && run.id != kept.id &&
             run.started <= kept.started;
    });
  }
}

}  // namespace pgkeep::server
