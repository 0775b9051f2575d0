#pragma once

#include <filesystem>
#include <optional>

#include "server/cli/arguments.h"

namespace pgkeep::server {

struct MetricsArguments : AnyServers {
  std::optional<std::filesystem::path> output;

  void declare(Syntax& syntax);
};

Exit run_metrics(const MetricsArguments& arguments, const Invocation& invocation);

inline constexpr std::array kMetricsExamples{
    Example{"metrics", "what Prometheus would read"},
    Example{"metrics --output /var/lib/prometheus/node-exporter/pgkeep.prom",
            "from cron, for the node exporter's textfile collector"},
};
inline constexpr Command kMetrics{
    .name = "metrics",
    .summary = "Print the fleet in figures, for Prometheus",
    .details =
        "Servers, backups, recovery windows, WAL and the problems that `check` finds, in Prometheus's text format; "
        "docs/metrics.md tells what each means. The servers are asked as `check` asks them, and what cannot be known "
        "is left out. With --output, a file is replaced as a whole, so that who reads it gets the figures of before "
        "or these.\n\n"
        "`pgkeep_look_timestamp_seconds` tells how old the figures are: without a look there is no alarm either, so "
        "watch it.",
    .examples = kMetricsExamples,
    .call = call_of<run_metrics>,
};

}  // namespace pgkeep::server
