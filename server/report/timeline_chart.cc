#include <algorithm>

#include <fmt/format.h>

#include "server/report/charts.h"
#include "server/report/report_words.h"
#include "server/report/time_axis.h"
#include "server/terminal/output.h"

namespace pgkeep::server {
namespace {

constexpr double kWide = 1000;  // units of the drawings; they are stretched to the width of the page

bool has_any(const ReportedServer& server) {
  return !server.backups.empty() || !server.stretches.empty();
}

/// What is older was written by a clock that was wrong, and stands at the edge.
constexpr io::TimePoint kOldest{std::chrono::sys_days{std::chrono::year{2000} / 1 / 1}};

TimeAxis axis_of(const FleetReport& report) {
  auto from = report.now;
  const auto reach = [&](io::TimePoint at) {
    if (at >= kOldest) from = std::min(from, at);
  };
  for (const auto& server : report.servers) {
    for (const auto& backup : server.backups) reach(backup.ended);
    for (const auto& stretch : server.stretches) reach(stretch.from);
  }
  // The oldest does not stand on the edge.
  return {from - (report.now - from) / 50, report.now};
}

std::string percent(double place) {
  return fmt::format("left:{:.2f}%", 100 * place);
}

/// "36 backups, recoverable from … until …, 1 gap".
std::string in_words(const ReportedServer& server) {
  auto text = counted(server.backups.size(), "backup");
  if (const auto* stretch = server.last_stretch())
    text += fmt::format(", recoverable from {} until {}", to_the_minute(stretch->from),
                        to_the_minute(stretch->until));
  if (server.stretches.size() > 1) text += ", " + counted(server.stretches.size() - 1, "gap");
  return text;
}

void draw_stretches(const ReportedServer& server, const TimeAxis& axis, HtmlWriter& html) {
  const Stretch* before = nullptr;
  for (const auto& stretch : server.stretches) {
    const auto x = kWide * axis.place(stretch.from);
    const auto width = std::max(kWide * axis.place(stretch.until) - x, 2.0);
    html.single("rect", {{"class", "band"},
                         {"x", fmt::format("{:.1f}", x)},
                         {"y", "8"},
                         {"width", fmt::format("{:.1f}", width)},
                         {"height", "10"}});
    if (before != nullptr)
      html.single("path", {{"class", "gap"},
                           {"d", fmt::format("M{:.1f} 13H{:.1f}", kWide * axis.place(before->until), x)}});
    before = &stretch;
  }
}

/// One path for all: a year of a large server has a thousand.
std::string strokes(const ReportedServer& server, const TimeAxis& axis, bool going) {
  std::string path;
  for (const auto& backup : server.backups)
    if (backup.is_going == going)
      path += fmt::format("M{:.1f} {}", kWide * axis.place(backup.ended), going ? "10V16" : "3V23");
  return path;
}

void draw_row(const ReportedServer& server, const TimeAxis& axis, HtmlWriter& html) {
  const auto row = html.in("div", {{"class", "row"}});
  html.element("span", server.name, {{"class", "name"}});
  {
    const auto plot = html.in("span", {{"class", "plot"}});
    const auto words = in_words(server);
    {
      const auto svg = html.in("svg", {{"viewBox", fmt::format("0 0 {} 26", kWide)},
                                       {"preserveAspectRatio", "none"},
                                       {"role", "img"},
                                       {"aria-label", words}});
      html.element("title", words);
      draw_stretches(server, axis, html);
      for (const bool going : {true, false})
        if (const auto path = strokes(server, axis, going); !path.empty())
          html.single("path", {{"class", going ? "going" : "backup"}, {"d", path}});
    }
    if (server.proof && axis.has(server.proof->at))
      html.element("i", "",
                   {{"class", server.proof->sound ? "proof" : "proof bad"},
                    {"style", percent(axis.place(server.proof->at))},
                    {"title", "verified " + to_the_minute(server.proof->at)}});
  }
  const auto gaps = server.stretches.empty() ? 0 : server.stretches.size() - 1;
  html.element("span", gaps == 0 ? std::string() : counted(gaps, "gap"), {{"class", "gaps"}});
}

void draw_axis(const TimeAxis& axis, HtmlWriter& html) {
  const auto row = html.in("div", {{"class", "row axis"}, {"aria-hidden", "true"}});
  html.element("span", "", {{"class", "name"}});
  {
    const auto plot = html.in("span", {{"class", "plot"}});
    for (const auto& tick : axis.ticks()) html.element("b", tick.label, {{"style", percent(tick.place)}});
  }
  html.element("span", "", {{"class", "gaps"}});
}

void draw_legend(HtmlWriter& html) {
  const auto legend = html.in("p", {{"class", "legend"}});
  const auto entry = [&](const char* drawing, const char* path, const char* text) {
    const auto one = html.in("span");
    {
      const auto svg = html.in("svg", {{"viewBox", "0 0 30 26"}, {"aria-hidden", "true"}});
      html.single("path", {{"class", drawing}, {"d", path}});
    }
    html.text(text);
  };
  entry("bandline", "M2 13H28", "can be recovered to any time");
  entry("backup", "M15 3V23", "a backup");
  entry("going", "M15 10V16", "a backup that goes when its grace time is over");
  entry("gap", "M2 13H28", "a gap: no time in it can be recovered to");
  const auto last = html.in("span");
  html.element("i", "", {{"class", "proof"}});
  html.text("last verification");
}

}  // namespace

void draw_timeline(const FleetReport& report, HtmlWriter& html) {
  if (std::ranges::none_of(report.servers, has_any)) return;
  const auto section = html.in("section", {{"class", "timeline"}});
  html.element("h2", "Timeline");
  draw_legend(html);
  const auto axis = axis_of(report);
  const auto card = html.in("div", {{"class", "card"}});
  draw_axis(axis, html);
  for (const auto& server : report.servers)
    if (has_any(server)) draw_row(server, axis, html);
  draw_axis(axis, html);
}

}  // namespace pgkeep::server
