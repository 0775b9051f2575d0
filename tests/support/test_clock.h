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
  /// Behind the machine's by that much.
  explicit TestClock(std::chrono::seconds behind);
  TestClock(const TestClock&) = delete;
  TestClock& operator=(const TestClock&) = delete;
  /// Programs that still run keep the time of the last set().
  ~TestClock();

  /// At once, also of the programs that run.
  void set(std::chrono::seconds behind);
  /// What it shows now.
  std::chrono::system_clock::time_point now() const;

 private:
  TempDirectory directory_;
  std::int64_t* offset_ = nullptr;  // in the file that the programs look at
};

}  // namespace pgkeep::test
