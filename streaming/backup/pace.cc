#include "streaming/backup/pace.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/pause.h"
#include "catalog/io/units.h"

namespace pgkeep::streaming {
namespace {

using namespace std::chrono_literals;

// Bounds what comes at once after a time in which nothing came.
constexpr auto kMadeUpAtOnce = 100ms;
// A shorter pause is not worth a wake-up; it is added to the next.
constexpr auto kShortestPause = 10ms;

}  // namespace

Pace::Pace(Rate rate, std::function<void(const std::string&)> changed)
    : rate_(std::move(rate)), changed_(std::move(changed)) {}

void Pace::ask(Time now) {
  if (asked_ != Time{} && now < asked_ + 1s) return;
  asked_ = now;
  const auto rate = rate_();
  if (rate == bytes_a_second_) return;
  bytes_a_second_ = rate;
  settled_ = now;
  changed_(rate == 0
               ? "no bandwidth limit holds any more"
               : fmt::format("the backup takes at most {} in a second from now on: a bandwidth limit holds",
                             io::format_bytes(rate)));
}

std::chrono::milliseconds Pace::wait_for(std::uint64_t bytes, Time now) {
  if (!rate_) return 0ms;
  ask(now);
  if (bytes_a_second_ == 0) return 0ms;
  const std::chrono::duration<double> worth(static_cast<double>(bytes) /
                                            static_cast<double>(bytes_a_second_));
  settled_ = std::max(settled_, now - kMadeUpAtOnce) + std::chrono::duration_cast<Time::duration>(worth);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(settled_ - now);
  return wait < kShortestPause ? 0ms : wait;
}

bool Pace::take(std::uint64_t bytes, const std::stop_token& stop) {
  const auto wait = wait_for(bytes, std::chrono::steady_clock::now());
  return wait == 0ms || io::pause(wait, stop);
}

}  // namespace pgkeep::streaming
