#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/store/repository.h"
#include "server/config/config.h"
#include "server/hooks/hooks.h"
#include "server/report/fleet_report.h"

namespace pgkeep::server {

/// So far back the report of the schedule tells.
inline constexpr std::chrono::hours kReportBack{24};

/// Sends a report to `mail.to`, as send_mail() does, with the hooks around it. `make` is called when the
/// first of them has ended well. What hooks say is told to `observer`.
void mail_report_to(const Config& config, const std::function<FleetReport()>& make, WithHooks with_hooks,
                    io::ProgressObserver& observer, const std::stop_token& stop);

/// What became of a look at whether the report is due.
struct ReportTurn {
  enum class What : std::uint8_t { nothing, sent, failed };
  What what = What::nothing;
  std::string text;  // for a log: to whom it was sent, or why it was not and when it is tried again
};

/// Makes and sends the report, as mail_report_to() does, when the schedule calls for it, and notes what came
/// of it. The first look notes from when on it is called for, and sends nothing. `make` is called when it is
/// due. Does nothing while another process is at it. Throws Interrupted, and StorageError or Corruption for
/// its record.
ReportTurn send_due_report(const Config& config, const store::Repository& repository, io::TimePoint now,
                           const std::function<FleetReport()>& make, io::ProgressObserver& observer,
                           const std::stop_token& stop);

/// The time of the schedule that is over without a report; nothing while none is. Throws as above.
std::optional<io::TimePoint> due_report(const Config& config, const store::Repository& repository,
                                        io::TimePoint now);

}  // namespace pgkeep::server
