#include "tests/support/plan_fixture.h"

#include <algorithm>

#include <fmt/format.h>

namespace pgkeep::recover {
namespace {

constexpr std::uint64_t kSegmentBytes = 1u << 20;
const postgres::WalSegmentSize kSize(kSegmentBytes);

postgres::WalPosition middle_of(std::uint64_t segment, std::uint32_t timeline) {
  return {postgres::TimelineId(timeline), postgres::Lsn(segment * kSegmentBytes + kSegmentBytes / 2)};
}

}  // namespace

io::TimePoint at_minute(int minute) {
  return io::parse_rfc3339(fmt::format("2026-11-20T02:{:02}:00Z", minute)).value();
}

store::BackupId id_of(int minute) {
  return store::BackupId(at_minute(minute));
}

Repository& Repository::backup(std::uint64_t first, std::uint64_t last, int minute, std::uint32_t timeline) {
  store::BackupRecord record(id_of(minute));
  record.server = "main";
  record.server_version = "18.6";
  record.major_version = 18;
  record.wal_segment_size = kSize;
  record.start = middle_of(first, timeline);
  record.end = middle_of(last, timeline);
  record.started = at_minute(minute);
  record.ended = at_minute(minute);
  record.data_bytes = 1000;
  record.file_count = 3;
  facts.backups.push_back(record);
  return hold();
}

Repository& Repository::wal(std::uint64_t first, std::uint64_t last, std::uint32_t timeline) {
  if (first <= last)
    names_.segments.insert(catalog::SegmentRun{postgres::TimelineId(timeline), first, last});
  return hold();
}

Repository& Repository::partial(std::uint64_t number, std::string_view end, std::uint32_t timeline) {
  ends_[{postgres::TimelineId(timeline), number}] = {.end = lsn(end)};
  return hold();
}

Repository& Repository::sent(std::uint64_t number, int minute, std::uint32_t timeline) {
  facts.last_times.emplace(postgres::WalSegment{postgres::TimelineId(timeline), number}, at_minute(minute));
  return *this;
}

Repository& Repository::commits(std::uint64_t number, std::optional<int> minute, std::uint32_t timeline) {
  auto& times = facts.commits[{postgres::TimelineId(timeline), number}];
  times.known = true;
  if (minute) times.add(at_minute(*minute));
  return *this;
}

Repository& Repository::history(std::uint32_t timeline, std::string_view content) {
  const postgres::TimelineId id(timeline);
  names_.histories.emplace(id, postgres::TimelineHistory::parse(id, content));
  return hold();
}

Repository& Repository::damaged_history(std::uint32_t timeline, const std::string& why) {
  names_.damaged_histories.emplace(postgres::TimelineId(timeline), why);
  return hold();
}

Repository& Repository::hold() {
  facts.wal = {names_, ends_, kSize};
  return *this;
}

RecoveryRequest request() {
  RecoveryRequest result;
  result.server = "main";
  result.destination = "/restored/main";
  return result;
}

RecoveryRequest request(const RecoveryTarget& target) {
  auto result = request();
  result.target = target;
  return result;
}

postgres::Lsn lsn(std::string_view text) {
  return postgres::Lsn::parse(text).value();
}

std::string wal_of(const RecoveryPlan& plan) {
  std::string text;
  for (const auto& file : plan.wal) {
    text += fmt::format("{}{}:{}{}", text.empty() ? "" : " ", file.segment.timeline.to_string(),
                        file.segment.number, file.partial ? "p" : "");
  }
  return text;
}

}  // namespace pgkeep::recover
