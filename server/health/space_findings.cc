#include <fmt/format.h>

#include "catalog/io/units.h"
#include "server/health/findings_parts.h"

namespace pgkeep::server {
namespace {

// Below this the next backup or a day of WAL is in danger on any server worth keeping.
constexpr std::uint64_t kLittleSpace = std::uint64_t{1} << 30;

constexpr double kWarnDays = 14;
constexpr double kFailDays = 3;
constexpr const char* kRunbook = "see the runbook \"The disk is nearly full\"";

Finding examine_free(const SpaceFacts& seen, const io::Reserve& reserve) {
  Finding finding{.key = "free_space",
                  .what = fmt::format("{} free in {}", io::format_bytes(seen.disk.free), seen.root.native())};
  if (reserve.amount != 0 && seen.disk.free < reserve.bytes_of(seen.disk)) {
    finding.severity = Severity::failed;
    finding.what += fmt::format(", less than the reserve of {}, which is kept for WAL: no backup is taken",
                                describe(reserve, seen.disk));
    finding.hint = fmt::format("make room; {}", kRunbook);
  } else if (seen.disk.free < kLittleSpace) {
    finding.severity = Severity::failed;
    finding.hint = fmt::format("make room: WAL that cannot be stored piles up on the server; {}", kRunbook);
  }
  return finding;
}

Finding examine_forecast(const SpaceFacts& seen, io::TimePoint now) {
  const auto forecast = forecast_space(seen.samples, seen.disk, now);
  Finding finding{.key = "space_forecast", .what = describe(forecast)};
  if (!forecast || !forecast->days_until_full || *forecast->days_until_full >= kWarnDays) return finding;
  finding.severity = *forecast->days_until_full < kFailDays ? Severity::failed : Severity::warning;
  finding.hint =
      fmt::format("a larger file system, or less that `retention` keeps, takes time: {}", kRunbook);
  return finding;
}

}  // namespace

void examine_space(const ServerFacts& facts, io::TimePoint now, std::vector<Finding>& findings) {
  if (!facts.space) return;
  findings.push_back(examine_free(*facts.space, facts.config.reserve));
  findings.push_back(examine_forecast(*facts.space, now));
}

}  // namespace pgkeep::server
