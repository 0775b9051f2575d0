#include "server/report/time_axis.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "server/report/report_words.h"

namespace pgkeep::server {
namespace {

constexpr int kMostTicks = 5;  // besides that of now

std::chrono::microseconds step_for(std::chrono::microseconds span) {
  using std::chrono::days;
  using std::chrono::hours;
  constexpr std::array<std::chrono::minutes, 16> kSteps{std::chrono::minutes(15),
                                                        std::chrono::minutes(30),
                                                        hours(1),
                                                        hours(3),
                                                        hours(6),
                                                        hours(12),
                                                        days(1),
                                                        days(2),
                                                        days(7),
                                                        days(14),
                                                        days(30),
                                                        days(60),
                                                        days(90),
                                                        days(180),
                                                        days(365),
                                                        days(3650)};
  for (const auto step : kSteps)
    if (span / step <= kMostTicks) return step;
  return kSteps.back();
}

}  // namespace

TimeAxis::TimeAxis(io::TimePoint from, io::TimePoint now)
    : from_(std::min(from, now - std::chrono::hours(1))), now_(now) {}

double TimeAxis::place(io::TimePoint at) const {
  const auto all = static_cast<double>((now_ - from_).count());
  return std::clamp(static_cast<double>((at - from_).count()) / all, 0.0, 1.0);
}

std::vector<TimeAxis::Tick> TimeAxis::ticks() const {
  const auto step = step_for(now_ - from_);
  std::vector<Tick> ticks;
  for (auto back = (now_ - from_) / step; back > 0; --back) {
    const auto at = now_ - back * step;
    // One at the very edge would be cut.
    if (place(at) > 0.06) ticks.push_back({place(at), age(at, now_) + " ago"});
  }
  ticks.push_back({1, "now"});
  return ticks;
}

}  // namespace pgkeep::server
