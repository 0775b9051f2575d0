#pragma once

#include <span>
#include <string>
#include <string_view>

#include "server/metrics/samples.h"
#include "server/report/fleet_report.h"

namespace pgkeep::server {

/// One metric: what /metrics says of it, and docs/metrics.md.
struct Metric {
  std::string_view name;  // with its prefix; the unit is in it
  std::string_view type;  // gauge, counter, histogram
  std::string_view help;  // a sentence without its full stop
  void (*read)(const FleetReport&, Samples&) = nullptr;
};

/// All there are, in the order in which they are told. Names stay the same between versions.
std::span<const Metric> metrics();

/// The fleet for Prometheus. Times are seconds since 1970, sizes bytes. What is not known has no sample.
/// Pure.
std::string metrics_text(const FleetReport& report);

/// docs/metrics.md.
std::string metrics_document();

}  // namespace pgkeep::server
