#include "server/cli/verify_backup.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "catalog/index/recorded_run.h"
#include "catalog/store/json.h"
#include "catalog/verify/verification.h"
#include "server/fleet/backup_choice.h"
#include "server/fleet/backup_facts.h"
#include "server/fleet/fleet.h"
#include "server/fleet/stored_records.h"
#include "server/fleet/verification_run.h"
#include "server/terminal/console_progress.h"

namespace pgkeep::server {
namespace {

std::vector<store::BackupId> choose_all(const store::ServerLayout& layout,
                                        const std::vector<store::BackupRecord>& backups,
                                        const std::vector<std::string>& wanted, const std::string& server) {
  std::vector<store::BackupId> ids;
  for (const auto& text : wanted) {
    if (text == "all") {
      for (const auto& backup : backups) ids.push_back(backup.id);
      // Last, so that the others are verified first; verifying these says what is wrong with them.
      for (const auto& backup : lookup_in_files(layout).unread()) ids.push_back(backup.id);
    } else {
      ids.push_back(choose_backup(backups, text, server, lookup_in_files(layout)).id);
    }
  }
  return ids;
}

Json json_of(const std::string& server, const catalog::VerificationReport& report) {
  auto findings = json_list(report.findings, [](const auto& finding) {
    return Json{{"path", finding.path}, {"message", finding.message}};
  });
  return {{"server", server},
          {"id", report.backup},
          {"good", report.good()},
          {"formats_known", report.formats_known},
          {"files", report.files},
          {"bytes", report.bytes},
          {"wal_segments", report.wal_segments},
          {"findings", std::move(findings)}};
}

void print(const std::string& server, const catalog::VerificationReport& report, Output& out) {
  if (report.good()) {
    out.report(fmt::format("backup {} of {} is {}: {} in {}, {}", report.backup.to_string(), server,
                           good_word(report.formats_known), io::format_bytes(report.bytes),
                           counted(report.files, "file"), counted(report.wal_segments, "WAL segment")));
    return;
  }
  out.fact(fmt::format("backup {} of {} is DAMAGED:", report.backup.to_string(), server));
  for (const auto& finding : report.findings) {
    const auto place =
        finding.path.empty() || finding.message.starts_with(finding.path) ? "" : finding.path + ": ";
    out.fact(fmt::format("  {}{}", place, finding.message));
  }
}

/// The journal counts a damaged backup as a failed verification.
catalog::VerificationReport verify(const Fleet& fleet, const store::ServerLayout& layout,
                                   const store::BackupId& id, unsigned jobs, const Invocation& invocation) {
  catalog::VerificationReport report{.backup = id, .findings = {}};
  try {
    ConsoleProgress progress(invocation.out);
    catalog::record_run(
        layout, "verify-backup", id.to_string(), progress, [&](std::string&, io::ProgressObserver& recorded) {
          report = catalog::verify_backup(fleet.repository(), layout, id, jobs, recorded, invocation.stop);
          Json figures{{"good", report.good()}, {"files", report.files}, {"bytes", report.bytes}};
          if (!report.good()) throw catalog::FoundDamage(describe(report.findings), std::move(figures));
          return figures;
        });
  } catch (const Corruption&) {
    if (report.good()) throw;
  }
  note_verification(layout, id, report.good() ? "" : describe(report.findings), warnings_to(invocation.out));
  return report;
}

}  // namespace

Exit run_verify_backup(const VerifyBackupArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  const auto layout = fleet.layout(server);
  const auto backups = StoredRecords(server, layout, invocation.out).backups();
  auto data = Json::array();
  std::size_t damaged = 0;
  const auto ids = choose_all(layout, backups, arguments.backups, server.name);
  for (const auto& id : ids) {
    const auto report = verify(fleet, layout, id, arguments.jobs, invocation);
    print(server.name, report, invocation.out);
    data.push_back(json_of(server.name, report));
    if (!report.good()) ++damaged;
  }
  invocation.out.data(std::move(data));
  if (damaged == 0) return Exit::ok;
  invocation.out.error(fmt::format("{} of {} backups of {} are damaged", damaged, ids.size(), server.name),
                       Exit::failed);
  return Exit::failed;
}

}  // namespace pgkeep::server
