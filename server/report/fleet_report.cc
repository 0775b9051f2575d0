#include "server/report/fleet_report.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "server/terminal/output.h"

namespace pgkeep::server {
namespace {

bool is_same(const Finding& a, const Finding& b) {
  return a.key == b.key && a.severity == b.severity && a.what == b.what && a.hint == b.hint;
}

/// Those that several servers have, each with its servers.
std::vector<Need> shared_needs(const FleetReport& report) {
  std::vector<Need> needs;
  for (const auto& server : report.servers) {
    for (const auto& finding : server.problems) {
      const auto same = std::ranges::find_if(
          needs, [&](const Need& need) { return is_same(need.findings.front(), finding); });
      if (same == needs.end()) {
        needs.push_back({{server.name}, {finding}});
        continue;
      }
      same->servers.push_back(server.name);
      auto& since = same->findings.front().since;
      if (finding.since) since = std::min(since.value_or(*finding.since), *finding.since);
    }
  }
  std::erase_if(needs, [](const Need& need) { return need.servers.size() == 1; });
  return needs;
}

/// Those of the same servers together.
std::vector<Need> merged(std::vector<Need> needs) {
  std::vector<Need> merged;
  for (auto& need : needs) {
    const auto same = std::ranges::find(merged, need.servers, &Need::servers);
    if (same == merged.end())
      merged.push_back(std::move(need));
    else
      same->findings.push_back(std::move(need.findings.front()));
  }
  for (auto& need : merged)
    std::ranges::stable_sort(need.findings, std::ranges::greater(), &Finding::severity);
  return merged;
}

std::size_t count(const FleetReport& report, Recoverable state) {
  return static_cast<std::size_t>(std::ranges::count(report.servers, state, &ReportedServer::recoverable));
}

std::string of_one(const ReportedServer& server) {
  switch (server.recoverable) {
    case Recoverable::yes:
      return server.name + " can be recovered";
    case Recoverable::no:
      return server.name + " cannot be recovered";
    case Recoverable::unknown:
      return fmt::format("whether {} can be recovered cannot be told", server.name);
    case Recoverable::unused:
      break;
  }
  return server.name + " is out of service";
}

/// "58 of 60 servers can be recovered".
std::string of_all(const FleetReport& report) {
  const auto expected = report.expected();
  const auto recoverable = report.recoverable();
  const auto unknown = count(report, Recoverable::unknown);
  if (recoverable == expected) return fmt::format("all {} servers can be recovered", expected);
  if (unknown == expected)
    return fmt::format("whether any of {} servers can be recovered cannot be told", expected);
  auto text = fmt::format("{} of {} servers can be recovered",
                          recoverable == 0 ? "none" : std::to_string(recoverable), expected);
  if (unknown != 0) text += fmt::format(", and of {} it cannot be told", unknown);
  return text;
}

std::string who_needs_you(const FleetReport& report) {
  const auto servers = static_cast<std::size_t>(std::ranges::count_if(
      report.servers, [](const ReportedServer& server) { return !server.problems.empty(); }));
  const bool disk = !report.repository_problems.empty();
  if (servers == 0) return disk ? "the repository needs you" : "nothing needs you";
  auto text = report.servers.size() == 1 ? std::string("it needs you")
                                         : fmt::format("{} need{} you", servers, servers == 1 ? "s" : "");
  return disk ? text + ", and so does the repository" : text;
}

}  // namespace

std::size_t FleetReport::expected() const {
  return servers.size() - count(*this, Recoverable::unused);
}

std::size_t FleetReport::recoverable() const {
  return count(*this, Recoverable::yes);
}

std::vector<Need> needs_of(const FleetReport& report) {
  const auto shared = shared_needs(report);
  const auto is_shared = [&](const Finding& finding) {
    return std::ranges::any_of(shared,
                               [&](const Need& need) { return is_same(need.findings.front(), finding); });
  };
  auto needs = merged(shared);
  for (const auto& server : report.servers) {
    Need need{{server.name}, server.problems};
    std::erase_if(need.findings, is_shared);
    if (!need.findings.empty()) needs.push_back(std::move(need));
  }
  if (!report.repository_problems.empty()) needs.insert(needs.begin(), {{}, report.repository_problems});
  std::ranges::stable_sort(needs, std::ranges::greater(), &Need::severity);
  return needs;
}

std::string verdict(const FleetReport& report) {
  if (report.servers.empty()) return "no server is configured";
  const auto expected = report.expected();
  if (expected == 0) return "no server is in service; " + who_needs_you(report);
  if (expected > 1) return fmt::format("{}; {}", of_all(report), who_needs_you(report));
  const auto is_expected = [](const ReportedServer& server) {
    return server.recoverable != Recoverable::unused;
  };
  return fmt::format("{}; {}", of_one(*std::ranges::find_if(report.servers, is_expected)),
                     who_needs_you(report));
}

}  // namespace pgkeep::server
