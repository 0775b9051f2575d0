#include "server/cli/verify.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/units.h"
#include "server/fleet/fleet.h"
#include "server/fleet/verification_run.h"
#include "server/terminal/console_progress.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kShownBackups = 5;

std::string concerned(const catalog::StoredDamage& damage) {
  std::vector<std::string> ids;
  for (const auto& id : damage.backups) {
    if (ids.size() == kShownBackups) break;
    ids.push_back(id.to_string());
  }
  const auto more = damage.backups.size() - ids.size();
  return fmt::format("{}{}", fmt::join(ids, ", "), more == 0 ? "" : fmt::format(" and {} more", more));
}

void print(const catalog::StoredDamage& damage, Output& out) {
  out.fact(fmt::format("  {}: {}", describe_place(damage), damage.what));
  if (damage.kind != catalog::StoredKind::backup && !damage.backups.empty())
    out.fact(
        fmt::format("    needed by {}: {}", counted(damage.backups.size(), "backup"), concerned(damage)));
  if (const auto files = describe_files(damage); !files.empty()) out.fact("    for " + files);
}

void print(const ServerConfig& server, const catalog::StoredReport& report, Output& out) {
  out.report(fmt::format("{}: {}", server.name, describe_read(report)));
  for (const auto& name : report.sound_again)
    out.fact(fmt::format("{}: {} is sound again", server.name, name));
  if (report.left_units != 0) {
    out.report(
        fmt::format("{}: {} are left for the next one", server.name, io::format_bytes(report.left_bytes)));
  }
  if (report.proved_since) {
    out.report(fmt::format("{}: {}was read back or written after {}", server.name,
                           report.good() ? "everything " : "all else ",
                           io::format_time(*report.proved_since)));
  }
  if (report.good()) return;
  out.fact(fmt::format("{}: DAMAGED or missing:", server.name));
  for (const auto& damage : report.damage) print(damage, out);
  for (const auto& line : report.besides) out.fact("  " + line);
}

}  // namespace

void VerifyArguments::declare(Syntax& syntax) {
  SomeServers::declare(syntax);
  syntax.option(
      "--older-than", "DURATION",
      "only what was read back, or written, so long ago, as 30d; default: `verification.older_than`",
      older_than, [](const std::string& text) {
        const auto duration =
            text == "0" ? std::optional<std::chrono::milliseconds>(0) : io::parse_duration(text);
        if (!duration)
          throw UsageError(fmt::format("--older-than: a duration is expected, as 30d, not '{}'", text));
        return *duration;
      });
  syntax.option("--budget", "SIZE",
                "read no more than this, as 200GiB; 0: no limit; default: `verification.budget`", budget,
                [](const std::string& text) {
                  const auto size = io::parse_bytes(text);
                  if (!size)
                    throw UsageError(fmt::format("--budget: a size is expected, as 200GiB, not '{}'", text));
                  return *size;
                });
  syntax.number("-j,--jobs", "N", "threads for one server; default: one a core", jobs, 1, kMostJobs);
  syntax.number("--parallel", "N",
                "of several servers, how many at a time; default: `limits.verify` of the configuration",
                parallel, 1, kMostParallel);
  HookArguments::declare(syntax);
}

ServerOutcome verify_and_report(const ServerConfig& server, const store::ServerLayout& layout,
                                const catalog::VerificationLimits& limits, unsigned jobs,
                                WithHooks with_hooks, const Invocation& invocation) {
  ConsoleProgress progress(invocation.out);
  const auto report = verify(server, layout, limits, jobs, with_hooks, progress, invocation.stop);
  progress.clear();
  print(server, report, invocation.out);
  ServerOutcome outcome{.exit = Exit::ok, .what = describe_read(report), .data = verification_json(report)};
  outcome.data["server"] = server.name;
  if (report.good()) return outcome;
  outcome.exit = Exit::failed;
  outcome.what = describe_damage(report);
  invocation.out.error(fmt::format("{}: {}", server.name, outcome.what), outcome.exit);
  return outcome;
}

Exit run_verify(const VerifyArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto servers = choose_servers(fleet.config(), arguments.servers, false);
  const AtOnce at_once{.servers = arguments.parallel.value_or(fleet.config().limits.verifications)};
  const auto threads = arguments.jobs.value_or(one_a_core());
  return for_each_server_at_once(
      servers, at_once, invocation, [&](const ServerConfig& server, const Invocation& part) {
        const auto layout = fleet.layout(server);
        if (!is_known(layout)) {
          part.out.note(fmt::format("{}: nothing is stored yet", server.name));
          return ServerOutcome{.exit = Exit::ok, .what = "nothing is stored yet", .data = {}};
        }
        auto limits = limits_of(server);
        limits.older_than = arguments.older_than.value_or(limits.older_than);
        limits.budget = arguments.budget.value_or(limits.budget);
        return verify_and_report(server, layout, limits, threads, arguments.with_hooks(), part);
      });
}

}  // namespace pgkeep::server
