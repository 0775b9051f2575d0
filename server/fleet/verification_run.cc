#include "server/fleet/verification_run.h"

#include <optional>

#include <fmt/format.h>

#include "catalog/index/recorded_run.h"
#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/retention/retention_marks.h"
#include "catalog/store/backup_lease.h"
#include "catalog/store/json.h"
#include "server/fleet/relation_names.h"

namespace pgkeep::server {
namespace {

constexpr std::string_view kFound = "a verification found damage: ";

/// Nothing too where it is damaged: the verification tells of it.
std::optional<catalog::ServerIdentity> sound_identity(const store::ServerLayout& layout) {
  try {
    return catalog::read_identity(layout);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    return std::nullopt;
  }
}

Json damage_json(const catalog::StoredDamage& damage) {
  return {{"kind", to_string(damage.kind)},
          {"name", damage.name},
          {"line", damage.line},
          {"what", damage.what},
          {"since", damage.since},
          {"backups", damage.backups},
          {"files", damage.files},
          {"file_count", damage.file_count}};
}

}  // namespace

catalog::VerificationLimits limits_of(const ServerConfig& server) {
  return {.older_than = server.verification_older_than, .budget = server.verification_budget};
}

void note_verification(const store::ServerLayout& layout, const store::BackupId& id, std::string_view what,
                       const Warn& warn) {
  try {
    const store::BackupLease stays(layout, id);
    if (what.empty() && !catalog::read_retention_marks(layout, id).damaged) return;
    catalog::change_retention_marks(layout, id, [&](catalog::RetentionMarks& marks) {
      marks.damaged.reset();
      if (!what.empty()) marks.damaged = {io::now(), fmt::format("{}{}", kFound, what)};
    });
  } catch (const Error& error) {
    warn(fmt::format("what was found could not be noted for `expire`: {}", error.what()));
  }
}

catalog::StoredReport verify(const ServerConfig& server, const store::ServerLayout& layout,
                             const catalog::VerificationLimits& limits, unsigned jobs, WithHooks with_hooks,
                             io::ProgressObserver& observer, const std::stop_token& stop) {
  const auto identity = sound_identity(layout);
  const auto lock = io::FileLock::acquire(layout.verify_lock(), "verify");
  const auto repository = store::Repository::of(layout);
  catalog::StoredReport report;
  auto hooks = hooks_of(server, repository.root(), "verify", with_hooks);
  hooks.watch(observer, stop, [&] {
    catalog::record_run(
        layout, "verify", "", observer, [&](std::string& subject, io::ProgressObserver& recorded) {
          const Warn note = [&](const std::string& message) { recorded.note(message); };
          const catalog::NameFiles name = [&](std::vector<std::string> paths) {
            if (!server.active || !identity) return paths;
            return name_relations(server, identity->system, std::move(paths), note, stop);
          };
          report = catalog::verify_stored(repository, layout, limits, jobs, name, recorded, stop);
          if (!report.good()) subject = "DAMAGED: " + describe_damage(report);
          return verification_json(report);
        });
  });
  if (!report.good()) hooks.failed(describe_damage(report), observer, stop);
  return report;
}

std::string describe_read(const catalog::StoredReport& report) {
  return fmt::format("{}, {} and {} read back, {}", counted(report.packs, "pack"),
                     counted(report.segments, "WAL segment"), counted(report.backups, "backup"),
                     io::format_bytes(report.bytes));
}

std::string describe_damage(const catalog::StoredReport& report) {
  const auto count = report.damage.size() + report.besides.size();
  const auto& first = report.damage.empty() ? report.besides.front() : report.damage.front().what;
  return count == 1 ? first : fmt::format("{} things are damaged or missing, the first: {}", count, first);
}

Json verification_json(const catalog::StoredReport& report) {
  return {{"good", report.good()},
          {"packs", report.packs},
          {"wal_segments", report.segments},
          {"backups", report.backups},
          {"bytes", report.bytes},
          {"left_units", report.left_units},
          {"left_bytes", report.left_bytes},
          {"proved_since", report.proved_since},
          {"damage", json_list(report.damage, damage_json)},
          {"besides", report.besides},
          {"sound_again", report.sound_again}};
}

}  // namespace pgkeep::server
