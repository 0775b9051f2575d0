#include "server/cli/list_wal.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/records/json.h"
#include "catalog/wal/set_aside_line.h"
#include "server/fleet/fleet.h"
#include "server/fleet/stored_records.h"
#include "server/health/wal_facts.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

using catalog::Event;
using catalog::WalGap;
using catalog::WalJoint;
using catalog::WalRange;

Json range_json(const WalRange& range) {
  Json json = range;
  json["bytes"] = range.end - range.begin;
  return json;
}

Json event_json(const Event& event) {
  return {{"at", event.at},
          {"kind", event.kind},
          {"cause", event.cause},
          {"range", event.range ? range_json(*event.range) : Json()}};
}

/// The archived segments, as they are shown.
struct SegmentsShown {
  std::vector<catalog::SegmentSum> of_ranges;  // in the order of the ranges
  std::vector<catalog::SegmentRow> rows;       // where each is asked for
};

/// Of each range, of those that lie in it.
std::vector<catalog::SegmentSum> sums_of(const std::vector<WalRange>& ranges, postgres::WalSegmentSize size,
                                         catalog::StoredSegments& stored) {
  std::vector<catalog::SegmentRun> runs;
  std::vector<std::size_t> range_of;  // of each run
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto first = ranges[i].begin.value() / size.bytes();
    const auto past = ranges[i].end.value() / size.bytes();
    if (past <= first) continue;
    runs.push_back({ranges[i].timeline, first, past - 1});
    range_of.push_back(i);
  }
  std::vector<catalog::SegmentSum> sums(ranges.size());
  const auto of_runs = stored.sums(runs);
  for (std::size_t i = 0; i < runs.size(); ++i) sums[range_of[i]] = of_runs[i];
  return sums;
}

SegmentsShown look_at_segments(const WalFacts& wal, postgres::WalSegmentSize size, bool each,
                               catalog::StoredSegments& stored) {
  SegmentsShown shown{.of_ranges = sums_of(wal.ranges, size, stored), .rows = {}};
  if (each) stored.for_each([&](const catalog::SegmentRow& row) { shown.rows.push_back(row); });
  return shown;
}

std::string describe(const WalGap& gap) {
  const auto& range = gap.range;
  return fmt::format(
      "MISSING: {} to {} of timeline {} ({}); {}", range.begin.to_string(), range.end.to_string(),
      range.timeline.to_string(), io::format_bytes(range.end - range.begin),
      gap.event ? fmt::format("lost, noticed {}: {}", io::format_time(gap.event->at), gap.event->cause)
                : "it may still come");
}

std::string describe_removed(const WalRange& range) {
  return fmt::format("let go by the retention policy: {} to {} of timeline {} ({})", range.begin.to_string(),
                     range.end.to_string(), range.timeline.to_string(),
                     io::format_bytes(range.end - range.begin));
}

std::string describe(const WaitingFacts& waiting, const std::string& server) {
  return fmt::format(
      "pushed, and not proved: {} ({}), {} to {}; "
      "in no recovery before the stream brings it or `pgkeep adopt-wal {}` takes it",
      counted(waiting.files, "file"), io::format_bytes(waiting.bytes), waiting.first, waiting.last, server);
}

std::string describe(const WalJoint& joint) {
  return fmt::format("timeline {} continues on timeline {} at {}", joint.from.to_string(),
                     joint.to.to_string(), joint.at.to_string());
}

void print_ranges(const WalFacts& wal, const std::vector<catalog::SegmentSum>& sums, Output& out) {
  using Align = TablePrinter::Align;
  TablePrinter table({{"TIMELINE", Align::right},
                      {"FROM"},
                      {"TO"},
                      {"WAL", Align::right},
                      {"SEGMENTS", Align::right},
                      {"STORED", Align::right}});
  for (std::size_t i = 0; i < wal.ranges.size(); ++i) {
    const auto& range = wal.ranges[i];
    table.add({range.timeline.to_string(), range.begin.to_string(), range.end.to_string(),
               io::format_bytes(range.end - range.begin), std::to_string(sums[i].segments),
               io::format_bytes(sums[i].stored_bytes)});
  }
  for (const auto& line : table.lines()) out.fact("  " + line);
  for (const auto& joint : wal.joints) out.fact("  " + describe(joint));
  for (const auto& gap : wal.gaps) out.fact("  " + describe(gap));
  for (const auto& gap : wal.removed) out.fact("  " + describe_removed(gap.range));
}

std::string shown_time(const std::optional<io::TimePoint>& time) {
  return time ? io::format_time(*time) : "-";
}

void print_segments(const std::vector<catalog::SegmentRow>& segments, postgres::WalSegmentSize size,
                    Output& out) {
  TablePrinter table(
      {{"SEGMENT"}, {"FROM"}, {"STORED", TablePrinter::Align::right}, {"FIRST COMMIT"}, {"LAST COMMIT"}});
  for (const auto& row : segments) {
    table.add({row.segment.name(size), row.begin.to_string(), io::format_bytes(row.stored_bytes),
               shown_time(row.commits.earliest), shown_time(row.commits.latest)});
  }
  for (const auto& line : table.lines()) out.fact("  " + line);
}

Json segments_json(const std::vector<catalog::SegmentRow>& segments, postgres::WalSegmentSize size) {
  return json_list(segments, [&](const catalog::SegmentRow& row) {
    return Json{{"name", row.segment.name(size)},
                {"timeline", row.segment.timeline},
                {"begin_lsn", row.begin},
                {"end_lsn", row.end},
                {"stored_bytes", row.stored_bytes},
                {"earliest_commit", row.commits.earliest},
                {"latest_commit", row.commits.latest}};
  });
}

Json wal_json(const ServerConfig& server, const WalFacts& wal, const std::vector<catalog::SegmentSum>& sums) {
  auto ranges = Json::array();
  for (std::size_t i = 0; i < wal.ranges.size(); ++i) {
    auto json = range_json(wal.ranges[i]);
    json["segments"] = sums[i].segments;
    json["stored_bytes"] = sums[i].stored_bytes;
    ranges.push_back(std::move(json));
  }
  auto joints = json_list(wal.joints, [](const WalJoint& joint) {
    return Json{{"from", joint.from}, {"to", joint.to}, {"lsn", joint.at}};
  });
  auto gaps = Json::array();
  for (const auto& gap : wal.gaps) {
    auto json = range_json(gap.range);
    json["lost"] = gap.event.has_value();
    json["event"] = gap.event ? event_json(*gap.event) : Json();
    gaps.push_back(std::move(json));
  }
  return {{"server", server.name},
          {"ranges", std::move(ranges)},
          {"joints", std::move(joints)},
          {"gaps", std::move(gaps)},
          {"removed", json_list(wal.removed, [](const WalGap& gap) { return range_json(gap.range); })}};
}

Json line_json(const catalog::SetAsideLine& line) {
  return {{"number", line.number},
          {"set_aside", line.at == io::TimePoint() ? Json() : Json(line.at)},
          {"why", line.why},
          {"damage", text_or_null(line.damage)},
          {"timeline", line.end ? Json(line.end->timeline) : Json()},
          {"end_lsn", line.end ? Json(line.end->lsn) : Json()},
          {"backups", line.backups.size()}};
}

std::string describe(const catalog::SetAsideLine& line) {
  if (!line.damage.empty()) return fmt::format("line {}: {}", line.number, line.damage);
  return fmt::format("line {}, set aside {}{}, with {}: {}", line.number, io::format_time(line.at),
                     line.end ? fmt::format(" at {} of timeline {}", line.end->lsn.to_string(),
                                            line.end->timeline.to_string())
                              : "",
                     counted(line.backups.size(), "backup"), line.why);
}

Json list(const ServerConfig& server, const store::ServerLayout& layout, const ListWalArguments& arguments,
          Output& out) {
  auto archive = open_archive(server, layout);
  const auto size = archive.identity().wal_segment_size;
  const auto held = catalog::HeldWal::read(archive);
  const auto wal = wal_facts(held, catalog::EventJournal(layout).read());
  const auto segments =
      StoredRecords(server, layout, out).of_segments(archive, held.names(), [&](auto& stored) {
        return look_at_segments(wal, size, arguments.segments, stored);
      });
  out.fact(fmt::format("Server {}: {}", server.name,
                       wal.received
                           ? fmt::format("WAL up to {} on timeline {}", wal.received->lsn.to_string(),
                                         wal.received->timeline.to_string())
                           : std::string("no WAL")));
  print_ranges(wal, segments.of_ranges, out);
  auto json = wal_json(server, wal, segments.of_ranges);
  const auto waiting = read_waiting_facts(archive);
  if (waiting.files > 0) out.fact("  " + describe(waiting, server.name));
  json["waiting"] = {{"files", waiting.files}, {"stored_bytes", waiting.bytes}};
  json["lines"] = Json::array();
  for (const auto& line : catalog::read_set_aside_lines(layout)) {
    out.fact("  " + describe(line));
    json["lines"].push_back(line_json(line));
  }
  if (arguments.segments) {
    print_segments(segments.rows, size, out);
    json["segments"] = segments_json(segments.rows, size);
  }
  if (arguments.events) {
    auto events = Json::array();
    for (const auto& event : catalog::EventJournal(layout).read()) {
      out.fact(fmt::format("  {}  {}: {}", io::format_time(event.at), to_string(event.kind), event.cause));
      events.push_back(event_json(event));
    }
    json["events"] = std::move(events);
  }
  return json;
}

}  // namespace

Exit run_list_wal(const ListWalArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto servers = choose_servers(fleet.config(), arguments.servers, false);
  auto data = Json::array();
  const auto exit = for_each_server(servers, invocation.out, [&](const ServerConfig& server) {
    const auto layout = fleet.layout(server);
    if (is_known(layout)) {
      data.push_back(list(server, layout, arguments, invocation.out));
    } else {
      invocation.out.fact(fmt::format("Server {}: nothing is stored yet", server.name));
      data.push_back({{"server", server.name},
                      {"ranges", Json::array()},
                      {"joints", Json::array()},
                      {"gaps", Json::array()},
                      {"removed", Json::array()},
                      {"waiting", {{"files", 0}, {"stored_bytes", 0}}},
                      {"lines", Json::array()}});
    }
    return Exit::ok;
  });
  invocation.out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
