#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace pgkeep::streaming {

/// Slows down who takes bytes to a rate that may change meanwhile. A wait makes up for what was taken before
/// it, so that no second has more than the rate, but for a tenth of a second's worth. One thread.
class Pace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Bytes a second that hold now; 0: no limit.
  using Rate = std::function<std::uint64_t()>;

  /// `rate` is asked once a second at most, without one there is no limit. `changed` is told, in a sentence,
  /// of each rate that holds from now on.
  Pace(Rate rate, std::function<void(const std::string&)> changed);

  /// How long to wait, at `now`, for `bytes` that have just been taken.
  std::chrono::milliseconds wait_for(std::uint64_t bytes, Time now);

  /// Waits that long, or until a stop is asked for; false then.
  bool take(std::uint64_t bytes, const std::stop_token& stop);

 private:
  void ask(Time now);

  Rate rate_;
  std::function<void(const std::string&)> changed_;
  std::uint64_t bytes_a_second_ = 0;
  Time asked_{};    // when the rate was
  Time settled_{};  // when what was taken so far is made up for
};

}  // namespace pgkeep::streaming
