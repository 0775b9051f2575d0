#include "recover/recovery_settings.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace pgkeep::recover {
namespace {

constexpr std::string_view kBegin = "# --- set by pgkeep for recovery: begin ---";
constexpr std::string_view kEnd = "# --- set by pgkeep for recovery: end ---";
constexpr int kFirstWithArchiveLibrary = 15;
constexpr int kLastWithTriggerFile = 15;
constexpr int kFirstWithSynchronizedSlots = 17;

/// A setting that would harm in a copy, and the value that does not.
struct Harmful {
  std::string_view name;
  std::string_view harmless;
  std::string_view why;
  int since = 0;  // the major versions that know it; others do not start with it
  int until = 99;
};

constexpr std::array kHarmful{
    Harmful{"archive_mode", "off", "the copy must not archive into the original's place"},
    Harmful{"archive_command", "", "the copy must not archive into the original's place"},
    Harmful{"archive_library", "", "the copy must not archive into the original's place",
            kFirstWithArchiveLibrary},
    Harmful{"synchronous_standby_names", "", "commits would wait for standbys that the copy does not have"},
    Harmful{"synchronized_standby_slots", "",
            "logical replication would wait for standbys that the copy does not have",
            kFirstWithSynchronizedSlots},
    Harmful{"primary_conninfo", "", "it leads to the server that the original followed"},
    Harmful{"primary_slot_name", "", "the slot belongs to the original"},
    Harmful{"recovery_end_command", "", "it acts on the original's surroundings"},
    Harmful{"archive_cleanup_command", "", "it would remove WAL from the original's archive"},
    Harmful{"recovery_min_apply_delay", "0", "recovery would wait at every commit"},
    Harmful{"recovery_target", "", "an older recovery's target"},
    Harmful{"recovery_target_name", "", "an older recovery's target"},
    Harmful{"recovery_target_time", "", "an older recovery's target"},
    Harmful{"recovery_target_xid", "", "an older recovery's target"},
    Harmful{"recovery_target_lsn", "", "an older recovery's target"},
    Harmful{"recovery_target_inclusive", "on", "an older recovery's target"},
    Harmful{"recovery_target_timeline", "latest", "an older recovery's target"},
    Harmful{"recovery_target_action", "pause", "an older recovery's target"},
    Harmful{"promote_trigger_file", "", "the copy would be promoted together with the original", 0,
            kLastWithTriggerFile},
};

/// Files and directories; one with an absolute path is the original's.
constexpr std::array<std::string_view, 13> kPaths{"hba_file",
                                                  "ident_file",
                                                  "external_pid_file",
                                                  "log_directory",
                                                  "ssl_cert_file",
                                                  "ssl_key_file",
                                                  "ssl_ca_file",
                                                  "ssl_crl_file",
                                                  "ssl_crl_dir",
                                                  "ssl_dh_params_file",
                                                  "krb_server_keyfile",
                                                  "stats_temp_directory",
                                                  "unix_socket_directories"};

bool is_include(std::string_view name) {
  return name == "include" || name == "include_dir" || name == "include_if_exists";
}

/// The configuration that the source ran with, as far as the backup knows it.
class SourceConfiguration {
 public:
  SourceConfiguration(const std::vector<ConfLine>& main, const std::vector<ConfLine>& automatic)
      : unknown_(main.empty()) {
    for (const auto& line : main) {
      if (line.name.empty()) continue;
      unknown_ = unknown_ || is_include(line.name);
      values_[line.name] = line.value;
      in_main_.insert(line.name);
    }
    for (const auto& line : automatic) {
      if (!line.name.empty()) values_[line.name] = line.value;
    }
  }

  std::optional<std::string> value(std::string_view name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }
  /// True when a file other than postgresql.auto.conf has it, or may have it.
  bool may_be_set_elsewhere(std::string_view name) const { return unknown_ || in_main_.contains(name); }

 private:
  bool unknown_ = false;  // there is more than we see: files that are included, or all of it
  std::map<std::string, std::string, std::less<>> values_;
  std::set<std::string, std::less<>> in_main_;
};

using Assignments = std::vector<std::pair<std::string, std::string>>;

/// The setting that says where recovery stops; nothing for the end of WAL.
std::optional<std::pair<std::string, std::string>> target_setting(const RecoveryTarget& target) {
  if (std::holds_alternative<Immediate>(target.where)) return {{"recovery_target", "immediate"}};
  if (const auto* time = std::get_if<TargetTime>(&target.where))
    return {{"recovery_target_time", time->text}};
  if (const auto* lsn = std::get_if<TargetLsn>(&target.where))
    return {{"recovery_target_lsn", lsn->lsn.to_string()}};
  if (const auto* xid = std::get_if<TargetXid>(&target.where)) return {{"recovery_target_xid", xid->xid}};
  if (const auto* name = std::get_if<TargetName>(&target.where))
    return {{"recovery_target_name", name->name}};
  return std::nullopt;
}

/// Whether PostgreSQL's default, `latest`, comes to the plan's timeline: it goes up from the backup's
/// timeline as long as there is a history file with the next number, a failed experiment's too.
bool latest_is_planned(const RecoveryPlan& plan) {
  // What is fetched may have grown by then: fine unless a number was asked for.
  if (plan.request.wal_mode == WalMode::get_wal && plan.request.target.timeline) return false;
  const auto known = [&plan](std::uint32_t number) {
    return std::ranges::find(plan.histories, postgres::TimelineId(number)) != plan.histories.end();
  };
  auto latest = plan.backup.start.timeline.value();
  while (known(latest + 1)) ++latest;
  return latest == plan.timeline.value();
}

/// What this recovery needs, whatever the source had.
Assignments recovery_settings(const RecoveryPlan& plan) {
  Assignments settings;
  if (plan.request.wal_mode == WalMode::get_wal) {
    settings.emplace_back("restore_command", plan.request.get_wal_command);
  } else if (plan.request.standby) {
    settings.emplace_back("restore_command", "");
  } else {
    // PostgreSQL insists on a command, and looks into pg_wal when it fails with a code from 1 to 125: for
    // segments and history files alike (tried with 13, 15 and 18). `false` is built into every shell and
    // starts no program.
    settings.emplace_back("restore_command", "false");
  }
  // A number would stay in the file, and standbys cloned from the copy would not follow its new timeline.
  if (!latest_is_planned(plan)) settings.emplace_back("recovery_target_timeline", plan.timeline.to_string());
  const auto& target = plan.request.target;
  if (const auto setting = target_setting(target)) {
    settings.push_back(*setting);
    settings.emplace_back("recovery_target_inclusive", target.inclusive ? "on" : "off");
    settings.emplace_back("recovery_target_action", to_string(target.action.value_or(TargetAction::pause)));
  }
  return settings;
}

void review_paths(const RecoveryPlan& plan, const SourceConfiguration& source,
                  const std::vector<ConfLine>& main, RecoverySettings& result) {
  for (const auto name : kPaths) {
    const auto value = source.value(name);
    if (value && value->find('/') != std::string::npos && !value->starts_with("./"))
      result.review.push_back(fmt::format("{} = {}: a path of the original; right for this copy?", name,
                                          quote_conf_value(*value)));
  }
  for (const auto& line : main) {
    if (is_include(line.name)) {
      // A relative path counts from the file that has it, which lies in the data directory.
      const bool in_backup = !line.value.starts_with('/') && !line.value.starts_with("..");
      result.review.push_back(fmt::format("{} {}: {}", line.name, quote_conf_value(line.value),
                                          in_backup ? "comes with the backup, not looked into"
                                                    : "it must exist here, and what it sets is not known to "
                                                      "pgkeep"));
    }
  }
  const auto data_directory = source.value("data_directory");
  if (data_directory && *data_directory != plan.request.destination.native()) {
    result.review.push_back(
        fmt::format("data_directory = {} in postgresql.conf: started without the option in the command "
                    "below, PostgreSQL would use that directory; correct it",
                    quote_conf_value(*data_directory)));
    result.start_options.emplace_back("data_directory", plan.request.destination.native());
  }
}

void review_rest(const RecoveryPlan& plan, const SourceConfiguration& source, RecoverySettings& result) {
  for (const std::string_view name : {"port", "listen_addresses", "cluster_name"}) {
    if (const auto value = source.value(name))
      result.review.push_back(fmt::format("{} = {}: as the original has it; change it if that runs here too",
                                          name, quote_conf_value(*value)));
  }
  const auto libraries = source.value("shared_preload_libraries");
  if (libraries && !libraries->empty()) {
    result.review.push_back(
        fmt::format("shared_preload_libraries = {}: PostgreSQL does not start unless they are installed; "
                    "some begin to work by themselves (pg_cron)",
                    quote_conf_value(*libraries)));
  }
  const auto& target = plan.request.target;
  if (target.has_target() && target.action.value_or(TargetAction::pause) == TargetAction::pause) {
    result.review.emplace_back(
        "recovery pauses at the target, open for reading: look at the data, then open it for writing with "
        "SELECT "
        "pg_wal_replay_resume(); or stop it and recover to another target");
  }
  if (!plan.request.standby) {
    result.review.emplace_back(
        "logical subscriptions, if there are any, connect out once it is open: start with -c "
        "max_logical_replication_workers=0 and disable them");
  }
  if (plan.request.standby) {
    result.review.emplace_back(
        "a standby: set primary_conninfo (and primary_slot_name) to the server it shall follow");
  }
}

}  // namespace

RecoverySettings make_settings(const RecoveryPlan& plan, std::string_view auto_conf,
                               std::string_view main_conf) {
  const auto main = parse_conf(main_conf);
  const auto automatic = parse_conf(auto_conf);
  const SourceConfiguration source(main, automatic);
  RecoverySettings result;

  const auto wanted = recovery_settings(plan);
  std::set<std::string, std::less<>> replaced;
  for (const auto& [name, value] : wanted) {
    replaced.insert(name);
    result.changed.push_back(fmt::format("{} = {}", name, quote_conf_value(value)));
    if (!value.empty()) result.resets.push_back(fmt::format("ALTER SYSTEM RESET {};", name));
  }
  if (!result.resets.empty()) result.resets.emplace_back("SELECT pg_reload_conf();");
  Assignments settings;
  for (const auto& harmful : kHarmful) {
    const auto version = plan.backup.major_version;
    if (version < harmful.since || version > harmful.until || replaced.contains(harmful.name)) continue;
    replaced.emplace(harmful.name);
    const auto value = source.value(harmful.name);
    if (source.may_be_set_elsewhere(harmful.name) || harmful.name == "archive_mode")
      settings.emplace_back(harmful.name, harmful.harmless);
    if (value && *value != harmful.harmless) {
      result.changed.push_back(fmt::format("{} = {} (was set: {})", harmful.name,
                                           quote_conf_value(harmful.harmless), harmful.why));
    }
  }
  // Behind the others: an empty recovery_target_… that follows the one in use counts as a second target.
  settings.insert(settings.end(), wanted.begin(), wanted.end());

  for (const auto& line : automatic) {
    if (!replaced.contains(line.name) && line.raw != kBegin && line.raw != kEnd)
      result.auto_conf += line.raw + "\n";
  }
  result.auto_conf += fmt::format("{}\n", kBegin);
  for (const auto& [name, value] : settings)
    result.auto_conf += fmt::format("{} = {}\n", name, quote_conf_value(value));
  result.auto_conf += fmt::format("{}\n", kEnd);

  review_paths(plan, source, main, result);
  review_rest(plan, source, result);
  return result;
}

}  // namespace pgkeep::recover
