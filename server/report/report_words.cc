#include "server/report/report_words.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/shown_text.h"
#include "server/terminal/output.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kMostLines = 20;
constexpr std::size_t kMostGrown = 5;

/// The reader's attention has an end; JSON has all.
void add_limited(std::vector<std::string> lines, Topic& topic) {
  const auto more = lines.size() > kMostLines ? lines.size() - kMostLines : 0;
  lines.resize(lines.size() - more);
  topic.lines.insert(topic.lines.end(), std::make_move_iterator(lines.begin()),
                     std::make_move_iterator(lines.end()));
  if (more != 0) topic.lines.push_back(fmt::format("and {} more: `--format json` has all", more));
}

/// A line of a server.
struct ServersLine {
  std::size_t newer = 0;  // so many of the same server came after it
  io::TimePoint at;
  std::string text;
};

/// A line for each happening of all servers that `of` picks. Of too many the newest of each server come
/// first, so that one that has much to tell hides no other.
std::vector<std::string> lines_of(const FleetReport& report, std::vector<Happening> ServerChanges::*of) {
  std::vector<ServersLine> found;
  for (const auto& server : report.servers) {
    const auto& happenings = server.changes.*of;
    for (std::size_t i = 0; i < happenings.size(); ++i) {
      const auto& one = happenings[i];
      found.push_back(
          {happenings.size() - 1 - i, one.at,
           fmt::format("{}, {}: {}", server.name, to_the_minute(one.at), shortened(one.what, server.name))});
    }
  }
  if (found.size() > kMostLines)
    std::ranges::stable_sort(found, [](const ServersLine& a, const ServersLine& b) {
      return a.newer != b.newer ? a.newer < b.newer : a.at > b.at;
    });
  std::vector<std::string> lines;
  lines.reserve(found.size());
  for (auto& line : found) lines.push_back(std::move(line.text));
  return lines;
}

template <typename Value>
Value sum(const FleetReport& report, Value (*of)(const ServerChanges&)) {
  Value all{};
  for (const auto& server : report.servers) all += of(server.changes);
  return all;
}

/// What ran of the server since the report begins; nothing ran of one that was never in service.
bool is_known(const ReportedServer& server) {
  return server.known.runs || server.recoverable == Recoverable::unused;
}

/// Whose figures are too small.
Topic not_known(const FleetReport& report) {
  constexpr std::size_t kMostNames = 12;
  std::vector<std::string> names;
  for (const auto& server : report.servers)
    if (!is_known(server)) names.push_back(server.name);
  Topic topic{"Not known", {}};
  if (!names.empty())
    topic.lines.push_back(fmt::format(
        "not all that ran of {}: the journal of runs cannot be read, or there were more than are read",
        names_of(names, kMostNames)));
  return topic;
}

Topic backups(const FleetReport& report) {
  const auto made =
      sum<std::size_t>(report, [](const ServerChanges& changes) { return changes.backups_made; });
  const auto bytes =
      sum<std::uint64_t>(report, [](const ServerChanges& changes) { return changes.backup_bytes; });
  const auto wal = sum<std::uint64_t>(report, [](const ServerChanges& changes) { return changes.wal_bytes; });
  const bool all_known = std::ranges::all_of(report.servers, is_known);
  auto line = made == 0
                  ? std::string(all_known ? "no backup was made" : "no backup is known to have been made")
                  : fmt::format("{} made, which added {}", counted(made, "backup"), io::format_bytes(bytes));
  line += wal == 0 ? "; no WAL is known to have come" : fmt::format("; WAL added {}", io::format_bytes(wal));
  return {"Backups", {std::move(line)}};
}

Topic growth(const FleetReport& report) {
  const auto grown = grown_most(report, kMostGrown);
  std::vector<std::string> texts;
  texts.reserve(grown.size());
  for (const auto* server : grown)
    texts.push_back(fmt::format("{} {}", server->name, io::format_bytes(server->changes.added_bytes())));
  Topic topic{"Grew most", {}};
  if (texts.size() > 1) topic.lines.push_back(fmt::format("{}", fmt::join(texts, ", ")));
  return topic;
}

/// Backups that went for one reason.
struct GoneFor {
  std::string why;
  std::vector<std::pair<std::string, std::vector<std::string>>> servers;  // each with the ids of its backups
};

std::vector<GoneFor> by_reason(const FleetReport& report, std::vector<GoneBackup> ServerChanges::*of) {
  std::vector<GoneFor> reasons;
  for (const auto& server : report.servers) {
    for (const auto& one : server.changes.*of) {
      auto reason = std::ranges::find(reasons, one.why, &GoneFor::why);
      if (reason == reasons.end()) reason = reasons.insert(reason, {one.why, {}});
      auto& servers = reason->servers;
      if (servers.empty() || servers.back().first != server.name) servers.push_back({server.name, {}});
      servers.back().second.push_back(one.id.empty() ? "one that was missing" : one.id);
    }
  }
  return reasons;
}

/// What a policy does to a whole fleet in a night is one line.
std::vector<std::string> lines_of(const GoneFor& reason) {
  constexpr std::size_t kNamed = 3;
  const auto why = reason.why.empty() ? std::string() : "; " + shortened(reason.why, "");
  if (reason.servers.size() > kNamed) {
    std::size_t backups = 0;
    for (const auto& [server, ids] : reason.servers) backups += ids.size();
    return {
        fmt::format("{} of {}{}", counted(backups, "backup"), counted(reason.servers.size(), "server"), why)};
  }
  std::vector<std::string> lines;
  for (const auto& [server, ids] : reason.servers)
    lines.push_back(fmt::format("{}: {}{}", server, names_of(ids, kNamed), why));
  return lines;
}

Topic gone(const FleetReport& report, const char* title, std::vector<GoneBackup> ServerChanges::*of) {
  std::vector<std::string> lines;
  for (const auto& reason : by_reason(report, of))
    std::ranges::move(lines_of(reason), std::back_inserter(lines));
  Topic topic{title, {}};
  add_limited(std::move(lines), topic);
  return topic;
}

Topic removed(const FleetReport& report) {
  auto topic = gone(report, "Removed", &ServerChanges::removed);
  const auto freed =
      sum<std::uint64_t>(report, [](const ServerChanges& changes) { return changes.freed_bytes; });
  if (freed != 0) topic.lines.push_back(fmt::format("{} freed by expiries", io::format_bytes(freed)));
  return topic;
}

Topic verified(const FleetReport& report) {
  Topic topic{"Verified", {}};
  const auto runs =
      sum<std::size_t>(report, [](const ServerChanges& changes) { return changes.verifications; });
  if (runs == 0) return topic;
  const auto bytes =
      sum<std::uint64_t>(report, [](const ServerChanges& changes) { return changes.verified_bytes; });
  auto damage = lines_of(report, &ServerChanges::damage);
  topic.lines.push_back(fmt::format("{}, {} read back, {}", counted(runs, "verification"),
                                    io::format_bytes(bytes),
                                    damage.empty() ? "nothing damaged" : "with damage:"));
  add_limited(std::move(damage), topic);
  return topic;
}

Topic listed(const FleetReport& report, const char* title, std::vector<Happening> ServerChanges::*of) {
  Topic topic{title, {}};
  add_limited(lines_of(report, of), topic);
  return topic;
}

/// Of the fleet, and of the server that was the longest without.
Topic service(const FleetReport& report) {
  Topic topic{fmt::format("Last {} days", kServiceDays.count()), {}};
  std::size_t succeeded = 0;
  std::size_t all = 0;
  const ReportedServer* worst = nullptr;
  for (const auto& server : report.servers) {
    if (!server.service) continue;
    succeeded += server.service->succeeded;
    all += server.service->succeeded + server.service->failed;
    const auto& without = server.service->longest_without;
    if (without && (worst == nullptr || *without > *worst->service->longest_without)) worst = &server;
  }
  if (all == 0 && worst == nullptr) return topic;
  topic.lines.push_back(all == 0 ? "no backup run"
                                 : fmt::format("{} of {} succeeded", succeeded, counted(all, "backup run")));
  if (worst != nullptr)
    topic.lines.back() += fmt::format("; the longest time without a new backup was {}, of {}",
                                      io::format_duration(*worst->service->longest_without), worst->name);
  return topic;
}

}  // namespace

std::string short_duration(std::chrono::milliseconds duration) {
  const auto seconds = std::max<std::int64_t>(std::chrono::floor<std::chrono::seconds>(duration).count(), 0);
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  if (seconds < kMinute) return fmt::format("{} s", seconds);
  if (seconds < kHour) return fmt::format("{} min", seconds / kMinute);
  return seconds < 2 * kDay ? fmt::format("{} h", seconds / kHour) : fmt::format("{} d", seconds / kDay);
}

std::string age(io::TimePoint at, io::TimePoint now) {
  return short_duration(std::chrono::duration_cast<std::chrono::milliseconds>(now - at));
}

std::string to_the_minute(io::TimePoint time) {
  constexpr std::string_view kSeconds = ":00 UTC";
  auto text = io::format_time(std::chrono::floor<std::chrono::minutes>(time));
  if (text.ends_with(kSeconds)) text.replace(text.size() - kSeconds.size(), kSeconds.size(), " UTC");
  return text;
}

std::string headline(const FleetReport& report) {
  auto text = verdict(report) + ".";
  const bool begins_with_name = std::ranges::any_of(report.servers, [&](const ReportedServer& server) {
    return report.expected() == 1 && text.starts_with(server.name + " can");
  });
  if (!begins_with_name && text.front() >= 'a' && text.front() <= 'z') text.front() -= 'a' - 'A';
  return text;
}

std::string_view word_of(Severity severity) {
  return severity == Severity::failed ? "FAILED" : "WARNING";
}

std::string names_of(const std::vector<std::string>& servers, std::size_t at_most) {
  if (servers.empty()) return {};
  const auto shown = std::span(servers).first(std::min(servers.size(), at_most));
  if (shown.size() < servers.size())
    return fmt::format("{} and {} more", fmt::join(shown, ", "), servers.size() - shown.size());
  if (shown.size() == 1) return shown.front();
  return fmt::format("{} and {}", fmt::join(shown.first(shown.size() - 1), ", "), shown.back());
}

std::vector<std::string> described(const std::vector<Finding>& findings) {
  constexpr std::size_t kLong = 40;  // what is shorter reads as well twice
  std::vector<std::string> texts;
  for (const auto& finding : findings) {
    auto text = describe(finding);
    for (const auto& before : findings) {
      if (&before == &finding) break;
      const auto place = before.what.size() < kLong ? text.npos : text.find(before.what);
      if (place != text.npos) text.replace(place, before.what.size(), "as above");
    }
    texts.push_back(shortened(text, finding.server));
  }
  return texts;
}

std::string shortened(std::string_view text, const std::string& server) {
  constexpr std::size_t kLongest = 450;  // all hints but those with long lists are shorter
  if (text.size() <= kLongest) return std::string(text);
  auto kept = io::cut_text(text, kLongest);
  kept = kept.substr(0, kept.rfind(' '));
  return fmt::format("{} ... (`pgkeep report{}{} --format json` has the rest)", kept,
                     server.empty() ? "" : " ", server);
}

std::vector<const ReportedServer*> grown_most(const FleetReport& report, std::size_t at_most) {
  std::vector<const ReportedServer*> grown;
  for (const auto& server : report.servers)
    if (server.changes.added_bytes() != 0) grown.push_back(&server);
  std::ranges::stable_sort(grown, std::ranges::greater(),
                           [](const ReportedServer* server) { return server->changes.added_bytes(); });
  grown.resize(std::min(grown.size(), at_most));
  return grown;
}

std::vector<Topic> what_happened(const FleetReport& report) {
  std::vector<Topic> topics{backups(report),
                            growth(report),
                            listed(report, "Failed", &ServerChanges::failed),
                            listed(report, "Bad pages", &ServerChanges::bad_pages),
                            verified(report),
                            gone(report, "Expired", &ServerChanges::expired),
                            removed(report),
                            listed(report, "Happened", &ServerChanges::events),
                            service(report),
                            not_known(report)};
  std::erase_if(topics, [](const Topic& topic) { return topic.lines.empty(); });
  return topics;
}

}  // namespace pgkeep::server
