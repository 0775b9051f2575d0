#include "server/report/html_sections.h"

#include <fmt/format.h>

#include "server/report/html_style.h"
#include "server/report/report_words.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kMostNames = 12;

const char* class_of(Severity severity) {
  return severity == Severity::failed ? "pill failed" : "pill warning";
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

}  // namespace

void write_head(const std::string& title, const LivePage* live, HtmlWriter& html) {
  const auto head = html.in("head");
  html.single("meta", {{"charset", "utf-8"}});
  html.single("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  html.single("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  // Nothing is loaded and nothing runs, whatever a message from a server may hold. The daemon sends a policy
  // of its own with a live page.
  if (live == nullptr)
    html.single("meta", {{"http-equiv", "Content-Security-Policy"},
                         {"content", "default-src 'none'; style-src 'unsafe-inline'"}});
  html.element("title", title);
  {
    const auto style = html.in("style");
    html.own(kReportStyle);
    if (live != nullptr) html.own(kLiveStyle);
  }
  if (live == nullptr) return;
  {
    const auto without = html.in("noscript");
    html.single("meta", {{"http-equiv", "refresh"}, {"content", std::to_string(live->refresh.count())}});
  }
  const auto script = html.in("script", {{"type", "module"}});  // which waits for the rest of the page
  html.own(kPageScript);
}

void write_needs(const FleetReport& report, HtmlWriter& html) {
  const auto needs = needs_of(report);
  const auto section = html.in("section", {{"id", "needs"}});
  html.element("h2", "Needs you");
  if (needs.empty()) html.element("p", "Nothing.", {{"class", "card"}});
  for (const auto& need : needs) write_need(need, report.now, html);
}

void write_topics(const FleetReport& report, HtmlWriter& html) {
  if (report.servers.empty()) return;
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

}  // namespace pgkeep::server
