#include "recover/recovery_settings.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "catalog/postgres/number.h"
#include "catalog/postgres/versions.h"

namespace pgkeep::recover {
namespace {

constexpr std::string_view kBegin = "# --- set by pgkeep for recovery: begin ---";
constexpr std::string_view kEnd = "# --- set by pgkeep for recovery: end ---";

/// A setting that would harm in a copy, and the value that does not: PostgreSQL's default.
struct Harmful {
  std::string_view name;
  std::string_view harmless;
  std::string_view why;
  int since = 0;  // the major versions that know it; others do not start with it
  int until = 99;
  bool is_written_path = false;  // harms only when it leads out of the data directory
};

constexpr std::string_view kFromTheOriginal = "the copy would write where the original does";

constexpr std::array kHarmful{
    Harmful{"archive_mode", "off", "the copy must not archive into the original's place"},
    Harmful{"archive_command", "", "the copy must not archive into the original's place"},
    Harmful{"archive_library", "", "the copy must not archive into the original's place",
            postgres::since::kArchiveLibrary},
    Harmful{"synchronous_standby_names", "", "commits would wait for standbys that the copy does not have"},
    Harmful{"synchronized_standby_slots", "",
            "logical replication would wait for standbys that the copy does not have",
            postgres::since::kSynchronizedSlots},
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
    Harmful{"restore_command", "", "it leads to the original's archive"},
    Harmful{"promote_trigger_file", "", "the copy would be promoted together with the original", 0,
            postgres::until::kTriggerFile},
    Harmful{"log_directory", "log", kFromTheOriginal, 0, 99, true},
    Harmful{"external_pid_file", "", kFromTheOriginal, 0, 99, true},
    Harmful{"stats_temp_directory", "pg_stat_tmp", kFromTheOriginal, 0, postgres::until::kStatsDirectory,
            true},
};

/// Files and directories that are only read; one with an absolute path is the original's.
constexpr std::array<std::string_view, 11> kPaths{"hba_file",
                                                  "ident_file",
                                                  "hosts_file",
                                                  "ssl_cert_file",
                                                  "ssl_key_file",
                                                  "ssl_ca_file",
                                                  "ssl_crl_file",
                                                  "ssl_crl_dir",
                                                  "ssl_dh_params_file",
                                                  "krb_server_keyfile",
                                                  "unix_socket_directories"};

bool is_include(std::string_view name) {
  return name == "include" || name == "include_dir" || name == "include_if_exists";
}

bool leads_out(std::string_view path) {
  return path.starts_with('/') || path.starts_with("..");
}

/// The configuration that the source ran with, as far as the backup knows it.
class SourceConfiguration {
 public:
  SourceConfiguration(const std::vector<ConfLine>& main, const std::vector<ConfLine>& automatic)
      : unknown_(main.empty()) {
    for (const auto& line : main) {
      if (line.name.empty()) continue;
      unknown_ = unknown_ || is_include(line.name);
      main_[line.name] = line.value;
    }
    values_ = main_;
    for (const auto& line : automatic) {
      if (!line.name.empty()) values_[line.name] = line.value;
    }
  }

  std::optional<std::string> value(std::string_view name) const { return find(values_, name); }
  /// What the copy would take with no line in postgresql.auto.conf; nothing: PostgreSQL's default.
  std::optional<std::string> value_below(std::string_view name) const { return find(main_, name); }
  /// There is more than we see: files that are included, or all of it.
  bool unknown() const noexcept { return unknown_; }

 private:
  using Values = std::map<std::string, std::string, std::less<>>;
  static std::optional<std::string> find(const Values& values, std::string_view name) {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  }
  bool unknown_;
  Values main_;
  Values values_;
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
  } else if (!plan.request.standby) {
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

bool pauses(const RecoveryTarget& target) {
  return target.has_target() && target.action.value_or(TargetAction::pause) == TargetAction::pause;
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
                                                    : "it must exist here, "
                                                      "and what it sets is not known to pgkeep"));
    }
  }
  const auto data_directory = source.value("data_directory");
  if (data_directory && *data_directory != plan.request.destination.native()) {
    result.review.push_back(
        fmt::format("data_directory = {} in postgresql.conf: "
                    "started without the option in the command below, PostgreSQL would use that directory; "
                    "correct it",
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
  if (pauses(plan.request.target)) {
    result.review.emplace_back(
        "recovery pauses at the target, open for reading: "
        "look at the data, then open it for writing with SELECT pg_wal_replay_resume(); "
        "or stop it and recover to another target");
  }
  if (!plan.request.standby) {
    result.review.emplace_back(
        "logical subscriptions, if there are any, connect out once it is open: "
        "start with -c max_logical_replication_workers=0 and disable them");
  }
  if (plan.request.standby) {
    result.review.emplace_back(
        "a standby: set primary_conninfo (and primary_slot_name) to the server it shall follow");
  }
}

/// Puts together postgresql.auto.conf and the lists of what was done to it.
class SettingsWriter {
 public:
  SettingsWriter(const SourceConfiguration& source, RecoverySettings& result)
      : source_(&source), result_(&result) {}

  /// What this recovery needs. Ends with the recovery, and is taken back then.
  void set_for_recovery(const std::string& name, const std::string& value) {
    decided_.insert(name);
    if (!must_be_written(name, value)) return;
    last_.emplace_back(name, value);
    result_->changed.push_back(fmt::format("{} = {}", name, quote_conf_value(value)));
    result_->resets.push_back(fmt::format("ALTER SYSTEM RESET {};", name));
  }

  void neutralise(const Harmful& harmful) {
    const auto value = source_->value(harmful.name);
    if (decided_.contains(harmful.name)) return;
    if (harmful.is_written_path && !source_->unknown() && !(value && leads_out(*value))) return;
    decided_.emplace(harmful.name);
    const bool written = must_be_written(harmful.name, harmful.harmless);
    if (written) write(harmful.name, harmful.harmless);
    const auto assignment = fmt::format("{} = {}", harmful.name, quote_conf_value(harmful.harmless));
    if (value && *value != harmful.harmless) {
      result_->changed.push_back(fmt::format("{} (was set: {})", assignment, harmful.why));
    } else if (written) {
      unseen_ += (unseen_.empty() ? "" : ", ") + assignment;
    }
  }

  /// What the copy needs beside that, whatever is in other files.
  void set(std::string_view name, const std::string& value, std::string_view why) {
    decided_.emplace(name);
    write(name, value);
    result_->changed.push_back(fmt::format("{} = {} ({})", name, quote_conf_value(value), why));
  }

  void finish(const std::vector<ConfLine>& automatic) {
    if (!unseen_.empty()) {
      result_->changed.push_back("in case a file that pgkeep does not see has another value: " + unseen_);
    }
    if (!result_->resets.empty()) result_->resets.emplace_back("SELECT pg_reload_conf();");
    for (const auto& line : automatic) {
      if (!decided_.contains(line.name) && line.raw != kBegin && line.raw != kEnd)
        result_->auto_conf += line.raw + "\n";
    }
    // Behind the others: an empty recovery_target_… that follows the one in use counts as a second target.
    first_.insert(first_.end(), last_.begin(), last_.end());
    result_->auto_conf += fmt::format("{}\n", kBegin);
    for (const auto& [name, value] : first_)
      result_->auto_conf += fmt::format("{} = {}\n", name, quote_conf_value(value));
    result_->auto_conf += fmt::format("{}\n", kEnd);
  }

 private:
  bool must_be_written(std::string_view name, std::string_view value) const {
    const auto harmful = std::ranges::find(kHarmful, name, &Harmful::name);
    const auto below = source_->value_below(name);
    if (harmful == kHarmful.end() || source_->unknown()) return true;
    return (below ? std::string_view(*below) : harmful->harmless) != value;
  }

  void write(std::string_view name, std::string_view value) {
    first_.emplace_back(name, value);
    result_->overrides.push_back(
        fmt::format("ALTER SYSTEM RESET {};  -- now {}", name, quote_conf_value(value)));
  }

  const SourceConfiguration* source_;
  RecoverySettings* result_;
  Assignments first_;
  Assignments last_;
  std::set<std::string, std::less<>> decided_;  // the source's own lines of these are left out
  std::string unseen_;
};

/// What the copy would start with when nothing is set for it, at least; 0: it cannot be told.
std::int64_t capacity_of(const SourceConfiguration& source, const CapacitySetting& setting) {
  auto capacity = setting.initial;
  if (const auto text = source.value(setting.name))
    capacity = postgres::parse_number<std::uint32_t>(*text).value_or(0);
  // A file that is included may have less.
  return source.unknown() ? std::min(capacity, setting.initial) : capacity;
}

void ensure_capacity(int major, const SourceConfiguration& source, const LeastSettings& least,
                     SettingsWriter& writer) {
  for (const auto& setting : capacity_settings(major)) {
    const auto needed = least.of(setting.name);
    if (capacity_of(source, setting) >= needed) continue;
    writer.set(setting.name, std::to_string(needed),
               "the server had it while it wrote the WAL, and replay stops with less");
  }
}

/// Without hot_standby PostgreSQL shuts down where it should pause.
void ensure_readable_pause(const RecoveryPlan& plan, const SourceConfiguration& source,
                           SettingsWriter& writer) {
  constexpr std::array<std::string_view, 5> kOn{"on", "true", "yes", "1", "t"};
  const auto value = source.value("hot_standby");
  const bool is_on = !source.unknown() && (!value || std::ranges::find(kOn, *value) != kOn.end());
  if (is_on || !pauses(plan.request.target)) return;
  writer.set("hot_standby", "on", "with off, PostgreSQL shuts down at the target instead of pausing there");
}

}  // namespace

RecoverySettings make_settings(const RecoveryPlan& plan, std::string_view auto_conf,
                               std::string_view main_conf, const LeastSettings& least) {
  const auto main = parse_conf(main_conf);
  const auto automatic = parse_conf(auto_conf);
  const SourceConfiguration source(main, automatic);
  RecoverySettings result;
  SettingsWriter writer(source, result);
  for (const auto& [name, value] : recovery_settings(plan)) writer.set_for_recovery(name, value);
  const auto version = plan.backup.major_version;
  for (const auto& harmful : kHarmful) {
    if (version >= harmful.since && version <= harmful.until) writer.neutralise(harmful);
  }
  ensure_capacity(version, source, least, writer);
  ensure_readable_pause(plan, source, writer);
  writer.finish(automatic);
  review_paths(plan, source, main, result);
  review_rest(plan, source, result);
  return result;
}

}  // namespace pgkeep::recover
