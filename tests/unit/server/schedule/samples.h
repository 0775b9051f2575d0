#pragma once

#include "server/schedule/job_timing.h"
#include "server/schedule/time_window.h"

namespace pgkeep::server {

// Values of a schedule as one writes them; a text that cannot be read throws.

inline io::TimePoint at(const char* text) {
  return io::parse_rfc3339(text).value();
}

inline JobTiming timing(const char* text) {
  std::string problem;
  return JobTiming::parse(text, problem).value();
}

inline TimeWindow window(const char* text) {
  std::string problem;
  return TimeWindow::parse(text, problem).value();
}

}  // namespace pgkeep::server
