#include "server/report/fleet_table.h"

#include <optional>

#include <fmt/format.h>

#include "server/report/live_page.h"
#include "server/report/report_words.h"

namespace pgkeep::server {
namespace {

class Row {
 public:
  Row(const ReportedServer& server, io::TimePoint now, bool live, HtmlWriter& html)
      : server_(&server), now_(now), live_(live), html_(&html) {}

  void write() {
    const auto row =
        live_ ? html_->in("tr", {{"data-problem", server_->problems.empty() ? "" : "yes"}}) : html_->in("tr");
    write_name();
    if (server_->recoverable == Recoverable::unused) {
      html_->element("td", "out of service", {{"colspan", "8"}, {"class", "soft"}});
      return;
    }
    const auto* backup = server_->last_backup();
    time("Last backup", backup ? std::optional(backup->ended) : std::nullopt,
         server_->known.backups ? "none" : "?");
    cell("Took", backup ? short_duration(backup->took()) : "-", {},
         backup ? key(backup->took().count()) : "");
    bytes("Size", backup ? std::optional(backup->data_bytes) : std::nullopt);
    bytes("Added", backup ? std::optional(backup->stored_bytes) : std::nullopt);
    const auto* stretch = server_->last_stretch();
    const auto* no_stretch = server_->known.stretches ? "-" : "?";
    time("Recoverable from", stretch ? std::optional(stretch->from) : std::nullopt, no_stretch);
    time("until", stretch ? std::optional(stretch->until) : std::nullopt, no_stretch);
    const auto& proof = server_->proof;
    if (proof && !proof->sound)
      cell("Verified", "DAMAGE", to_the_minute(proof->at), "0");
    else if (proof && proof->left_bytes != 0)
      cell("Verified", fmt::format("{} ago, in part", age(proof->at, now_)), to_the_minute(proof->at),
           key(proof->at));
    else
      time("Verified", proof ? std::optional(proof->at) : std::nullopt, server_->known.proof ? "never" : "?");
    bytes("WAL lag", server_->lag_bytes);
  }

 private:
  void write_name() {
    const auto cell = html_->in("th", {{"scope", "row"}});
    if (live_)
      html_->element("a", server_->name,
                     {{"class", "name"}, {"href", std::string(kServerPages) + server_->name}});
    else
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

  // What a script sorts by: a number, less being earlier or smaller.
  static std::string key(std::int64_t number) { return std::to_string(number); }
  static std::string key(io::TimePoint at) {
    return key(std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
  }

  /// `sort`: see key(); empty where there is nothing, which comes last.
  void cell(const char* title, const std::string& text, const std::string& exact = {},
            const std::string& sort = {}) {
    if (live_)
      html_->element("td", text, {{"data-title", title}, {"data-sort", sort}, {"title", exact}});
    else if (exact.empty())
      html_->element("td", text, {{"data-title", title}});
    else
      html_->element("td", text, {{"data-title", title}, {"title", exact}});
  }

  void bytes(const char* title, const std::optional<std::uint64_t>& number) {
    cell(title, number ? io::format_bytes(*number) : "-", {}, number ? std::to_string(*number) : "");
  }

  /// How long ago, and exactly on demand.
  void time(const char* title, const std::optional<io::TimePoint>& at, const char* none) {
    if (!at) {
      cell(title, none);
      return;
    }
    cell(title, age(*at, now_) + " ago", to_the_minute(*at), key(*at));
  }

  const ReportedServer* server_;
  io::TimePoint now_;
  bool live_;
  HtmlWriter* html_;
};

}  // namespace

void write_fleet_table(const FleetReport& report, HtmlWriter& html, bool live) {
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
  for (const auto& server : report.servers) Row(server, report.now, live, html).write();
}

}  // namespace pgkeep::server
