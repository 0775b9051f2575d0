#include "server/report/json_report.h"

#include <utility>

#include "catalog/io/json.h"
#include "server/report/report_words.h"

namespace pgkeep::server {
namespace {

double seconds(std::chrono::milliseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

Json need_json(const Need& need) {
  return {{"servers", need.servers},
          {"severity", name_of(need.severity())},
          {"findings", json_list(need.findings, [](const Finding& finding) {
             return Json{{"key", finding.key},
                         {"severity", name_of(finding.severity)},
                         {"what", finding.what},
                         {"since", finding.since},
                         {"next", text_or_null(finding.hint)}};
           })}};
}

Json happenings_json(const std::vector<Happening>& happenings) {
  return json_list(happenings, [](const Happening& one) { return Json{{"at", one.at}, {"what", one.what}}; });
}

Json gone_json(const std::vector<GoneBackup>& gone) {
  return json_list(gone, [](const GoneBackup& one) {
    return Json{{"id", text_or_null(one.id)}, {"at", one.at}, {"why", one.why}};
  });
}

Json backup_json(const ReportedBackup& backup) {
  return {{"id", backup.id},
          {"started", backup.started},
          {"ended", backup.ended},
          {"duration_seconds", seconds(backup.took())},
          {"data_bytes", backup.data_bytes},
          {"stored_bytes", backup.stored_bytes},
          {"going", backup.is_going}};
}

Json changes_json(const ServerChanges& changes) {
  return {{"backups_made", changes.backups_made},
          {"backup_bytes", changes.backup_bytes},
          {"backups_failed", changes.backups_failed},
          {"wal_bytes", changes.wal_bytes},
          {"expired", gone_json(changes.expired)},
          {"removed", gone_json(changes.removed)},
          {"freed_bytes", changes.freed_bytes},
          {"verifications", changes.verifications},
          {"verified_bytes", changes.verified_bytes},
          {"damage", happenings_json(changes.damage)},
          {"bad_pages", happenings_json(changes.bad_pages)},
          {"failed_runs", happenings_json(changes.failed)},
          {"events", happenings_json(changes.events)}};
}

Json proof_json(const Proof& proof) {
  return {{"at", proof.at},
          {"sound", proof.sound},
          {"left_bytes", proof.left_bytes},
          {"all_since", proof.all_since}};
}

Json service_json(const BackupService& service) {
  return {{"days", kServiceDays.count()},
          {"succeeded", service.succeeded},
          {"failed", service.failed},
          {"added_by_day", service.added_by_day},
          {"longest_without_seconds",
           service.longest_without ? Json(seconds(*service.longest_without)) : Json()}};
}

Json stretch_json(const Stretch& stretch) {
  return {{"from", stretch.from}, {"until", stretch.until}};
}

/// Null where it cannot be told.
Json recoverable_json(Recoverable state) {
  return state == Recoverable::unknown ? Json() : Json(state == Recoverable::yes);
}

Json known_json(const Known& known) {
  return {{"backups", known.backups},
          {"wal", known.wal},
          {"stretches", known.stretches},
          {"runs", known.runs},
          {"proof", known.proof}};
}

/// Null where it is not known.
Json if_known(bool known, Json value) {
  return known ? std::move(value) : Json();
}

Json server_json(const ReportedServer& server) {
  const auto* stretch = server.last_stretch();
  return {{"server", server.name},
          {"description", server.description},
          {"active", server.active},
          {"recoverable", recoverable_json(server.recoverable)},
          {"recoverable_from", stretch ? Json(stretch->from) : Json()},
          {"recoverable_until", stretch ? Json(stretch->until) : Json()},
          {"stretches", if_known(server.known.stretches, json_list(server.stretches, stretch_json))},
          {"backups", if_known(server.known.backups, json_list(server.backups, backup_json))},
          {"wal_stored_bytes", if_known(server.known.wal, server.wal_bytes)},
          {"known", known_json(server.known)},
          {"stream", server.stream},
          {"lag_bytes", server.lag_bytes},
          {"proof", server.proof ? proof_json(*server.proof) : Json()},
          {"service", server.service ? service_json(*server.service) : Json()},
          {"changes", changes_json(server.changes)}};
}

}  // namespace

Json json_report(const FleetReport& report) {
  return {{"version", report.version},
          {"now", report.now},
          {"since", report.since},
          {"verdict", verdict(report)},
          {"expected", report.expected()},
          {"recoverable", report.recoverable()},
          {"needs", json_list(needs_of(report), need_json)},
          {"servers", json_list(report.servers, server_json)},
          {"repository", report.repository.native()},
          {"space", text_or_null(report.space_text)},
          {"daemon", report.daemon}};
}

}  // namespace pgkeep::server
