#include "server/cli/recovery_request.h"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/error.h"
#include "catalog/io/shell.h"
#include "server/fleet/backup_choice.h"

namespace pgkeep::server {
namespace {

constexpr std::uint64_t kMostJobs = 64;

/// One word for the shell; a percent sign is doubled, since PostgreSQL replaces %f, %p and %r first.
std::string word(const std::filesystem::path& path) {
  auto text = io::shell_quote(path.native());
  for (auto percent = text.find('%'); percent != text.npos; percent = text.find('%', percent + 2))
    text.insert(percent, "%");
  return text;
}

void set_where(const Arguments& arguments, recover::RecoveryTarget& target) {
  std::vector<std::string_view> given;
  for (const std::string_view option :
       {"--target-time", "--target-xid", "--target-lsn", "--target-name", "--target-immediate"})
    if (arguments.has(option)) given.push_back(option);
  if (given.size() > 1) throw UsageError(fmt::format("{}: give one target only", fmt::join(given, ", ")));
  if (const auto time = arguments.value("--target-time")) target.where = recover::parse_target_time(*time);
  if (const auto xid = arguments.value("--target-xid")) target.where = recover::parse_target_xid(*xid);
  if (const auto lsn = arguments.value("--target-lsn")) target.where = recover::parse_target_lsn(*lsn);
  if (const auto name = arguments.value("--target-name")) target.where = recover::parse_target_name(*name);
  if (arguments.has("--target-immediate")) target.where = recover::Immediate{};
}

/// `current` is the backup's own timeline, `latest` the newest one; what those are is settled when the backup
/// is known.
void set_timeline(const Arguments& arguments, const store::BackupRecord* backup,
                  recover::RecoveryTarget& target) {
  const auto text = arguments.value("--target-tli");
  if (!text || *text == "latest") return;
  if (*text == "current") {
    if (!backup)
      throw UsageError(
          "--target-tli current: means the backup's own timeline, so name the backup instead of `auto`");
    target.timeline = backup->end.timeline;
    return;
  }
  target.timeline = postgres::TimelineId::parse_decimal(*text);
  if (!target.timeline)
    throw UsageError(
        fmt::format("--target-tli: a timeline's number, current or latest is expected, not '{}'", *text));
}

void set_action(const Arguments& arguments, recover::RecoveryTarget& target) {
  const auto action = arguments.choice("--target-action", {"pause", "promote", "shutdown"});
  if (action && !target.has_target())
    throw UsageError("--target-action: needs a target; at the end of the WAL PostgreSQL always promotes");
  if (action == "pause") target.action = recover::TargetAction::pause;
  if (action == "promote") target.action = recover::TargetAction::promote;
  if (action == "shutdown") target.action = recover::TargetAction::shutdown;
  target.inclusive = !arguments.has("--exclusive");
  const bool has_sides = target.has_target() && !std::holds_alternative<recover::Immediate>(target.where) &&
                         !std::holds_alternative<recover::TargetName>(target.where);
  if (!target.inclusive && !has_sides)
    throw UsageError("--exclusive: needs --target-time, --target-xid or --target-lsn");
}

void set_tablespaces(const Arguments& arguments, recover::RecoveryRequest& request) {
  for (const auto& text : arguments.values("--tablespace")) {
    // The original location may be given instead of the name and begins with '/', but holds no ":/" in
    // practice.
    const auto colon = text.find(":/");
    if (colon == text.npos || colon == 0)
      throw UsageError(
          fmt::format("--tablespace: NAME:PATH with an absolute path is expected, not '{}'", text));
    const auto [place, is_new] = request.tablespaces.emplace(text.substr(0, colon), text.substr(colon + 1));
    if (!is_new) throw UsageError(fmt::format("--tablespace: {} is given twice", place->first));
  }
}

void set_wal(const Arguments& arguments, const ServerConfig& server, const std::filesystem::path& config_file,
             std::optional<unsigned> line, recover::RecoveryRequest& request) {
  const auto command = arguments.value("--get-wal-command");
  const bool get_wal = arguments.flag("--get-wal", "--no-get-wal").value_or(false);
  if (command && !get_wal) throw UsageError("--get-wal-command: goes with --get-wal");
  if (!get_wal) return;
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

recover::RecoveryRequest make_recovery_request(const Arguments& arguments, const ServerConfig& server,
                                               const recover::RecoveryFacts& facts,
                                               const std::filesystem::path& config_file,
                                               std::optional<unsigned> line) {
  recover::RecoveryRequest request;
  request.server = server.name;
  const store::BackupRecord* backup = nullptr;
  if (const auto& wanted = arguments.required("BACKUP"); wanted != kAutomaticChoice) {
    backup = &choose_backup(facts.backups, wanted, server.name, [&] { return facts.unread_backups; });
    request.backup = backup->id;
  }
  request.remote_ssh_command = arguments.value("--remote-ssh-command").value_or("");
  request.destination = arguments.required("DEST");
  if (!request.destination.is_absolute()) {
    if (!request.remote_ssh_command.empty())
      throw UsageError(
          fmt::format("{}: an absolute path is expected for another host", request.destination.native()));
    request.destination = std::filesystem::absolute(request.destination);
  }
  request.destination = request.destination.lexically_normal();
  set_where(arguments, request.target);
  set_timeline(arguments, backup, request.target);
  set_action(arguments, request.target);
  request.standby = arguments.has("--standby-mode");
  set_tablespaces(arguments, request);
  set_wal(arguments, server, config_file, line, request);
  request.jobs = static_cast<unsigned>(arguments.number("--jobs", 1, kMostJobs).value_or(0));
  return request;
}

std::string local_get_wal_command(const std::filesystem::path& program,
                                  const std::filesystem::path& config_file, const std::string& server,
                                  std::optional<unsigned> line) {
  return fmt::format("{} -q -c {} get-wal {}{} %f %p", word(program), word(config_file),
                     line ? fmt::format("--line {} ", *line) : "", server);
}

}  // namespace pgkeep::server
