#include "server/cli/verify_wal.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "catalog/index/recorded_run.h"
#include "catalog/verify/whole_wal_verification.h"
#include "catalog/wal/set_aside_line.h"
#include "server/fleet/backup_facts.h"
#include "server/fleet/fleet.h"
#include "server/terminal/console_progress.h"

namespace pgkeep::server {
namespace {

std::string whose(const std::string& server, const store::ServerLayout& line) {
  return line.line() ? fmt::format("{}, line {}", server, *line.line()) : server;
}

void print(const std::string& whose, const catalog::WalVerificationReport& report, Output& out) {
  if (report.good()) {
    out.report(fmt::format("the WAL of {} is {}: {} in {}", whose, good_word(report.formats_known),
                           io::format_bytes(report.bytes), counted(report.segments, "segment")));
    return;
  }
  out.fact(fmt::format("the WAL of {} is DAMAGED:", whose));
  for (const auto& finding : report.findings) out.fact("  " + finding);
}

Json json_of(const store::ServerLayout& line, const catalog::WalVerificationReport& report) {
  return {{"line", line.line()},         {"good", report.good()}, {"formats_known", report.formats_known},
          {"segments", report.segments}, {"bytes", report.bytes}, {"findings", report.findings}};
}

}  // namespace

Exit run_verify_wal(const VerifyWalArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  const auto layout = fleet.layout(server);
  require_known(server, layout);
  auto lines = Json::array();
  std::size_t findings = 0;
  try {
    ConsoleProgress progress(invocation.out);
    catalog::record_run(
        layout, "verify-wal", "", progress, [&](std::string&, io::ProgressObserver& recorded) {
          std::uint64_t bytes = 0;
          for (const auto& line : catalog::layouts_of_lines(layout)) {
            const auto report = catalog::verify_whole_wal(line, arguments.jobs, recorded, invocation.stop);
            progress.finish_phase();
            print(whose(server.name, line), report, invocation.out);
            lines.push_back(json_of(line, report));
            findings += report.findings.size();
            bytes += report.bytes;
          }
          // The journal counts damage as a failed verification.
          Json figures{{"good", findings == 0}, {"bytes", bytes}};
          if (findings > 0)
            throw catalog::FoundDamage(fmt::format("{} in the WAL", counted(findings, "finding")),
                                       std::move(figures));
          return figures;
        });
  } catch (const Corruption&) {
    if (findings == 0) throw;
  }
  invocation.out.data({{"server", server.name}, {"lines", std::move(lines)}});
  if (findings == 0) return Exit::ok;
  invocation.out.error(fmt::format("the WAL of {} is damaged in {}", server.name, counted(findings, "place")),
                       Exit::failed);
  return Exit::failed;
}

}  // namespace pgkeep::server
