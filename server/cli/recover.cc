#include "server/cli/recover.h"

#include <fmt/format.h>

#include "catalog/index/recorded_run.h"
#include "catalog/postgres/json.h"
#include "catalog/store/json.h"
#include "recover/plan/replay_notes.h"
#include "recover/recovery.h"
#include "server/cli/recovery_request.h"
#include "server/fleet/backup_choice.h"
#include "server/fleet/fleet.h"
#include "server/terminal/console_progress.h"

namespace pgkeep::server {
namespace {

Json plan_json(const recover::RecoveryPlan& plan) {
  auto tablespaces = json_list(plan.tablespaces, [](const auto& tablespace) {
    return Json{{"oid", tablespace.oid},
                {"name", tablespace.name},
                {"original", tablespace.original},
                {"location", tablespace.location}};
  });
  auto created = json_list(plan.created_tablespaces, [](const auto& tablespace) {
    return Json{{"oid", tablespace.oid},
                {"name", tablespace.name},
                {"location", tablespace.location},
                {"lsn", tablespace.lsn}};
  });
  return {{"server", plan.request.server},
          {"id", plan.backup.id},
          {"destination", plan.request.destination.native()},
          {"target", plan.request.target.describe()},
          {"timeline", plan.timeline},
          {"wal_end_lsn", plan.wal_end.lsn},
          {"data_bytes", plan.data_bytes},
          {"wal_bytes", plan.wal_bytes},
          {"wal_segments", plan.wal.size()},
          {"tablespaces", std::move(tablespaces)},
          {"created_tablespaces", std::move(created)},
          {"remarks", plan.remarks}};
}

Json report_json(const recover::RecoveryReport& report) {
  return {{"files", report.files},
          {"bytes", report.bytes},
          {"wal_segments", report.wal_segments},
          {"duration_seconds", std::chrono::duration<double>(report.duration).count()},
          {"changed_settings", report.changed_settings},
          {"review", report.review},
          {"start_commands", report.start_commands},
          {"reset_commands", report.resets},
          {"override_reset_commands", report.overrides}};
}

void print_list(std::string_view title, const std::vector<std::string>& lines, Output& out) {
  if (lines.empty()) return;
  out.report("");
  out.report(title);
  for (const auto& line : lines) out.report("  " + line);
}

void print(const recover::RecoveryPlan& plan, const recover::RecoveryReport& report, Output& out) {
  out.report(fmt::format("recovered {} from backup {} into {}: {} in {} file{}, {} WAL segment{}, in {}",
                         plan.request.server, plan.backup.id.to_string(), plan.request.destination.native(),
                         io::format_bytes(report.bytes), report.files, report.files == 1 ? "" : "s",
                         report.wal_segments, report.wal_segments == 1 ? "" : "s",
                         io::format_duration(report.duration)));
  out.report(fmt::format("replay will go to: {}", plan.request.target.describe()));
  print_list("Settings changed:", report.changed_settings, out);
  print_list("To be looked at before the start:", report.review, out);
  print_list("To start it:", report.start_commands, out);
  print_list(
      "Once it is open for writing, so that its standbys do not inherit these settings:", report.resets, out);
  print_list("In postgresql.auto.conf, where they win over postgresql.conf until they are taken back:",
             report.overrides, out);
}

void print_plan(const recover::RecoveryPlan& plan, const recover::RecoveryPreview& preview, Output& out) {
  auto text = plan.describe();
  for (const auto& line : preview.changed_settings) text += fmt::format("  setting     {}\n", line);
  for (const auto* list : {&preview.resets, &preview.overrides})
    for (const auto& line : *list) text += fmt::format("  take back   {}\n", line);
  for (const auto& line : preview.review) text += fmt::format("  look at     {}\n", line);
  while (text.ends_with('\n')) text.pop_back();
  out.fact(text);
}

Hooks hooks_around(const recover::RecoveryPlan& plan, const Fleet& fleet, const ServerConfig& server,
                   const store::ServerLayout& layout, const RecoverArguments& arguments) {
  auto hooks = hooks_of(server, fleet.repository().root(), "recover", arguments.with_hooks());
  auto tablespaces = nlohmann::json::object();
  for (const auto& tablespace : plan.tablespaces) tablespaces[tablespace.name] = tablespace.location;
  hooks.tell("BACKUP", plan.backup.id.to_string());
  hooks.tell("BACKUP_DIR", layout.backup(plan.backup.id).native());
  hooks.tell("DESTINATION", plan.request.destination.native());
  hooks.tell("TARGET", plan.request.target.describe());
  hooks.tell("TABLESPACES", json_text(tablespaces));
  hooks.tell("SSH_COMMAND", arguments.remote_ssh_command);
  return hooks;
}

}  // namespace

Exit run_recover(const RecoverArguments& given, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::recover);
  const auto& server = fleet.server(given.server);
  const auto current = fleet.layout(server);
  if (!is_known(current)) throw NotFound(fmt::format("nothing is stored for server {} yet", server.name));
  auto arguments = given;
  arguments.backup = id_of_name(current, given.backup);
  const auto layout = layout_for_backup(current, arguments.backup, server.name);
  auto facts = recover::gather_facts(layout);
  const auto request = make_recovery_request(arguments, server, facts, fleet.config().file, layout.line());
  recover::add_commit_times(layout, request, facts);
  auto plan = recover::make_plan(request, facts);
  recover::add_replay_notes(recover::read_replay_notes(layout, facts, plan), facts.backups, plan);
  if (layout.line()) {
    plan.remarks.push_back(
        fmt::format("the backup belongs to line {}, which was set aside: "
                    "what is recovered is a history that the server has left",
                    *layout.line()));
  }
  auto data = plan_json(plan);
  if (arguments.dry_run) {
    ConsoleProgress progress(invocation.out);
    const auto preview = recover::check(plan, fleet.repository(), layout, progress);
    progress.clear();
    print_plan(plan, preview, invocation.out);
    data["changed_settings"] = preview.changed_settings;
    data["review"] = preview.review;
    data["reset_commands"] = preview.resets;
    data["override_reset_commands"] = preview.overrides;
    invocation.out.data(std::move(data));
    return Exit::ok;
  }
  for (const auto& remark : plan.remarks) invocation.out.note(remark);
  ConsoleProgress progress(invocation.out);
  auto hooks = hooks_around(plan, fleet, server, layout, arguments);
  const auto work = [&](std::string&, io::ProgressObserver& recorded) {
    hooks.before(recorded, invocation.stop);
    const auto report = recover::carry_out(plan, fleet.repository(), layout, recorded, invocation.stop);
    progress.clear();
    print(plan, report, invocation.out);
    data["report"] = report_json(report);
    hooks.tell("STATUS", "done");
    hooks.tell("SIZE_BYTES", fmt::format("{}", report.bytes));
    hooks.tell("DURATION_SECONDS",
               fmt::format("{:.3f}", std::chrono::duration<double>(report.duration).count()));
    hooks.after(recorded, invocation.stop);
    return Json{{"id", plan.backup.id}, {"bytes", report.bytes}};
  };
  hooks.watch(progress, invocation.stop,
              [&] { catalog::record_run(layout, "recover", request.destination.native(), progress, work); });
  invocation.out.data(std::move(data));
  return Exit::ok;
}

}  // namespace pgkeep::server
