#include "server/cli/list_jobs.h"

#include <algorithm>
#include <ranges>

#include <fmt/format.h>

#include "catalog/records/newest_runs.h"
#include "server/fleet/expiry_run.h"
#include "server/fleet/fleet.h"
#include "server/fleet/run_facts.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

using catalog::RunOutcome;
using catalog::RunRecord;

const RunRecord* newest_of(std::span<const RunRecord> runs, JobKind kind) {
  const RunRecord* newest = nullptr;
  for (const auto& run : runs)
    if (run.kind == to_string(kind) && (!newest || run.started > newest->started)) newest = &run;
  return newest;
}

Tone tone_of(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::running:
      return Tone::plain;
    case RunOutcome::succeeded:
      return Tone::good;
    case RunOutcome::failed:
      return Tone::bad;
    case RunOutcome::interrupted:
      return Tone::warning;
  }
  return Tone::plain;
}

Toned outcome_cell(const RunRecord& run) {
  return {to_string(run.outcome), tone_of(run.outcome)};
}

std::string next_text(const PlannedJob* job, io::TimePoint now) {
  if (!job) return "";
  if (job->running_since) return "runs now";
  return job->begins <= now ? "now" : io::format_time(job->begins);
}

/// Why it does not begin when it is due.
std::string remark(const PlannedJob* job, const JobSchedule& schedule, io::TimePoint now) {
  if (!job || job->running_since || job->due > now) return "";
  auto text = job->begins > now || now - job->due > std::chrono::minutes(1)
                  ? "due since " + io::format_time(job->due)
                  : std::string();
  if (job->failures != 0) return fmt::format("{}; {} failed", text, counted(job->failures, "attempt"));
  const auto* window = job->begins > now ? window_at(schedule, now) : nullptr;
  return window ? fmt::format("{}; not in the window {}", text, window->text()) : text;
}

class JobTable {
 public:
  explicit JobTable(Output& out) : out_(&out) {}

  void add(const ServerConfig& server, std::span<const RunRecord> runs, std::optional<io::TimePoint> deletion,
           io::TimePoint now) {
    const auto planned = plan_jobs(server.name, server.schedule, runs, now, deletion);
    for (const auto kind : kJobKinds) {
      const auto& timing = server.schedule.timing(kind);
      const auto found = std::ranges::find(planned, kind, &PlannedJob::kind);
      // Without a time in the schedule: what was deleted is to be removed.
      if (!timing.is_set() && found == planned.end()) continue;
      const auto* job = found == planned.end() || !server.active ? nullptr : &*found;
      const auto* last = newest_of(runs, kind);
      table_.add({server.name, std::string(to_string(kind)), timing.text(),
                  last ? io::format_time(last->started) : "never", last ? outcome_cell(*last) : "",
                  next_text(job, now),
                  !server.active     ? "out of service"
                  : !timing.is_set() ? "what was deleted goes"
                                     : remark(job, server.schedule, now)});
      json_.push_back({{"server", server.name},
                       {"job", to_string(kind)},
                       {"schedule", timing.text()},
                       {"timezone", server.schedule.zone.name()},
                       {"last", last ? run_json(*last) : Json()},
                       {"due", job ? Json(io::format_rfc3339(job->due)) : Json()},
                       {"begins", job ? Json(io::format_rfc3339(job->begins)) : Json()},
                       {"running", job && job->running_since},
                       {"failures", job ? job->failures : 0}});
    }
  }

  void print() {
    if (json_.empty()) out_->fact("no server has a schedule; docs/configuration.md tells of `schedule`");
    if (!json_.empty()) table_.print(*out_);
    out_->data(std::move(json_));
  }

 private:
  Output* out_;
  TablePrinter table_{{{"SERVER"}, {"JOB"}, {"SCHEDULE"}, {"LAST BEGAN"}, {"ENDED"}, {"NEXT"}, {"REMARK"}}};
  Json json_ = Json::array();
};

class RunTable {
 public:
  explicit RunTable(Output& out) : out_(&out) {}

  void add(const ServerConfig& server, std::span<const RunRecord> oldest_first) {
    for (const auto& run : std::views::reverse(oldest_first)) {
      table_.add({server.name, run.id, io::format_time(run.started), took(run), outcome_cell(run),
                  run.error.empty() ? run.subject : run.error});
      auto json = run_json(run);
      json["server"] = server.name;
      json_.push_back(std::move(json));
    }
  }

  void print() {
    if (!json_.empty()) table_.print(*out_);
    out_->data(std::move(json_));
  }

 private:
  Output* out_;
  TablePrinter table_{{{"SERVER"}, {"RUN"}, {"BEGAN"}, {"TOOK"}, {"ENDED"}, {"WHAT"}}};
  Json json_ = Json::array();
};

}  // namespace

Exit run_list_jobs(const ListJobsArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto now = io::now();
  JobTable jobs(invocation.out);
  RunTable runs(invocation.out);
  const auto exit =
      for_each_server(choose_servers(fleet.config(), arguments.servers, false), invocation.out,
                      [&](const ServerConfig& server) {
                        const auto layout = fleet.layout(server);
                        if (arguments.runs == 0)
                          jobs.add(server, read_job_runs(layout), deletion_due(server, layout), now);
                        if (arguments.runs != 0 && is_known(layout))
                          runs.add(server, catalog::newest_runs(layout, arguments.runs));
                        return Exit::ok;
                      });
  if (arguments.runs == 0) jobs.print();
  if (arguments.runs != 0) runs.print();
  return exit;
}

}  // namespace pgkeep::server
