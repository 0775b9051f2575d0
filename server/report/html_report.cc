#include "server/report/html_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/report/charts.h"
#include "server/report/fleet_table.h"
#include "server/report/html_sections.h"
#include "server/report/report_words.h"
#include "server/terminal/output.h"

namespace pgkeep::server {
namespace {

void write_tile(const char* title, const std::string& value, const std::string& more, bool alarming,
                HtmlWriter& html) {
  const auto tile = html.in("div", {{"class", alarming ? "tile alarming" : "tile"}});
  html.element("span", title, {{"class", "title"}});
  html.element("strong", value);
  html.element("span", more, {{"class", "more"}});
}

void write_tiles(const FleetReport& report, HtmlWriter& html) {
  std::size_t needing = 0;
  std::size_t made = 0;
  std::size_t failed = 0;
  std::uint64_t added = 0;
  for (const auto& server : report.servers) {
    needing += server.problems.empty() ? 0 : 1;
    made += server.changes.backups_made;
    failed += server.changes.backups_failed;
    added += server.changes.added_bytes();
  }
  const bool disk = !report.repository_problems.empty();
  const auto tiles = html.in("div", {{"class", "tiles"}});
  write_tile("Can be recovered", fmt::format("{} of {}", report.recoverable(), report.expected()), "servers",
             report.recoverable() < report.expected(), html);
  write_tile("Need you", std::to_string(needing), disk ? "servers, and the repository" : "servers",
             needing != 0 || disk, html);
  write_tile("Backups", std::to_string(made), failed == 0 ? "none failed" : fmt::format("{} failed", failed),
             failed != 0, html);
  write_tile("Added", io::format_bytes(added), "backups and WAL", false, html);
  if (report.space)
    write_tile("Free", io::format_bytes(report.space->disk.free),
               "of " + io::format_bytes(report.space->disk.total), disk, html);
}

void write_header(const FleetReport& report, HtmlWriter& html) {
  const auto header = html.in("header");
  html.element("p",
               fmt::format("pgkeep, {}; what happened since {}", to_the_minute(report.now),
                           to_the_minute(report.since)),
               {{"class", "soft"}});
  html.element("h1", headline(report));
  write_tiles(report, html);
}

void write_charts(const FleetReport& report, HtmlWriter& html) {
  HtmlWriter charts;
  draw_growth(report, charts);
  draw_added_by_day(report, charts);
  draw_disk(report, charts);
  const auto drawn = charts.take();
  if (drawn.empty()) return;
  const auto section = html.in("section");
  html.element("h2", "Growth");
  const auto grid = html.in("div", {{"class", "charts"}});
  html.own(drawn);
}

std::string written(const FleetReport& report, const LivePage* live) {
  HtmlWriter html;
  html.own("<!DOCTYPE html>\n");
  {
    const auto document = html.in("html", {{"lang", "en"}});
    write_head("pgkeep: " + verdict(report), live, html);
    const auto body = html.in("body");
    const auto main = html.in("main");
    write_header(report, html);
    write_needs(report, html);
    write_fleet_table(report, html, live != nullptr);
    draw_timeline(report, html);
    write_charts(report, html);
    write_topics(report, html);
    write_footer(report, html);
  }
  return html.take() + "\n";
}

}  // namespace

std::string html_report(const FleetReport& report) {
  return written(report, nullptr);
}

std::string fleet_page(const FleetReport& report, const LivePage& live) {
  return written(report, &live);
}

}  // namespace pgkeep::server
