#include "server/report/html_mail.h"

#include <string_view>

#include <fmt/format.h>

#include "server/report/fleet_table.h"
#include "server/report/html_sections.h"
#include "server/report/report_words.h"

namespace pgkeep::server {
namespace {

// Some mail programs know no variables and no grid.
constexpr std::string_view kMailStyle = R"(
body { font-family: Arial, "DejaVu Sans", sans-serif; font-size: 14px; color: #1b2430; margin: 16px; }
h1 { font-size: 22px; margin: 4px 0 12px; }
h2 { font-size: 17px; margin: 24px 0 8px; }
h3 { font-size: 15px; margin: 0 0 4px; }
p { margin: 0 0 2px; }
ul { list-style: none; margin: 0; padding: 0; }
li { margin: 0 0 8px; padding: 0; }
code { font-family: "DejaVu Sans Mono", monospace; font-size: 13px; background: #eef1f4; }
.soft { color: #566272; }
.about { display: block; font-size: 12px; font-weight: normal; }
.finding { margin-top: 3px; }
.need { border: 1px solid #dbe1e8; border-left: 6px solid #b3261e; padding: 8px 12px; margin: 0 0 8px; }
.need.warning { border-left: 6px double #7a5200; }
.pill { font-size: 11px; font-weight: bold; padding: 1px 6px; border: 1px solid; text-decoration: none; }
.pill.failed { background: #b3261e; color: #ffffff; border-color: #b3261e; }
.pill.warning { color: #7a5200; border-style: dashed; }
table { border-collapse: collapse; }
th, td { border-bottom: 1px solid #dbe1e8; padding: 4px 8px; text-align: right; vertical-align: top; white-space: nowrap; }
thead th { white-space: normal; vertical-align: bottom; }
tbody th, thead th:first-child { text-align: left; white-space: normal; }
dt { font-weight: bold; margin-top: 6px; }
dd { margin: 0 0 2px 12px; }
footer { margin-top: 20px; color: #566272; font-size: 12px; }
)";

}  // namespace

std::string html_mail(const FleetReport& report) {
  HtmlWriter html;
  html.own("<!DOCTYPE html>\n");
  {
    const auto document = html.in("html", {{"lang", "en"}});
    {
      const auto head = html.in("head");
      html.single("meta", {{"charset", "utf-8"}});
      html.element("title", "pgkeep: " + verdict(report));
      const auto style = html.in("style");
      html.own(kMailStyle);
    }
    const auto body = html.in("body");
    html.element("h1", headline(report));
    write_needs(report, html);
    write_fleet_table(report, html);
    write_topics(report, html);
    html.element("p", "The attached page has the timeline of the backups and charts of growth.",
                 {{"class", "soft"}});
    write_footer(report, html);
  }
  return html.take() + "\n";
}

}  // namespace pgkeep::server
