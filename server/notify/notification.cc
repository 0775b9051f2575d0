#include "server/notify/notification.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/store/json.h"
#include "server/terminal/version.h"
#include "server/terminal/wrapped_text.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kWidth = 78;
constexpr std::size_t kMostServers = 5;           // that are named in a subject
constexpr std::size_t kLongestSlackText = 12000;  // bytes; longer ones are cut off or cut up

using Kind = FindingChange::Kind;

/// Its name, or what stands for all.
std::string_view place_of(const FindingChange& change) {
  return change.finding.server.empty() ? "the repository" : std::string_view(change.finding.server);
}

std::string_view mark_of(const FindingChange& change) {
  if (change.kind == Kind::gone) return "GONE";
  if (change.kind == Kind::better) return "BETTER";
  return change.finding.severity == Severity::failed ? "FAILED" : "WARNING";
}

std::string describe(const FindingChange& change) {
  return change.kind == Kind::gone ? std::string(label_of(change.finding.key)) : describe(change.finding);
}

/// In Slack's text these three have a meaning.
std::string escaped(std::string_view text) {
  std::string escaped;
  for (const char character : text) {
    if (character == '&')
      escaped += "&amp;";
    else if (character == '<')
      escaped += "&lt;";
    else if (character == '>')
      escaped += "&gt;";
    else
      escaped += character;
  }
  return escaped;
}

std::string names_of(const std::vector<const FindingChange*>& changes) {
  std::set<std::string> names;
  for (const auto* change : changes) names.emplace(place_of(*change));
  const auto more = names.size() - std::min(names.size(), kMostServers);
  std::vector<std::string> shown(names.begin(),
                                 std::next(names.begin(), static_cast<std::ptrdiff_t>(names.size() - more)));
  return fmt::format("{}{}", fmt::join(shown, ", "), more == 0 ? "" : fmt::format(" and {} more", more));
}

/// Takes over what two looks at a server in a row agree on.
void settle(const FleetFindings::Server& last, const FleetFindings::Server& now,
            FleetFindings::Server& steady) {
  steady.answered = last.answered && now.answered;
  steady.doubtful.clear();
  for (const auto& [key, finding] : now.findings) {
    const auto before = last.findings.find(key);
    if (before != last.findings.end() && before->second.severity == finding.severity)
      steady.findings.insert_or_assign(key, finding);
    else if (!steady.findings.contains(key))
      steady.doubtful.insert(key);
  }
  for (const auto& [key, finding] : last.findings)
    if (!now.findings.contains(key) && !steady.findings.contains(key)) steady.doubtful.insert(key);
  if (steady.answered)
    std::erase_if(steady.findings, [&](const auto& known) {
      return !last.findings.contains(known.first) && !now.findings.contains(known.first);
    });
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::appeared:
      return "appeared";
    case Kind::worse:
      return "worse";
    case Kind::better:
      return "better";
    case Kind::gone:
      break;
  }
  return "gone";
}

FleetFindings problems_of(const std::vector<CheckedServer>& checked) {
  FleetFindings fleet;
  fleet.servers[""].answered = true;
  for (const auto& server : checked) {
    auto& mine = fleet.servers[server.name];
    mine.answered = server.answered;
    for (const auto& finding : server.findings) {
      if (!finding.is_problem()) continue;
      auto& place = finding.is_of_repository() ? fleet.servers[""] : mine;
      auto& known = place.findings.try_emplace(finding.key, finding).first->second;
      if (known.severity < finding.severity) known = finding;
      if (finding.is_of_repository()) known.server.clear();
    }
  }
  return fleet;
}

FleetFindings findings_to_tell(FleetFindings now, const ToldFindings& told, NotifyFrom from) {
  const auto least = from == NotifyFrom::failed ? Severity::failed : Severity::warning;
  for (auto& [name, server] : now.servers) {
    const auto known = told.find(name);
    std::erase_if(server.findings, [&](const auto& found) {
      return found.second.severity < least && (known == told.end() || !known->second.contains(found.first));
    });
  }
  return now;
}

std::optional<FleetFindings> SteadyFindings::take(FleetFindings look) {
  std::erase_if(steady_.servers, [&](const auto& known) { return !look.servers.contains(known.first); });
  const bool is_first = !last_;
  if (!is_first)
    for (const auto& [name, now] : look.servers) settle(last_->servers[name], now, steady_.servers[name]);
  last_ = std::move(look);
  return is_first ? std::nullopt : std::optional(steady_);
}

std::vector<FindingChange> changes_to_tell(const ToldFindings& told, const FleetFindings& now) {
  std::vector<FindingChange> changes;
  for (const auto& [name, server] : now.servers) {
    const auto found = told.find(name);
    const auto& before = found == told.end() ? ToldFindings::mapped_type() : found->second;
    for (const auto& [key, finding] : server.findings) {
      const auto known = before.find(key);
      if (known == before.end())
        changes.push_back({Kind::appeared, finding, Severity::ok});
      else if (known->second != finding.severity)
        changes.push_back(
            {known->second < finding.severity ? Kind::worse : Kind::better, finding, known->second});
    }
    if (!server.answered) continue;
    for (const auto& [key, severity] : before)
      if (!server.findings.contains(key) && !server.doubtful.contains(key))
        changes.push_back({Kind::gone, {.key = key, .what = {}, .server = name}, severity});
  }
  std::ranges::stable_sort(changes, [](const FindingChange& a, const FindingChange& b) {
    return std::pair(a.finding.server, b.finding.severity) < std::pair(b.finding.server, a.finding.severity);
  });
  return changes;
}

ToldFindings told_after(const ToldFindings& told, const FleetFindings& now) {
  ToldFindings after;
  for (const auto& [name, server] : now.servers) {
    auto& mine = after[name];
    if (const auto before = told.find(name); before != told.end())
      for (const auto& [key, severity] : before->second)
        if (!server.answered || server.doubtful.contains(key)) mine.emplace(key, severity);
    for (const auto& [key, finding] : server.findings) mine[key] = finding.severity;
    if (mine.empty()) after.erase(name);
  }
  return after;
}

std::string summary_of(const std::vector<FindingChange>& changes) {
  if (changes.size() == 1) {
    const auto& only = changes.front();
    const auto what = only.kind == Kind::gone ? fmt::format("{} is well again", label_of(only.finding.key))
                                              : describe(only);
    return fmt::format("{}: {}", place_of(only), what.substr(0, what.find('\n')));
  }
  std::vector<const FindingChange*> problems;
  std::vector<const FindingChange*> relief;
  for (const auto& change : changes)
    (change.kind == Kind::appeared || change.kind == Kind::worse ? problems : relief).push_back(&change);
  std::string text;
  if (!problems.empty())
    text = fmt::format("{} ({})", counted(problems.size(), "new problem"), names_of(problems));
  if (!relief.empty())
    text +=
        fmt::format("{}{} gone or better ({})", text.empty() ? "" : ", ", relief.size(), names_of(relief));
  return text;
}

std::string text_of(const std::vector<FindingChange>& changes) {
  constexpr std::size_t kIndent = 10;
  std::string text;
  std::string_view server;
  for (const auto& change : changes) {
    if (text.empty() || server != place_of(change)) {
      server = place_of(change);
      text += fmt::format("{}{}\n", text.empty() ? "" : "\n", server);
    }
    text += wrapped(fmt::format("  {:<7} ", mark_of(change)), kIndent, describe(change), kWidth);
    if (change.kind != Kind::gone && !change.finding.hint.empty())
      text += wrapped(std::string(kIndent, ' '), kIndent, change.finding.hint, kWidth);
  }
  return text;
}

Json json_of(const std::vector<FindingChange>& changes, const std::string& host, io::TimePoint now) {
  auto list = json_list(changes, [](const FindingChange& change) {
    const auto& finding = change.finding;
    return Json{{"change", to_string(change.kind)},
                {"server", text_or_null(finding.server)},
                {"key", finding.key},
                {"label", label_of(finding.key)},
                {"severity", change.kind == Kind::gone ? name_of(Severity::ok) : name_of(finding.severity)},
                {"before", name_of(change.before)},
                {"finding", text_or_null(finding.what)},
                {"hint", text_or_null(finding.hint)},
                {"since", finding.since ? Json(*finding.since) : Json()}};
  });
  return {{"pgkeep", {{"version", kVersion}, {"schema", kJsonSchema}}},
          {"host", host},
          {"sent_at", now},
          {"summary", summary_of(changes)},
          {"changes", std::move(list)}};
}

Json slack_of(const std::vector<FindingChange>& changes, const std::string& host) {
  std::string text = fmt::format("*pgkeep on {}*: {}\n", escaped(host), escaped(summary_of(changes)));
  for (std::size_t told = 0; told < changes.size(); ++told) {
    const auto& change = changes[told];
    const auto line =
        fmt::format("• `{}` {}: {}\n", mark_of(change), escaped(place_of(change)), escaped(describe(change)));
    if (told != 0 && text.size() + line.size() > kLongestSlackText) {
      text += fmt::format("and {} more; `pgkeep check` tells all\n", changes.size() - told);
      break;
    }
    text += line;
  }
  text.pop_back();
  return {{"text", std::move(text)}};
}

}  // namespace pgkeep::server
