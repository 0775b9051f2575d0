#include "server/cli/nagios.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace pgkeep::server {
namespace {

std::string_view to_string(MonitorState state) {
  switch (state) {
    case MonitorState::ok:
      return "OK";
    case MonitorState::warning:
      return "WARNING";
    case MonitorState::critical:
      return "CRITICAL";
    case MonitorState::unknown:
      break;
  }
  return "UNKNOWN";
}

MonitorState state_of(Severity severity) {
  if (severity == Severity::failed) return MonitorState::critical;
  return severity == Severity::warning ? MonitorState::warning : MonitorState::ok;
}

/// In one line, without the character that begins performance data.
std::string plain(std::string text) {
  std::ranges::replace(text, '|', '/');
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string performance(const CheckedServer& server, io::TimePoint now) {
  std::string data;
  if (server.newest_backup) {
    const auto age = std::chrono::floor<std::chrono::seconds>(now - *server.newest_backup).count();
    data += fmt::format(" '{}_backup_age'={}s", server.name, std::max<std::int64_t>(age, 0));
  }
  if (server.lag_bytes) data += fmt::format(" '{}_wal_lag'={}B", server.name, *server.lag_bytes);
  return data;
}

/// Of the repository, which all have in common.
std::string performance(std::span<const CheckedServer> servers, io::TimePoint now) {
  std::string data;
  for (const auto& server : servers) data += performance(server, now);
  for (const auto& server : servers) {
    if (!server.free_bytes) continue;
    data += fmt::format(" 'repository_free'={}B", *server.free_bytes);
    break;
  }
  return data.empty() ? data : " |" + data;
}

struct Problem {
  const CheckedServer* server;
  const Finding* finding;
};

std::vector<Problem> problems_of(std::span<const CheckedServer> servers) {
  std::vector<Problem> found;
  for (const auto& server : servers)
    for (const auto& finding : server.findings)
      if (finding.is_problem()) found.push_back({&server, &finding});
  std::ranges::stable_sort(found, std::ranges::greater(),
                           [](const Problem& problem) { return problem.finding->severity; });
  return found;
}

std::string verdict(std::span<const CheckedServer> servers, std::span<const Problem> problems) {
  if (problems.empty()) return fmt::format("{} well", counted(servers.size(), "server"));
  const auto concerned = std::ranges::count_if(
      servers, [](const CheckedServer& server) { return server.worst() >= Severity::warning; });
  return fmt::format("{} of {}: {}: {}", concerned, counted(servers.size(), "server"),
                     problems.front().server->name, describe(*problems.front().finding));
}

}  // namespace

Exit exit_of(MonitorState state) {
  return static_cast<Exit>(state);
}

MonitorState state_of(std::span<const CheckedServer> servers) {
  auto worst = Severity::ok;
  for (const auto& server : servers) worst = std::max(worst, server.worst());
  return state_of(worst);
}

std::vector<std::string> nagios_lines(std::span<const CheckedServer> servers, io::TimePoint now) {
  const auto problems = problems_of(servers);
  std::vector<std::string> lines{fmt::format("PGKEEP {} - {}{}", to_string(state_of(servers)),
                                             plain(verdict(servers, problems)), performance(servers, now))};
  for (const auto& [server, finding] : problems) {
    lines.push_back(plain(fmt::format("{} {}: {}{}{}", to_string(state_of(finding->severity)), server->name,
                                      describe(*finding), finding->hint.empty() ? "" : "; ", finding->hint)));
  }
  return lines;
}

std::string nagios_unknown(std::string_view why) {
  return fmt::format("PGKEEP {} - {}", to_string(MonitorState::unknown), plain(std::string(why)));
}

}  // namespace pgkeep::server
