#include "server/schedule/bandwidth.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/units.h"

namespace pgkeep::server {
namespace {

/// "20MiB/s" or "20MiB".
std::optional<std::uint64_t> parse_rate(std::string_view text) {
  if (text.ends_with("/s")) text.remove_suffix(2);
  const auto rate = io::parse_bytes(text);
  const bool fits =
      rate && (*rate == 0 || (*rate >= BandwidthWindow::kLeast && *rate <= BandwidthWindow::kMost));
  return fits ? rate : std::nullopt;
}

}  // namespace

std::optional<BandwidthWindow> BandwidthWindow::parse(std::string_view text, std::string& problem) {
  const auto blank = text.rfind(kBeforeRate);
  if (blank == text.npos) {
    problem = fmt::format("'{}' has no rate; write one as 08:00-20:00 20MiB/s", text);
    return std::nullopt;
  }
  auto window = TimeWindow::parse(text.substr(0, blank), problem);
  if (!window) return std::nullopt;
  const auto rate_text = text.substr(blank + kBeforeRate.size());
  const auto rate = parse_rate(rate_text);
  if (!rate) {
    problem = fmt::format("'{}' is no rate; write one from {}/s to {}/s, as 20MiB/s, or 0: no limit",
                          rate_text, io::format_bytes(kLeast), io::format_bytes(kMost));
    return std::nullopt;
  }
  return BandwidthWindow(text, *std::move(window), *rate);
}

std::uint64_t bandwidth_at(std::span<const BandwidthWindow> windows, const TimeZone& zone,
                           io::TimePoint time) {
  const auto local = zone.to_local(time);
  std::uint64_t lowest = 0;
  for (const auto& one : windows) {
    if (one.bytes_a_second() == 0 || !one.window().covers(local)) continue;
    lowest = lowest == 0 ? one.bytes_a_second() : std::min(lowest, one.bytes_a_second());
  }
  return lowest;
}

}  // namespace pgkeep::server
