#include "server/schedule/deciding_runs.h"

#include <optional>

#include "catalog/records/newest_runs.h"
#include "server/schedule/job_plan.h"

namespace pgkeep::server {
std::vector<catalog::RunRecord> read_deciding_runs(const store::ServerLayout& layout, io::TimePoint now) {
  std::vector<catalog::RunRecord> runs;
  for (const auto kind : kJobKinds) {
    std::optional<io::TimePoint> succeeded;  // when the newest did that the journal tells of
    catalog::for_newest_runs(layout, to_string(kind), [&](catalog::RunRecord&& run) {
      if (succeeded && run.ended.value_or(run.started) < *succeeded - catalog::kClocksAreSetBack)
        return false;
      if (!succeeded && run.outcome == catalog::RunOutcome::succeeded && has_begun(run, now))
        succeeded = run.started;
      runs.push_back(std::move(run));
      return true;
    });
  }
  return runs;
}

}  // namespace pgkeep::server
