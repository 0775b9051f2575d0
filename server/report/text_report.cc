#include "server/report/text_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/shown_text.h"
#include "server/report/report_words.h"
#include "server/terminal/wrapped_text.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kMostNames = 12;
constexpr std::size_t kNameWidth = 14;

std::string heading(std::string_view title) {
  return fmt::format("\n{}\n{}\n", title, std::string(title.size(), '-'));
}

std::string text_of(const Need& need, io::TimePoint now) {
  const auto who = need.servers.empty() ? std::string("the repository") : names_of(need.servers, kMostNames);
  auto text = wrapped("", 0, who, kReportWidth);
  const auto what = described(need.findings);
  for (std::size_t i = 0; i < what.size(); ++i) {
    const auto& finding = need.findings[i];
    constexpr std::size_t kIndent = 11;
    text += wrapped(fmt::format("  {:<9}", word_of(finding.severity)), kIndent, what[i], kReportWidth);
    const std::string space(kIndent, ' ');
    if (finding.since)
      text += fmt::format("{}since {}, {}\n", space, to_the_minute(*finding.since), age(*finding.since, now));
    if (!finding.hint.empty())
      text += wrapped(space + "next: ", kIndent + 6, shortened(finding.hint, finding.server), kReportWidth);
  }
  return text;
}

std::string needs(const FleetReport& report) {
  const auto found = needs_of(report);
  if (found.empty()) return {};
  auto text = heading("Needs you");
  for (const auto& need : found) {
    if (&need != &found.front()) text += "\n";
    text += text_of(need, report.now);
  }
  return text;
}

/// Without its space, as a narrow column has it: "4min", "1.2GiB".
std::string narrow(std::string text) {
  std::erase(text, ' ');
  return text;
}
std::string narrow(std::uint64_t bytes) {
  return narrow(io::format_bytes(bytes));
}

std::string row(std::string_view mark, std::string_view name, std::string_view backup, std::string_view took,
                std::string_view size, std::string_view added, std::string_view from, std::string_view until,
                std::string_view proof, std::string_view lag) {
  auto text = fmt::format("{:<2}{:<{}} {:>6}  {:>5}  {:>7}  {:>7}  {:>5}  {:>5}  {:>5}  {:>6}", mark, name,
                          kNameWidth, backup, took, size, added, from, until, proof, lag);
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string proof_of(const ReportedServer& server, io::TimePoint now) {
  if (!server.proof) return server.known.proof ? "never" : "?";
  if (!server.proof->sound) return "BAD";
  return (server.proof->left_bytes == 0 ? "" : "~") + narrow(age(server.proof->at, now));
}

/// A name that is longer than its column has a line of its own.
std::string row_of(const ReportedServer& server, io::TimePoint now) {
  const auto ago = [&](io::TimePoint at) { return narrow(age(at, now)); };
  const auto* backup = server.last_backup();
  const auto* stretch = server.last_stretch();
  const std::string_view mark = server.problems.empty() ? "" : "!";
  if (server.recoverable == Recoverable::unused)
    return fmt::format("  {:<{}}  out of service\n", server.name, kNameWidth);
  const auto* no_backup = server.known.backups ? "none" : "?";
  const auto* no_stretch = server.known.stretches ? "-" : "?";
  const bool is_long = width_of(server.name) > kNameWidth;
  const auto before = is_long ? fmt::format("{:<2}{}\n", mark, server.name) : std::string();
  return before + row(is_long ? "" : mark, is_long ? "" : server.name,
                      backup ? ago(backup->ended) : no_backup,
                      backup ? narrow(short_duration(backup->took())) : "",
                      backup ? narrow(backup->data_bytes) : "", backup ? narrow(backup->stored_bytes) : "",
                      stretch ? ago(stretch->from) : no_stretch, stretch ? ago(stretch->until) : no_stretch,
                      proof_of(server, now), server.lag_bytes ? narrow(*server.lag_bytes) : "-");
}

std::string fleet(const FleetReport& report) {
  auto text = heading("Fleet");
  text += row("", "SERVER", "BACKUP", "TOOK", "SIZE", "ADDED", "FROM", "UNTIL", "PROOF", "LAG");
  for (const auto& server : report.servers) text += row_of(server, report.now);
  text += "\n";
  text += wrapped(
      "", 0,
      "BACKUP: how long ago the last one ended. ADDED: what it took in the repository. Recovery reaches "
      "any time from FROM ago to UNTIL ago, without a gap. PROOF: the last verification of backups; BAD where "
      "damage is known, ~ where it left some to the next one. LAG: WAL that the server has and we have not. "
      "A question mark: not known. An exclamation mark: see above.",
      kReportWidth);
  return text;
}

std::string happened(const FleetReport& report) {
  constexpr std::size_t kIndent = 14;
  auto text = heading(fmt::format("Since {}", to_the_minute(report.since)));
  for (const auto& topic : what_happened(report)) {
    auto title = topic.title;
    for (const auto& line : topic.lines) {
      text += wrapped(fmt::format("{:<{}}", title, kIndent), kIndent, line, kReportWidth);
      title.clear();
    }
  }
  return text;
}

}  // namespace

std::string text_report(const FleetReport& report) {
  auto text = wrapped("", 0, headline(report), kReportWidth);
  text += needs(report);
  if (!report.servers.empty()) text += fleet(report) + happened(report);
  if (!report.space_text.empty())
    text +=
        heading("Disk") +
        wrapped("", 0, fmt::format("{}: {}", report.repository.native(), report.space_text), kReportWidth);
  text += "\n" + wrapped("", 0, report.daemon, kReportWidth);
  text += fmt::format("pgkeep {}, {}\n", report.version, io::format_time(report.now));
  return io::without_controls(text);
}

}  // namespace pgkeep::server
