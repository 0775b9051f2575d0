#include "server/cli/recovery_request.h"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/error.h"
#include "catalog/io/shell.h"
#include "server/fleet/backup_choice.h"

namespace pgkeep::server {
namespace {

/// One word for the shell; a percent sign is doubled, since PostgreSQL replaces %f, %p and %r first.
std::string word(const std::filesystem::path& path) {
  auto text = io::shell_quote(path.native());
  for (auto percent = text.find('%'); percent != text.npos; percent = text.find('%', percent + 2))
    text.insert(percent, "%");
  return text;
}

WantedTimeline parse_timeline(const std::string& text) {
  if (text == "latest") return {};
  if (text == "current") return {.number = {}, .of_backup = true};
  const auto number = postgres::TimelineId::parse_decimal(text);
  if (!number)
    throw UsageError(
        fmt::format("--target-tli: a timeline's number, current or latest is expected, not '{}'", text));
  return {.number = number};
}

/// The original location may be given instead of the name and begins with '/', but holds no ":/" in practice.
NewTablespacePlace parse_tablespace(const std::string& text) {
  const auto colon = text.find(":/");
  if (colon == text.npos || colon == 0)
    throw UsageError(
        fmt::format("--tablespace: NAME:PATH with an absolute path is expected, not '{}'", text));
  return {.tablespace = text.substr(0, colon), .place = text.substr(colon + 1)};
}

void set_where(const RecoverArguments& arguments, recover::RecoveryTarget& target) {
  std::vector<std::string_view> given;
  const auto take = [&](std::string_view option, const auto& wanted) {
    if (!wanted) return;
    given.push_back(option);
    target.where = *wanted;
  };
  take("--target-time", arguments.target_time);
  take("--target-xid", arguments.target_xid);
  take("--target-lsn", arguments.target_lsn);
  take("--target-name", arguments.target_name);
  take("--target-immediate", arguments.target_immediate ? std::optional(recover::Immediate{}) : std::nullopt);
  if (given.size() > 1) throw UsageError(fmt::format("{}: give one target only", fmt::join(given, ", ")));
}

void set_timeline(const WantedTimeline& wanted, const store::BackupRecord* backup,
                  recover::RecoveryTarget& target) {
  if (wanted.of_backup && !backup)
    throw UsageError(
        "--target-tli current: means the backup's own timeline, so name the backup instead of `auto`");
  target.timeline = wanted.of_backup ? backup->end.timeline : wanted.number;
}

void set_action(const RecoverArguments& arguments, recover::RecoveryTarget& target) {
  target.action = arguments.target_action;
  if (target.action && !target.has_target())
    throw UsageError("--target-action: needs a target; at the end of the WAL PostgreSQL always promotes");
  target.inclusive = !arguments.exclusive;
  const bool has_sides = target.has_target() && !std::holds_alternative<recover::Immediate>(target.where) &&
                         !std::holds_alternative<recover::TargetName>(target.where);
  if (!target.inclusive && !has_sides)
    throw UsageError("--exclusive: needs --target-time, --target-xid or --target-lsn");
}

void set_tablespaces(const RecoverArguments& arguments, recover::RecoveryRequest& request) {
  for (const auto& [tablespace, place] : arguments.tablespaces) {
    const bool is_new = request.tablespaces.emplace(tablespace, place).second;
    if (!is_new) throw UsageError(fmt::format("--tablespace: {} is given twice", tablespace));
  }
}

void set_wal(const RecoverArguments& arguments, const ServerConfig& server,
             const std::filesystem::path& config_file, std::optional<unsigned> line,
             recover::RecoveryRequest& request) {
  const auto& command = arguments.get_wal_command;
  if (arguments.get_wal && arguments.no_get_wal)
    throw UsageError("--get-wal and --no-get-wal exclude each other");
  if (command && !arguments.get_wal) throw UsageError("--get-wal-command: goes with --get-wal");
  if (!arguments.get_wal) return;
  request.wal_mode = recover::WalMode::get_wal;
  if (command) {
    if (command->find("%f") == command->npos || command->find("%p") == command->npos)
      throw UsageError("--get-wal-command: must hold %f (the file's name) and %p (where to put it)");
    if (line && command->find("--line") == command->npos) {
      throw UsageError(
          fmt::format("--get-wal-command: the backup belongs to line {}, which was set aside; "
                      "get-wal finds its WAL with `--line {}`",
                      *line, *line));
    }
    request.get_wal_command = *command;
    return;
  }
  if (!request.remote_ssh_command.empty()) {
    throw UsageError(
        fmt::format("--get-wal with --remote-ssh-command: "
                    "say by --get-wal-command how that host reaches this one, "
                    "as 'ssh pgkeep@backuphost pgkeep -q get-wal {} %f > %p'",
                    server.name));
  }
  request.get_wal_command =
      local_get_wal_command(std::filesystem::read_symlink("/proc/self/exe"), config_file, server.name, line);
}

}  // namespace

void RecoverArguments::declare(Syntax& syntax) {
  using recover::TargetAction;
  OneServer::declare(syntax);
  syntax.positional(
      "BACKUP",
      "the backup to begin with: its id or its name, the beginning of the id, `latest`, `oldest`, "
      "or `auto` for the newest that reaches the target",
      backup);
  syntax.positional("DEST",
                    "the new data directory, missing or empty; "
                    "a relative path is below the current directory, "
                    "and is not taken with --remote-ssh-command",
                    destination);
  syntax.option("--target-time", "TIME",
                "replay up to this time, as '2026-11-20 02:00:00+01'; "
                "without a zone, local time of this host",
                target_time, recover::parse_target_time);
  syntax.option("--target-xid", "XID", "up to this transaction", target_xid, recover::parse_target_xid);
  syntax.option("--target-lsn", "LSN", "up to this position", target_lsn, recover::parse_target_lsn);
  syntax.option("--target-name", "NAME", "up to this restore point", target_name, recover::parse_target_name);
  syntax.flag("--target-immediate", "only until the backup is consistent", target_immediate);
  syntax.option("--target-tli", "N|current|latest",
                "the timeline to follow: a number, that of the backup, or the newest; "
                "default: the one the server was on last",
                target_timeline, parse_timeline);
  syntax.choice("--target-action", "pause|promote|shutdown",
                "what PostgreSQL does when the target is reached", target_action,
                {{"pause", TargetAction::pause},
                 {"promote", TargetAction::promote},
                 {"shutdown", TargetAction::shutdown}});
  syntax.flag("--exclusive", "stop just before the target, not just after it", exclusive);
  syntax.flag("--standby-mode", "make a standby, which continues to wait for WAL", standby_mode);
  syntax.repeatable("--tablespace", "NAME:PATH",
                    "put a tablespace (by name, OID or original location) there; may be repeated; "
                    "root has to name the place of each, also where it stays the same",
                    tablespaces, parse_tablespace);
  syntax.flag("--get-wal", "let PostgreSQL fetch WAL by restore_command while it replays", get_wal);
  syntax.flag("--no-get-wal", "lay the WAL down beforehand (the default)", no_get_wal);
  syntax.option("--get-wal-command", "COMMAND",
                "the restore_command for --get-wal, with %f and %p; "
                "needed with --remote-ssh-command, whose host must reach this one",
                get_wal_command);
  syntax.option("--remote-ssh-command", "COMMAND",
                "recover on another host: 'ssh user@host'; nothing but tar is needed there",
                remote_ssh_command);
  syntax.number("-j,--jobs", "N", "files written at a time; default: one a core", jobs, 1, kMostJobs);
  syntax.flag("--dry-run", "print the plan and write nothing", dry_run);
  HookArguments::declare(syntax);
}

recover::RecoveryRequest make_recovery_request(const RecoverArguments& arguments, const ServerConfig& server,
                                               const recover::RecoveryFacts& facts,
                                               const std::filesystem::path& config_file,
                                               std::optional<unsigned> line) {
  recover::RecoveryRequest request;
  request.server = server.name;
  const store::BackupRecord* backup = nullptr;
  if (arguments.backup != kAutomaticChoice) {
    backup = &choose_backup(facts.backups, arguments.backup, server.name,
                            {.unread = [&] { return facts.unread_backups; },
                             .names = [] { return std::map<std::string, store::BackupId>(); }});
    request.backup = backup->id;
  }
  request.remote_ssh_command = arguments.remote_ssh_command;
  request.destination = arguments.destination;
  if (!request.destination.is_absolute()) {
    if (!request.remote_ssh_command.empty())
      throw UsageError(
          fmt::format("{}: an absolute path is expected for another host", request.destination.native()));
    request.destination = std::filesystem::absolute(request.destination);
  }
  request.destination = request.destination.lexically_normal();
  set_where(arguments, request.target);
  set_timeline(arguments.target_timeline, backup, request.target);
  set_action(arguments, request.target);
  request.standby = arguments.standby_mode;
  set_tablespaces(arguments, request);
  set_wal(arguments, server, config_file, line, request);
  request.jobs = arguments.jobs;
  return request;
}

std::string local_get_wal_command(const std::filesystem::path& program,
                                  const std::filesystem::path& config_file, const std::string& server,
                                  std::optional<unsigned> line) {
  return fmt::format("{} -q -c {} get-wal {}{} %f %p", word(program), word(config_file),
                     line ? fmt::format("--line {} ", *line) : "", server);
}

}  // namespace pgkeep::server
