#include "server/health/report_record.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "catalog/io/json.h"
#include "catalog/io/sealed_json.h"

namespace pgkeep::server {
namespace {

constexpr std::string_view kName = ".report.json";  // no server has a name that begins with a dot
constexpr std::uint64_t kMaxBytes = 64u << 10;
constexpr std::string_view kWayOut =
    "remove it: the report is sent next when the schedule says so, whenever it was sent last";
constexpr std::chrono::minutes kFirstPause{1};
constexpr std::chrono::hours kLongestPause{1};
constexpr std::tuple kItems{std::pair{"since", &ReportRecord::since}, std::pair{"sent", &ReportRecord::sent},
                            std::pair{"tried", &ReportRecord::tried},
                            std::pair{"failures", &ReportRecord::failures},
                            std::pair{"error", &ReportRecord::error}};

std::chrono::minutes pause_after(unsigned failures) {
  auto pause = kFirstPause;
  for (unsigned i = 1; i < failures && pause < kLongestPause; ++i) pause *= 2;
  return std::min<std::chrono::minutes>(pause, kLongestPause);
}

}  // namespace

std::optional<ReportRecord> read_report_record(const store::Repository& repository) {
  return io::read_sealed_json(repository.root() / kName, kMaxBytes, kWayOut, [](const nlohmann::json& json) {
    ReportRecord record;
    io::read_items(json, record, kItems);
    return record;
  });
}

void write_report_record(const store::Repository& repository, const ReportRecord& record) {
  nlohmann::ordered_json json{{"format", 1}};
  io::write_items(json, record, kItems);
  io::write_sealed_json(repository.root() / kName, json);
}

std::optional<io::TimePoint> next_report(const FleetSchedule& schedule, const ReportRecord& record) {
  const auto due = schedule.report.next_after(record.sent.value_or(record.since), schedule.zone, {});
  if (!due || record.failures == 0 || !record.tried) return due;
  return std::max(*due, *record.tried + pause_after(record.failures));
}

}  // namespace pgkeep::server
