#include "server/report/fleet_table.h"

#include <optional>

#include <fmt/format.h>

#include "server/report/report_words.h"

namespace pgkeep::server {
namespace {

class Row {
 public:
  Row(const ReportedServer& server, io::TimePoint now, HtmlWriter& html)
      : server_(&server), now_(now), html_(&html) {}

  void write() {
    const auto row = html_->in("tr");
    write_name();
    if (server_->recoverable == Recoverable::unused) {
      html_->element("td", "out of service", {{"colspan", "8"}, {"class", "soft"}});
      return;
    }
    const auto* backup = server_->last_backup();
    time("Last backup", backup ? std::optional(backup->ended) : std::nullopt,
         server_->known.backups ? "none" : "?");
    cell("Took", backup ? short_duration(backup->took()) : "-");
    cell("Size", backup ? io::format_bytes(backup->data_bytes) : "-");
    cell("Added", backup ? io::format_bytes(backup->stored_bytes) : "-");
    const auto* stretch = server_->last_stretch();
    const auto* no_stretch = server_->known.stretches ? "-" : "?";
    time("Recoverable from", stretch ? std::optional(stretch->from) : std::nullopt, no_stretch);
    time("until", stretch ? std::optional(stretch->until) : std::nullopt, no_stretch);
    const auto& proof = server_->proof;
    if (proof && !proof->sound)
      cell("Verified", "DAMAGE", to_the_minute(proof->at));
    else if (proof && proof->left_bytes != 0)
      cell("Verified", fmt::format("{} ago, in part", age(proof->at, now_)), to_the_minute(proof->at));
    else
      time("Verified", proof ? std::optional(proof->at) : std::nullopt, server_->known.proof ? "never" : "?");
    cell("WAL lag", server_->lag_bytes ? io::format_bytes(*server_->lag_bytes) : "-");
  }

 private:
  void write_name() {
    const auto cell = html_->in("th", {{"scope", "row"}});
    html_->element("span", server_->name, {{"class", "name"}});
    if (!server_->problems.empty()) {
      const auto severity = server_->problems.front().severity;
      html_->element(
          "a", word_of(severity),
          {{"href", "#needs"}, {"class", severity == Severity::failed ? "pill failed" : "pill warning"}});
    }
    const auto about = server_->description.empty()
                           ? server_->stream
                           : fmt::format("{}; {}", server_->description, server_->stream);
    html_->element("span", about, {{"class", "soft about"}});
  }

  void cell(const char* title, const std::string& text, const std::string& exact = {}) {
    if (exact.empty())
      html_->element("td", text, {{"data-title", title}});
    else
      html_->element("td", text, {{"data-title", title}, {"title", exact}});
  }

  /// How long ago, and exactly on demand.
  void time(const char* title, const std::optional<io::TimePoint>& at, const char* none) {
    if (!at) {
      cell(title, none);
      return;
    }
    cell(title, age(*at, now_) + " ago", to_the_minute(*at));
  }

  const ReportedServer* server_;
  io::TimePoint now_;
  HtmlWriter* html_;
};

}  // namespace

void write_fleet_table(const FleetReport& report, HtmlWriter& html) {
  if (report.servers.empty()) return;
  const auto section = html.in("section");
  html.element("h2", "Fleet");
  const auto table = html.in("table", {{"class", "card fleet"}});
  {
    const auto head = html.in("thead");
    const auto row = html.in("tr");
    for (const auto* title : {"Server", "Last backup", "Took", "Size", "Added", "Recoverable from", "until",
                              "Verified", "WAL lag"})
      html.element("th", title, {{"scope", "col"}});
  }
  const auto body = html.in("tbody");
  for (const auto& server : report.servers) Row(server, report.now, html).write();
}

}  // namespace pgkeep::server
