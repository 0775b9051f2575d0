#include "server/report/html_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/report/charts.h"
#include "server/report/fleet_table.h"
#include "server/report/html_style.h"
#include "server/report/report_words.h"
#include "server/terminal/output.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kMostNames = 12;

const char* class_of(Severity severity) {
  return severity == Severity::failed ? "pill failed" : "pill warning";
}

void write_head(const FleetReport& report, HtmlWriter& html) {
  const auto head = html.in("head");
  html.single("meta", {{"charset", "utf-8"}});
  html.single("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  html.single("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  // Nothing is loaded and nothing runs, whatever a message from a server may hold.
  html.single("meta", {{"http-equiv", "Content-Security-Policy"},
                       {"content", "default-src 'none'; style-src 'unsafe-inline'"}});
  html.element("title", "pgkeep: " + verdict(report));
  const auto style = html.in("style");
  html.own(kReportStyle);
}

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
    failed += server.changes.failed.size();
    added += server.changes.added_bytes();
  }
  const bool disk = !report.repository_problems.empty();
  const auto tiles = html.in("div", {{"class", "tiles"}});
  write_tile("Can be recovered", fmt::format("{} of {}", report.recoverable(), report.expected()), "servers",
             report.recoverable() < report.expected(), html);
  write_tile("Need you", std::to_string(needing), disk ? "servers, and the repository" : "servers",
             needing != 0 || disk, html);
  write_tile("Backups", std::to_string(made),
             failed == 0 ? "none failed" : counted(failed, "run") + " failed", failed != 0, html);
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

void write_finding(const Finding& finding, const std::string& what, io::TimePoint now, HtmlWriter& html) {
  const auto item = html.in("li");
  html.element("span", word_of(finding.severity), {{"class", class_of(finding.severity)}});
  const auto body = html.in("div", {{"class", "finding"}});
  {
    const auto line = html.in("p");
    html.text_with_code(what);
  }
  if (finding.since)
    html.element("p", fmt::format("since {}, {}", to_the_minute(*finding.since), age(*finding.since, now)),
                 {{"class", "soft"}});
  if (finding.hint.empty()) return;
  const auto next = html.in("p", {{"class", "next"}});
  html.element("b", "Next: ");
  html.text_with_code(shortened(finding.hint, finding.server));
}

void write_need(const Need& need, io::TimePoint now, HtmlWriter& html) {
  const auto* kind = need.severity() == Severity::failed ? "card need failed" : "card need warning";
  const auto card = html.in("article", {{"class", kind}});
  const auto who = need.servers.empty() ? std::string("the repository") : names_of(need.servers, kMostNames);
  html.element("h3", who);
  const auto what = described(need.findings);
  const auto list = html.in("ul");
  for (std::size_t i = 0; i < what.size(); ++i) write_finding(need.findings[i], what[i], now, html);
}

void write_needs(const FleetReport& report, HtmlWriter& html) {
  const auto needs = needs_of(report);
  const auto section = html.in("section", {{"id", "needs"}});
  html.element("h2", "Needs you");
  if (needs.empty()) html.element("p", "Nothing.", {{"class", "card"}});
  for (const auto& need : needs) write_need(need, report.now, html);
}

void write_topics(const FleetReport& report, HtmlWriter& html) {
  const auto section = html.in("section");
  html.element("h2", fmt::format("Since {}", to_the_minute(report.since)));
  const auto list = html.in("dl", {{"class", "card"}});
  for (const auto& topic : what_happened(report)) {
    html.element("dt", topic.title);
    for (const auto& line : topic.lines) {
      const auto item = html.in("dd");
      html.text_with_code(line);
    }
  }
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

void write_footer(const FleetReport& report, HtmlWriter& html) {
  const auto footer = html.in("footer");
  if (!report.space_text.empty())
    html.element("p", fmt::format("{}: {}", report.repository.native(), report.space_text));
  {
    const auto line = html.in("p");
    html.text_with_code(report.daemon);
  }
  html.element("p", fmt::format("pgkeep {}, {}", report.version, io::format_time(report.now)));
}

}  // namespace

std::string html_report(const FleetReport& report) {
  HtmlWriter html;
  html.own("<!DOCTYPE html>\n");
  {
    const auto document = html.in("html", {{"lang", "en"}});
    write_head(report, html);
    const auto body = html.in("body");
    const auto main = html.in("main");
    write_header(report, html);
    write_needs(report, html);
    write_fleet_table(report, html);
    draw_timeline(report, html);
    write_charts(report, html);
    if (!report.servers.empty()) write_topics(report, html);
    write_footer(report, html);
  }
  return html.take() + "\n";
}

}  // namespace pgkeep::server
