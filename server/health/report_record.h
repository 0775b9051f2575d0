#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "catalog/store/repository.h"
#include "server/config/config.h"

namespace pgkeep::server {

/// What became of the reports that the schedule calls for.
struct ReportRecord {
  io::TimePoint since;                // from when on they are called for
  std::optional<io::TimePoint> sent;  // last
  std::optional<io::TimePoint> tried;
  unsigned failures = 0;  // tries since the last that was sent
  std::string error;      // of the newest of these
  bool operator==(const ReportRecord&) const = default;
};

/// `.report.json` of the repository, a sealed JSON object (io/sealed_json.h), replaced as a whole and
/// durable. Nothing when there is none. Throws StorageError, Corruption.
std::optional<ReportRecord> read_report_record(const store::Repository& repository);
void write_report_record(const store::Repository& repository, const ReportRecord& record);

/// When the report is to be sent next: at the first time of the schedule after the last one, and after a
/// pause where that failed, a minute first and twice as long each further time, up to an hour. However many
/// times were missed, it is sent once. Nothing where no schedule says so. Pure.
std::optional<io::TimePoint> next_report(const FleetSchedule& schedule, const ReportRecord& record);

}  // namespace pgkeep::server
