#include "server/cli/show_job.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/records/newest_runs.h"
#include "server/fleet/fleet.h"
#include "server/fleet/run_facts.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

using catalog::RunRecord;

/// The one run that the text means, as choose_backup() does it for backups.
const RunRecord& choose_run(const std::vector<RunRecord>& runs, const std::string& text,
                            const std::string& server) {
  const RunRecord* chosen = nullptr;
  for (const auto& run : runs) {
    if (run.id == text) return run;
    if (!run.id.starts_with(text)) continue;
    if (chosen)
      throw UsageError(
          fmt::format("'{}' is the beginning of several runs of {}, as {} and {}; give more of it", text,
                      server, chosen->id, run.id));
    chosen = &run;
  }
  if (!chosen)
    throw NotFound(fmt::format("there is no run {} of {}; `pgkeep list-jobs {} --runs 20` lists them", text,
                               server, server));
  return *chosen;
}

/// What a server says may hold line breaks, and look like lines of others.
std::string in_one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

void print(const RunRecord& run, Output& out) {
  FactPrinter facts;
  facts.add("run", run.id);
  facts.add("command", run.kind);
  if (!run.subject.empty()) facts.add("of", run.subject);
  facts.add("began", io::format_time(run.started));
  if (run.ended) facts.add("ended", io::format_time(*run.ended));
  if (const auto text = took(run); !text.empty()) facts.add("took", text);
  facts.add("outcome", std::string(to_string(run.outcome)));
  if (!run.error.empty()) facts.add("error", run.error);
  if (!run.details.empty()) {
    const auto figures = Json::parse(run.details);
    for (const auto& [key, value] : figures.items())
      facts.add(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  facts.print(out);
  if (run.messages.empty()) return;
  out.fact("");
  for (const auto& message : run.messages)
    out.fact(fmt::format("{}  {}{}", io::format_time(std::chrono::floor<std::chrono::seconds>(message.at)),
                         message.warning ? "warning: " : "", in_one_line(message.text)));
}

Json message_json(const catalog::RunMessage& message) {
  return {{"at", message.at}, {"level", message.warning ? "warning" : "note"}, {"text", message.text}};
}

}  // namespace

Exit run_show_job(const ShowJobArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  const auto layout = fleet.layout(server);
  require_known(server, layout);
  const auto runs = catalog::runs_with_id(layout, arguments.id);
  const auto& run = choose_run(runs, arguments.id, server.name);
  print(run, invocation.out);
  auto json = run_json(run);
  json["server"] = server.name;
  json["messages"] = json_list(run.messages, message_json);
  invocation.out.data(std::move(json));
  return Exit::ok;
}

}  // namespace pgkeep::server
