#pragma once

#include <chrono>
#include <cstdint>

#include "tests/support/temp_directory.h"

namespace pgkeep::test {

/// While it lives, the programs that the test starts, PostgreSQL included, have a clock on the wall that the
/// test sets; it runs as fast as the machine's. Time that is measured (the monotonic clock), times of files
/// and the test's own clock stay what they are.
class TestClock {
 public:
  /// It lags that much after the machine's.
  explicit TestClock(std::chrono::seconds lag);
  TestClock(const TestClock&) = delete;
  TestClock& operator=(const TestClock&) = delete;
  /// Programs that still run keep the time of the last set().
  ~TestClock();

  /// By how much it lags; at once, also of the programs that run.
  void set(std::chrono::seconds lag);
  /// What it shows now.
  std::chrono::system_clock::time_point now() const;

 private:
  TempDirectory directory_;
  std::int64_t* offset_ = nullptr;  // in the file that the programs look at
};

}  // namespace pgkeep::test
