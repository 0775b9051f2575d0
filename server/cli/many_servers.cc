#include "server/cli/many_servers.h"

#include <mutex>
#include <optional>
#include <unistd.h>

#include "catalog/io/units.h"
#include "server/fleet/fleet.h"
#include "server/terminal/live_lines.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

using Clock = std::chrono::steady_clock;

/// A server's line in the table.
struct Done {
  ServerOutcome outcome;
  Clock::duration took{};
  bool begun = false;
};

Toned result_of(const Done& done) {
  if (!done.begun) return {"not begun", Tone::warning};
  if (done.outcome.exit == Exit::ok) return {"done", Tone::good};
  return done.outcome.exit == Exit::partly ? Toned("partly done", Tone::warning) : Toned("failed", Tone::bad);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

void print_table(const std::vector<const ServerConfig*>& servers, const std::vector<Done>& all, Output& out) {
  if (out.quiet()) return;
  using Align = TablePrinter::Align;
  TablePrinter table({{"SERVER"}, {"RESULT"}, {"TOOK", Align::right}, {"WHAT"}});
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(all[i].took);
    table.add({servers[i]->name, result_of(all[i]), all[i].begun ? io::format_duration(took) : "-",
               first_line(all[i].outcome.what)});
  }
  table.print(out);
}

}  // namespace

Exit for_each_server_at_once(
    const std::vector<const ServerConfig*>& servers, const AtOnce& limits, const Invocation& invocation,
    const std::function<ServerOutcome(const ServerConfig&, const Invocation&)>& work) {
  auto& out = invocation.out;
  auto data = Json::array();
  const auto add = [&](ServerOutcome& outcome) {
    if (!outcome.data.is_null()) data.push_back(std::move(outcome.data));
  };
  if (servers.size() == 1) {
    auto outcome = work(*servers.front(), invocation);
    add(outcome);
    out.data(std::move(data));
    return outcome.exit;
  }

  std::optional<LiveLines> live;
  if (!out.quiet() && ::isatty(STDERR_FILENO) == 1) live.emplace(stderr);
  std::vector<Done> all(servers.size());
  std::mutex joining;
  for_each_at_once(servers, limits, [&](std::size_t i) {
    if (invocation.stop.stop_requested()) return;
    const auto& name = servers[i]->name;
    auto part = out.part(name, live ? &*live : nullptr);
    if (live) live->set(name, "begins");
    const auto began = Clock::now();
    auto& done = all[i];
    done.begun = true;
    try {
      done.outcome = work(*servers[i], {invocation.config_file, part, invocation.stop});
    } catch (const Error& error) {
      part.failure(error.what());
      done.outcome = {.exit = Exit::failed, .what = error.what(), .data = {}};
    }
    done.took = Clock::now() - began;
    if (live) live->remove(name);
    const std::lock_guard lock(joining);
    out.join(part);
  });
  live.reset();

  print_table(servers, all, out);
  if (invocation.stop.stop_requested()) throw Interrupted("stopped");
  std::vector<std::string> failed;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (all[i].outcome.exit != Exit::ok) failed.push_back(servers[i]->name);
    add(all[i].outcome);
  }
  out.data(std::move(data));
  return tell_of_failed(failed, servers.size(), out);
}

}  // namespace pgkeep::server
