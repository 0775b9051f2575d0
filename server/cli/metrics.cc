#include "server/cli/metrics.h"

#include "server/cli/published_file.h"
#include "server/fleet/fleet.h"
#include "server/metrics/metrics.h"
#include "server/report/gather_report.h"

namespace pgkeep::server {
namespace {

/// No metric tells of what happened before; the newest runs are read in any case.
constexpr std::chrono::hours kBack{24};

}  // namespace

void MetricsArguments::declare(Syntax& syntax) {
  AnyServers::declare(syntax);
  syntax.option("--output", "FILE", "write them to that file, in the place of what is there", output);
}

Exit run_metrics(const MetricsArguments& arguments, const Invocation& invocation) {
  auto& out = invocation.out;
  const auto place = arguments.output ? place_to_publish(*arguments.output) : std::filesystem::path();
  const auto config = load_config(invocation.config_file);
  const auto servers = choose_servers(config, arguments.servers, false);
  auto text = metrics_text(report_now(config, servers, kBack, warnings_to(out), invocation.stop));
  if (arguments.output) {
    publish(place, text);
  } else {
    text.pop_back();  // its last newline, which fact() writes
    out.fact(text);
  }
  if (out.json()) out.data({{"metrics", text}});
  return Exit::ok;
}

}  // namespace pgkeep::server
