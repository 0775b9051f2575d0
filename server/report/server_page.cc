#include "server/report/server_page.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/report/charts.h"
#include "server/report/html_sections.h"
#include "server/report/report_words.h"
#include "server/terminal/output.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kMostBackups = 1000;  // a year of a large server

/// The report about that server alone.
std::optional<FleetReport> only(const FleetReport& report, const std::string& name) {
  const auto server = std::ranges::find(report.servers, name, &ReportedServer::name);
  if (server == report.servers.end()) return std::nullopt;
  FleetReport one;
  one.now = report.now;
  one.since = report.since;
  one.version = report.version;
  one.repository = report.repository;
  one.daemon = report.daemon;
  one.space_text = report.space_text;
  one.servers = {*server};
  return one;
}

void write_header(const FleetReport& report, HtmlWriter& html) {
  const auto& server = report.servers.front();
  {
    const auto nav = html.in("nav");
    html.element("a", "All servers", {{"href", "/"}});
  }
  const auto header = html.in("header");
  html.element("p", fmt::format("pgkeep, {}", to_the_minute(report.now)), {{"class", "soft"}});
  html.element("h1", headline(report));
  const auto about =
      server.description.empty() ? server.stream : fmt::format("{}; {}", server.description, server.stream);
  html.element("p", about, {{"class", "soft about"}});
}

void write_cell(const char* title, const std::string& text, HtmlWriter& html) {
  html.element("td", text, {{"data-title", title}});
}

/// A table with these columns; `rows` writes its rows.
template <typename Rows>
void write_table(const char* title, std::initializer_list<const char*> columns, Rows rows, HtmlWriter& html) {
  const auto section = html.in("section");
  html.element("h2", title);
  const auto table = html.in("table", {{"class", "card list"}});
  {
    const auto head = html.in("thead");
    const auto row = html.in("tr");
    for (const auto* column : columns) html.element("th", column, {{"scope", "col"}});
  }
  const auto body = html.in("tbody");
  rows();
}

void write_backups(const ReportedServer& server, HtmlWriter& html) {
  if (server.backups.empty()) return;
  const auto shown = std::min(server.backups.size(), kMostBackups);
  const auto write = [&] {
    for (auto backup = server.backups.rbegin();
         backup != server.backups.rbegin() + static_cast<std::ptrdiff_t>(shown); ++backup) {
      const auto row = html.in("tr");
      html.element("th", backup->id, {{"scope", "row"}});
      write_cell("Ended", to_the_minute(backup->ended), html);
      write_cell("Took", short_duration(backup->took()), html);
      write_cell("Size", io::format_bytes(backup->data_bytes), html);
      write_cell("Added", io::format_bytes(backup->stored_bytes), html);
      write_cell("Remark", backup->is_going ? "goes when its grace time is over" : "", html);
    }
  };
  write_table("Backups", {"Backup", "Ended", "Took", "Size", "Added", "Remark"}, write, html);
  if (shown < server.backups.size())
    html.element("p", fmt::format("and {} older ones", server.backups.size() - shown), {{"class", "soft"}});
}

/// Newest first, with the gap before each.
void write_stretches(const ReportedServer& server, HtmlWriter& html) {
  if (server.stretches.empty()) return;
  const auto write = [&] {
    for (auto stretch = server.stretches.rbegin(); stretch != server.stretches.rend(); ++stretch) {
      const auto row = html.in("tr");
      html.element("th", to_the_minute(stretch->from), {{"scope", "row"}});
      write_cell("Until", to_the_minute(stretch->until), html);
      write_cell("Long", age(stretch->from, stretch->until), html);
      const auto older = stretch + 1;
      write_cell("Gap before", older == server.stretches.rend() ? "" : age(older->until, stretch->from),
                 html);
    }
  };
  write_table("Can be recovered to any time", {"From", "Until", "Long", "Gap before"}, write, html);
}

std::string proof_text(const ReportedServer& server, io::TimePoint now) {
  const auto& proof = server.proof;
  if (!proof) return server.known.proof ? "never" : "not known";
  auto text = fmt::format("{} ({} ago), {}", to_the_minute(proof->at), age(proof->at, now),
                          proof->sound ? "no damage is known" : "damage is known");
  if (proof->left_bytes != 0)
    text += fmt::format("; {} left to the next ones", io::format_bytes(proof->left_bytes));
  if (proof->all_since) text += fmt::format("; all was read back since {}", to_the_minute(*proof->all_since));
  return text;
}

std::string service_text(const BackupService& service) {
  auto text = fmt::format("{} succeeded, {} failed in {} days", counted(service.succeeded, "backup"),
                          service.failed, kServiceDays.count());
  if (service.longest_without)
    text += fmt::format("; at most {} without one", short_duration(*service.longest_without));
  return text;
}

void write_facts(const FleetReport& report, HtmlWriter& html) {
  const auto& server = report.servers.front();
  const auto section = html.in("section");
  html.element("h2", "How it is");
  const auto list = html.in("dl", {{"class", "card"}});
  const auto fact = [&](const char* what, const std::string& text) {
    html.element("dt", what);
    html.element("dd", text);
  };
  fact("WAL stream", server.lag_bytes
                         ? fmt::format("{}, {} behind", server.stream, io::format_bytes(*server.lag_bytes))
                         : server.stream);
  if (server.known.wal) fact("WAL stored", io::format_bytes(server.wal_bytes));
  fact("Verified", proof_text(server, report.now));
  if (server.service) fact("Jobs", service_text(*server.service));
}

void write_checks(const ReportedServer& server, HtmlWriter& html) {
  if (server.findings.empty()) return;
  const auto section = html.in("section");
  html.element("h2", "Checks");
  const auto list = html.in("dl", {{"class", "card"}});
  for (const auto& finding : server.findings) {
    html.element("dt", to_string(finding.severity));
    const auto what = html.in("dd");
    html.text_with_code(describe(finding));
  }
}

}  // namespace

std::optional<std::string> server_page(const FleetReport& report, const std::string& server,
                                       const LivePage& live) {
  const auto one = only(report, server);
  if (!one) return std::nullopt;
  HtmlWriter html;
  html.own("<!DOCTYPE html>\n");
  {
    const auto document = html.in("html", {{"lang", "en"}});
    write_head("pgkeep: " + verdict(*one), &live, html);
    const auto body = html.in("body");
    const auto main = html.in("main");
    write_header(*one, html);
    write_needs(*one, html);
    write_facts(*one, html);
    draw_timeline(*one, html);
    {
      const auto charts = html.in("div", {{"class", "charts"}});
      draw_added_by_day(*one, html);
    }
    write_stretches(one->servers.front(), html);
    write_backups(one->servers.front(), html);
    write_topics(*one, html);
    write_checks(one->servers.front(), html);
    write_footer(*one, html);
  }
  return html.take() + "\n";
}

}  // namespace pgkeep::server
