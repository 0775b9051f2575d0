#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "server/report/fleet_report.h"

namespace pgkeep::server {

// What a report says, whatever it is written in. All pure.

/// "45 s", "12 min", "17 h", "21 d": one unit, rounded down. A negative one is none.
std::string short_duration(std::chrono::milliseconds duration);
/// The time between, as above.
std::string age(io::TimePoint at, io::TimePoint now);
/// "2026-11-20 02:00 UTC".
std::string to_the_minute(io::TimePoint time);

/// The verdict as a sentence; the name of a server is said as it is written.
std::string headline(const FleetReport& report);
/// "FAILED" or "WARNING".
std::string_view word_of(Severity severity);
/// "orders", "orders, shop and wiki", "orders, shop, wiki and 57 more".
std::string names_of(const std::vector<std::string>& servers, std::size_t at_most);

/// The findings in words, in their order. What one says in the words of one before, as that the server cannot
/// be reached, it says again as "as above". Cut as by shortened().
std::vector<std::string> described(const std::vector<Finding>& findings);
/// A text about a server that is too long to be read every morning ends with where the rest is.
std::string shortened(std::string_view text, const std::string& server);

/// Those to which backups and WAL added something since `since`, the most first. Borrows the report.
std::vector<const ReportedServer*> grown_most(const FleetReport& report, std::size_t at_most);

/// A subject and what there is to say of it.
struct Topic {
  std::string title;
  std::vector<std::string> lines;
};
/// Since `since`, and of the days before: what was made, added, let go, proved, and what went wrong. A topic
/// with nothing to tell is left out, but for backups.
std::vector<Topic> what_happened(const FleetReport& report);

}  // namespace pgkeep::server
