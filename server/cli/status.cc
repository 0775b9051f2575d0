#include "server/cli/status.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/cli/checked_server.h"
#include "server/fleet/fleet.h"
#include "server/health/findings.h"
#include "server/health/server_status.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {

namespace {

/// One line a server: what one reads with the first coffee.
class FleetTable {
 public:
  explicit FleetTable(io::TimePoint now) : now_(now) {}

  void add(const ServerStatus& status) {
    const auto& facts = status.facts;
    const auto lag = facts.lag();
    auto wrong = problems(examine(facts, now_));
    std::erase_if(wrong, [](const Finding& finding) { return finding.is_of_repository(); });  // once for all
    table_.add({facts.config.name, facts.config.active ? stream_word(facts.stream) : "inactive",
                lag ? io::format_bytes(*lag) : "-", kept(status), latest_backup(status), until(status),
                wrong.empty() ? Toned("")
                              : Toned(first_line(describe(wrong.front())), tone_of(wrong.front().severity))});
  }
  void print(Output& out) const { table_.print(out); }

 private:
  using Align = TablePrinter::Align;

  /// The whole of it is for who asks about the server.
  static std::string first_line(const std::string& problem) { return problem.substr(0, problem.find('\n')); }
  static std::string kept(const ServerStatus& status) {
    const auto& report = status.facts.stream.slot;
    const auto bytes = report && report->facts.slot ? report->facts.slot->retained_bytes : std::nullopt;
    return bytes ? io::format_bytes(*bytes) : "-";
  }
  std::string ago(io::TimePoint time) const {
    const auto age = std::chrono::floor<std::chrono::seconds>(now_ - time);
    return io::format_duration(std::max(age, std::chrono::seconds(0))) + " ago";
  }
  std::string latest_backup(const ServerStatus& status) const {
    const auto& stored = status.facts.stored;
    if (stored && !stored->unread_backups.empty()) return "unreadable";
    return !stored || stored->backups.empty() ? "none" : ago(stored->backups.back().ended);
  }
  std::string until(const ServerStatus& status) const {
    return status.recoverable_until ? ago(*status.recoverable_until) : "-";
  }

  io::TimePoint now_;
  TablePrinter table_{{{"SERVER"},
                       {"STREAM"},
                       {"BEHIND", Align::right},
                       {"SLOT KEEPS", Align::right},
                       {"LATEST BACKUP", Align::right},
                       {"LAST COMMIT", Align::right},
                       {"PROBLEM"}}};
};

void describe_daemon(const std::optional<DaemonReport>& daemon, Output& out) {
  if (!daemon) {
    out.note("no daemon serves this repository; `pgkeep serve` receives WAL for all servers");
    return;
  }
  out.fact(fmt::format("pgkeep serve: process {} since {}, {}", daemon->pid, io::format_time(daemon->started),
                       counted(daemon->servers.size(), "server")));
  if (!daemon->config_problem.empty())
    out.warning(
        fmt::format("the daemon continues with the configuration of {}; it refused the current file: {}",
                    io::format_time(daemon->configured), daemon->config_problem));
}

/// Once for all servers, as it is for the one that leaves the most for WAL.
void describe_space(const std::optional<SpaceFacts>& space, const std::vector<const ServerConfig*>& servers,
                    io::TimePoint now, Output& out) {
  if (!space || servers.empty()) return;
  const auto reserve = [&](const ServerConfig* server) { return server->reserve.bytes_of(space->disk); };
  ServerFacts facts;
  facts.config.reserve = (*std::ranges::max_element(servers, {}, reserve))->reserve;
  facts.space = space;
  out.fact(fmt::format("{}: {}", space->root.native(), describe(*space, facts.config.reserve, now)));
  for (const auto& finding : problems(examine(facts, now)))
    if (finding.is_of_repository()) out.warning(describe(finding));
}

}  // namespace

Exit run_status(const AnyServers& arguments, const Invocation& invocation) {
  auto& out = invocation.out;
  const auto config = load_config(invocation.config_file);
  const auto repository = open_repository_if_there(config);
  const auto& names = arguments.servers;
  const bool fleet = names.empty() || names == std::vector<std::string>{"all"};
  const auto servers = choose_servers(config, names, false);
  const auto daemon = find_daemon(repository, out);
  const auto now = io::now();
  const auto space = repository ? space_facts_to_show(*repository, out) : std::nullopt;
  FleetTable table(now);
  auto data = Json::array();
  const auto exit = for_each_server(servers, invocation.out, [&](const ServerConfig& server) {
    auto status = read_stored_status(server, repository, daemon, warnings_to(out));
    status.facts.space = space;
    if (fleet) {
      table.add(status);
    } else {
      ask_server(status.facts, until_stopped(invocation.stop));
      out.fact(fmt::format("Server {}:", server.name));
      for (const auto& line : describe(status, now)) out.fact("  " + line);
    }
    data.push_back(status_json(status, now));
    return Exit::ok;
  });
  if (fleet) {
    describe_daemon(daemon, out);
    describe_space(space, servers, now, out);
    table.print(out);
  }
  out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
