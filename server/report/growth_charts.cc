#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "server/report/charts.h"
#include "server/report/report_words.h"
#include "server/report/time_axis.h"

namespace pgkeep::server {
namespace {

constexpr double kWide = 1000;
constexpr double kHigh = 100;
constexpr std::size_t kMostGrown = 8;

class Chart {
 public:
  Chart(HtmlWriter& html, const char* title, const std::string& words)
      : html_(&html), figure_(html.in("figure", {{"class", "card"}})) {
    html.element("figcaption", title);
    html.element("p", words);
  }
  /// A drawing of kWide by kHigh, which is stretched.
  [[nodiscard]] HtmlWriter::Inside drawing(const std::string& label) {
    return html_->in("svg", {{"class", "chart"},
                             {"viewBox", fmt::format("0 0 {} {}", kWide, kHigh)},
                             {"preserveAspectRatio", "none"},
                             {"role", "img"},
                             {"aria-label", label}});
  }
  void axis(const TimeAxis& axis) {
    const auto labels = html_->in("div", {{"class", "plot labels"}, {"aria-hidden", "true"}});
    for (const auto& tick : axis.ticks())
      html_->element("b", tick.label, {{"style", fmt::format("left:{:.2f}%", 100 * tick.place)}});
  }

 private:
  HtmlWriter* html_;
  HtmlWriter::Inside figure_;
};

std::vector<store::SpaceSample> samples_until_now(const FleetReport& report) {
  auto samples = report.space->samples;
  std::erase_if(samples, [&](const store::SpaceSample& sample) { return sample.at >= report.now; });
  samples.push_back({report.now, report.space->disk});
  return samples;
}

double used_part(const store::SpaceSample& sample) {
  const auto total = static_cast<double>(std::max<std::uint64_t>(sample.disk.total, 1));
  return std::clamp(1 - static_cast<double>(sample.disk.free) / total, 0.0, 1.0);
}

}  // namespace

void draw_disk(const FleetReport& report, HtmlWriter& html) {
  if (!report.space) return;
  const auto samples = samples_until_now(report);
  if (samples.size() < 2) return;
  const TimeAxis axis(samples.front().at, report.now);
  Chart chart(html, "How full the disk is",
              fmt::format("{} to {} of {} in use; the top edge is full",
                          io::format_bytes(samples.front().disk.total - samples.front().disk.free),
                          io::format_bytes(report.space->disk.total - report.space->disk.free),
                          io::format_bytes(report.space->disk.total)));
  std::string line;
  for (const auto& sample : samples)
    line += fmt::format("{}{:.1f} {:.1f}", line.empty() ? "M" : "L", kWide * axis.place(sample.at),
                        kHigh * (1 - used_part(sample)));
  {
    const auto svg = chart.drawing(report.space_text);
    html.single("path",
                {{"class", "area"},
                 {"d", fmt::format("{}V{}H{:.1f}Z", line, kHigh, kWide * axis.place(samples.front().at))}});
    html.single("path", {{"class", "curve"}, {"d", line}});
    html.single("path", {{"class", "edge"}, {"d", fmt::format("M0 0H{}M0 {}H{}", kWide, kHigh, kWide)}});
  }
  chart.axis(axis);
}

void draw_added_by_day(const FleetReport& report, HtmlWriter& html) {
  std::vector<std::uint64_t> days(static_cast<std::size_t>(kServiceDays.count()));
  for (const auto& server : report.servers) {
    if (!server.service) continue;
    const auto& added = server.service->added_by_day;
    for (std::size_t day = 0; day < std::min(days.size(), added.size()); ++day) days[day] += added[day];
  }
  const auto most = *std::ranges::max_element(days);
  if (most == 0) return;
  const auto all = std::accumulate(days.begin(), days.end(), std::uint64_t{0});
  const auto words = fmt::format("{} in {} days, at most {} in one; those that have gone since are counted",
                                 io::format_bytes(all), days.size(), io::format_bytes(most));
  Chart chart(html, "What backups added, by day", words);
  {
    const auto svg = chart.drawing(words);
    const auto width = kWide / static_cast<double>(days.size());
    for (std::size_t day = 0; day < days.size(); ++day) {
      const auto height = kHigh * static_cast<double>(days[day]) / static_cast<double>(most);
      html.single("rect", {{"class", "bar"},
                           {"x", fmt::format("{:.1f}", static_cast<double>(day) * width + width / 8)},
                           {"y", fmt::format("{:.1f}", kHigh - height)},
                           {"width", fmt::format("{:.1f}", width * 3 / 4)},
                           {"height", fmt::format("{:.1f}", height)}});
    }
    html.single("path", {{"class", "edge"}, {"d", fmt::format("M0 {}H{}", kHigh, kWide)}});
  }
  chart.axis(TimeAxis(report.now - kServiceDays, report.now));
}

void draw_growth(const FleetReport& report, HtmlWriter& html) {
  const auto grown = grown_most(report, kMostGrown);
  if (grown.empty()) return;
  const auto most = static_cast<double>(grown.front()->changes.added_bytes());
  const Chart chart(html, "Who grew most",
                    fmt::format("backups and WAL since {}", to_the_minute(report.since)));
  for (const auto* server : grown) {
    const auto bytes = server->changes.added_bytes();
    const auto row = html.in("div", {{"class", "grown"}});
    html.element("span", server->name, {{"class", "name"}});
    {
      const auto svg = html.in(
          "svg", {{"viewBox", "0 0 100 10"}, {"preserveAspectRatio", "none"}, {"aria-hidden", "true"}});
      html.single("rect",
                  {{"class", "bar"},
                   {"width", fmt::format("{:.1f}", std::max(100 * static_cast<double>(bytes) / most, 0.5))},
                   {"height", "10"}});
    }
    html.element("span", io::format_bytes(bytes), {{"class", "bytes"}});
  }
}

}  // namespace pgkeep::server
