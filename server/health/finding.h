#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/units.h"

namespace pgkeep::server {

enum class Severity : std::uint8_t {
  ok,
  advice,   // nothing is wrong, and something could be better
  warning,  // somebody has to know: something happened, or is about to
  failed,   // backups, WAL or a recovery do not do what they are for
};
/// As `check` has always told monitors: "OK", "ADVICE" (for a warning, too), "FAILED".
std::string_view to_string(Severity severity);
/// "ok", "advice", "warning", "failed".
std::string_view name_of(Severity severity);

/// One thing that was looked at, and how it is.
struct Finding {
  std::string key;  // "wal_continuous": stays the same between versions; monitors are told it
  Severity severity = Severity::ok;
  std::string what;                         // was found
  std::string hint = {};                    // what to do about it; empty: nothing
  std::optional<io::TimePoint> since = {};  // as far as it is known
  std::string server = {};                  // its name: findings of a fleet stand in one list

  bool is_problem() const { return severity >= Severity::warning; }
  /// It is about the repository as a whole, and so the same for all servers.
  bool is_of_repository() const {
    return key == "free_space" || key == "space_forecast" || key == "report_mail" || key == "notifications";
  }
};

/// The same in words, as "WAL without gaps": what the key of a finding stands for on a screen.
std::string_view label_of(std::string_view key);
/// All the keys there are, in the order in which findings are shown.
std::vector<std::string_view> finding_keys();
/// Where a finding stands among others.
std::size_t place_of(std::string_view key);
/// "WAL without gaps: missing: 0/1000000 to 0/3000000 of timeline 1".
std::string describe(const Finding& finding);

/// Of findings those that are problems, the worst first.
std::vector<Finding> problems(const std::vector<Finding>& findings);

/// What is different between two looks: new, worse or better, or gone. A gone one is well, in the words of
/// `now` if it is still looked at.
std::vector<Finding> changes(const std::vector<Finding>& before, const std::vector<Finding>& now);

}  // namespace pgkeep::server
