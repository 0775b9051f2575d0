#include "server/config/config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <glob.h>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/error.h"
#include "server/config/setting_values.h"
#include "server/config/suggestion.h"
#include "server/config/yaml_file.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestServerName = 64;

std::vector<std::string_view> names_in(Scope scope) {
  std::vector<std::string_view> names;
  for (const auto& setting : settings())
    if (find_setting(setting.name, scope) == &setting) names.push_back(setting.name);
  return names;
}

/// Puts the files of a configuration together. Used once.
class Reader {
 public:
  explicit Reader(const fs::path& file) {
    config_.file = fs::absolute(file).lexically_normal();
    defaults_.configuration = config_.file;
  }

  Config read(const fs::path& file) {
    const YamlFile main(file);
    if (!main.root().IsMap()) main.fail(main.root(), "", "`repository:` and `servers:` are expected");
    read_main(main);
    if (config_.repository.empty())
      main.fail(main.root(), "repository", "is missing: name the folder for the backups, as /var/lib/pgkeep");
    std::ranges::sort(config_.servers, {}, &ServerConfig::name);
    config_.defaults = defaults_;
    config_.places = std::move(declared_);
    return std::move(config_);
  }

 private:
  void read_main(const YamlFile& file) {
    const auto entries = file.entries(file.root(), "");
    for (const auto& entry : entries)
      if (!may_stand_at_top(entry.name)) unknown_key(file, entry, Scope::top);
    const auto part = [&](std::string_view name) {
      return std::ranges::find(entries, name, &YamlFile::Entry::name);
    };
    if (const auto entry = part("limits"); entry != entries.end()) read_section(file, *entry, config_.limits);
    if (const auto entry = part("http"); entry != entries.end()) {
      read_section(file, *entry, config_.http);
      check_http(file, *entry, config_.http);
    }
    if (const auto entry = part("mail"); entry != entries.end()) read_section(file, *entry, config_.mail);
    if (const auto entry = part("schedule"); entry != entries.end()) {
      read_section(file, *entry, config_.schedule);
      check_schedule(file, *entry, config_);
    }
    if (const auto entry = part("hooks"); entry != entries.end()) read_section(file, *entry, config_.hooks);
    if (const auto entry = part("notify"); entry != entries.end()) read_section(file, *entry, config_.notify);
    if (const auto entry = part("mail"); entry != entries.end()) check_mail(file, *entry, config_);
    if (const auto entry = part("repository"); entry != entries.end()) read_repository(file, *entry);
    // Whatever the order in the file: servers are built on the defaults.
    if (const auto entry = part("defaults"); entry != entries.end() && !entry->value.IsNull())
      apply(file, file.entries(entry->value, entry->place), Scope::server, defaults_);
    if (const auto entry = part("servers"); entry != entries.end()) read_servers(file, *entry);
    if (const auto entry = part("include"); entry != entries.end()) read_includes(file, *entry);
  }

  /// A key of a section stands in its section, and not by its whole name.
  static bool may_stand_at_top(std::string_view name) {
    constexpr std::array<std::string_view, 6> kSections{"limits",   "http",  "mail",
                                                        "schedule", "hooks", "notify"};
    if (std::ranges::find(kSections, name) != kSections.end()) return true;
    return name.find('.') == name.npos && find_setting(name, Scope::top) != nullptr;
  }

  void read_repository(const YamlFile& file, const YamlFile::Entry& entry) {
    const fs::path path = file.scalar(entry);
    if (!path.is_absolute()) {
      file.fail(
          entry.value, entry.place,
          fmt::format("an absolute path is expected, not '{}': commands run in many folders", path.native()));
    }
    config_.repository = path.lexically_normal();
  }

  /// `limits`, `http` and the like, into what holds its keys.
  template <typename Part>
  static void read_section(const YamlFile& file, const YamlFile::Entry& section, Part& part) {
    for (const auto& entry : section_entries(file, section)) {
      const auto* setting = find_setting(entry.name, Scope::top);
      if (!setting) unknown_key(file, entry, Scope::top);
      if (const auto problem = apply_setting(*setting, text_of(file, *setting, entry), part))
        file.fail(entry.value, entry.place, *problem);
    }
  }

  /// Whoever reads the fleet from another host proves that he may, and nobody on the way reads along.
  static void check_http(const YamlFile& file, const YamlFile::Entry& section, const HttpConfig& http) {
    const auto fail = [&](std::string_view why) { file.fail(section.key, section.place, why); };
    if (http.certificate.empty() != http.key.empty())
      fail("`certificate` and `key` belong together; name both, or neither for HTTP without TLS");
    if (!http.listen) {
      if (http != HttpConfig()) fail("has no `listen`; say where to answer, as 127.0.0.1:8432");
      return;
    }
    if (http.listen->is_loopback() || !(http.token_file.empty() || http.certificate.empty())) return;
    fail(
        fmt::format("other hosts can reach {}: name a `token_file`, and a `certificate` with its `key`; or "
                    "listen on 127.0.0.1 behind a proxy that sees to both",
                    http.listen->text()));
  }

  static void check_mail(const YamlFile& file, const YamlFile::Entry& section, const Config& config) {
    const auto& mail = config.mail;
    const auto fail = [&](std::string_view why) { file.fail(section.key, section.place, why); };
    if (mail.user.empty() != mail.password_file.empty())
      fail("`user` and `password_file` belong together; name both, or neither where nobody has to log in");
    if (!mail.user.empty() && mail.smtp.empty())
      fail("has a `user` and no `smtp`; say which server to log in to");
    if (mail.to.empty() && config.notify.mail.empty() && mail != MailConfig())
      fail("has no `to`; say who gets the report, or by `notify.mail` who is told of findings");
  }

  static void check_schedule(const YamlFile& file, const YamlFile::Entry& section, const Config& config) {
    const auto fail = [&](std::string_view why) { file.fail(section.key, section.place, why); };
    if (config.schedule.report.is_after_backup()) fail("the report is of all servers; say when, as 06:30");
    if (config.schedule.report.is_set() && config.mail.to.empty())
      fail("the report is sent by mail; name who gets it: `mail: {to: dba@example.org}`");
  }

  void read_servers(const YamlFile& file, const YamlFile::Entry& section) {
    if (section.value.IsNull()) return;
    for (const auto& entry : file.entries(section.value, section.place)) read_server(file, entry);
  }

  void read_server(const YamlFile& file, const YamlFile::Entry& entry) {
    if (const auto why = why_not_a_server_name(entry.name); !why.empty())
      file.fail(entry.key, entry.place, why);
    const auto [first, is_new] = declared_.emplace(entry.name, file.line(entry.key));
    if (!is_new) {
      file.fail(entry.key, entry.place,
                fmt::format("a second server of this name, the first is at {}; give one another name",
                            first->second));
    }
    ServerConfig server = defaults_;
    server.name = entry.name;
    std::vector<YamlFile::Entry> keys;
    if (!entry.value.IsNull()) keys = file.entries(entry.value, entry.place);
    apply(file, keys, Scope::one_server, server);
    if (server.conninfo.empty()) {
      file.fail(entry.key, entry.place,
                "has no conninfo; say how to reach the server, as `conninfo: "
                "host=pg1 user=pgkeep dbname=postgres`");
    }
    check_wal_window(file, entry, server.retention);
    config_.servers.push_back(std::move(server));
  }

  /// A key whose own keys are settings: `protect_primary` of `protect_primary.retain_at_most`.
  static bool is_section(std::string_view name) {
    return std::ranges::any_of(settings(), [&](const Setting& setting) {
      return setting.name.size() > name.size() && setting.name.starts_with(name) &&
             setting.name[name.size()] == '.';
    });
  }

  /// Its keys under the names that the table of settings has for them.
  static std::vector<YamlFile::Entry> section_entries(const YamlFile& file, const YamlFile::Entry& section) {
    if (section.value.IsNull()) return {};
    auto entries = file.entries(section.value, section.place);
    for (auto& entry : entries) entry.name = fmt::format("{}.{}", section.name, entry.name);
    return entries;
  }

  void apply(const YamlFile& file, const std::vector<YamlFile::Entry>& entries, Scope scope,
             ServerConfig& server, bool nested = false) {
    for (const auto& entry : entries) {
      const auto* setting =
          entry.name.find('.') == entry.name.npos || nested ? find_setting(entry.name, scope) : nullptr;
      if (!setting && is_section(entry.name)) {
        apply(file, section_entries(file, entry), scope, server, true);
        continue;
      }
      if (!setting) unknown_key(file, entry, scope);
      if (const auto problem = apply_setting(*setting, text_of(file, *setting, entry), server))
        file.fail(entry.value, entry.place, *problem);
      if (entry.name == "schedule.backup" && server.schedule.backup.is_after_backup())
        file.fail(entry.value, entry.place, "a backup cannot come after each backup; say when, as 02:00");
      if (entry.name == "conninfo") check_password_is_private(file, entry, server);
    }
  }

  /// The value as one text: windows, or a timing that is written as {every: 6h}, too.
  static std::string text_of(const YamlFile& file, const Setting& setting, const YamlFile::Entry& entry) {
    const bool has_rates = setting.type == SettingType::bandwidth;
    if (has_rates && entry.value.IsMap()) return bandwidth_text(file, entry);
    if (has_rates || setting.type == SettingType::windows)
      return fmt::format("{}", fmt::join(file.scalars(entry), kBetweenWindows));
    if (setting.type != SettingType::timing || !entry.value.IsMap()) return file.scalar(entry);
    const auto words = file.entries(entry.value, entry.place);
    constexpr std::array<std::string_view, 3> kWords{"every", "cron", "calendar"};
    if (words.size() != 1 || std::ranges::find(kWords, words[0].name) == kWords.end())
      file.fail(entry.value, entry.place, "one of `every`, `cron` or `calendar` is expected in the braces");
    return fmt::format("{} {}", words[0].name, file.scalar(words[0]));
  }

  /// Of rates by windows.
  static std::string bandwidth_text(const YamlFile& file, const YamlFile::Entry& entry) {
    std::vector<std::string> windows;
    for (const auto& window : file.entries(entry.value, entry.place)) {
      auto rate = file.scalar(window);
      std::erase(rate, ' ');
      windows.push_back(fmt::format("{}{}{}", window.name, BandwidthWindow::kBeforeRate, rate));
    }
    return fmt::format("{}", fmt::join(windows, kBetweenWindows));
  }

  /// Of what holds for the server in the end: one may be its own, and the other a default.
  static void check_wal_window(const YamlFile& file, const YamlFile::Entry& server,
                               const catalog::RetentionPolicy& policy) {
    if (policy.wal_window.count() == 0 || policy.wal_window >= policy.recovery_window) return;
    file.fail(
        server.key, server.place,
        fmt::format("retention.wal_window is {}, and retention.recovery_window {}, every moment of which "
                    "needs its WAL; make wal_window as long at least, or leave it out",
                    io::format_duration(policy.wal_window), io::format_duration(policy.recovery_window)));
  }

  static void check_password_is_private(const YamlFile& file, const YamlFile::Entry& entry,
                                        const ServerConfig& server) {
    if (!streaming::holds_password(server.conninfo) || !file.readable_by_others()) return;
    file.fail(entry.value, entry.place,
              fmt::format("holds a password, and others may read this file (mode {}); "
                          "chmod 600 {}, or keep the password in a password file (passfile=FILE)",
                          file.mode(), file.path().native()));
  }

  void read_includes(const YamlFile& file, const YamlFile::Entry& entry) {
    if (entry.value.IsNull()) return;
    for (const auto& pattern : file.scalars(entry)) {
      config_.includes.push_back(beside(file, pattern));
      for (const auto& path : matching(file, entry, pattern)) {
        const YamlFile included(path);
        if (included.root().IsNull()) continue;
        for (const auto& part : included.entries(included.root(), "")) {
          if (part.name == "servers") {
            read_servers(included, part);
          } else if (find_setting(part.name, Scope::top)) {
            included.fail(
                part.key, part.place,
                fmt::format("belongs into {}; an included file holds `servers` only", file.path().native()));
          } else {
            unknown_key(included, part, Scope::top);
          }
        }
      }
    }
  }

  static std::string beside(const YamlFile& file, const std::string& pattern) {
    return (fs::absolute(file.path()).parent_path() / pattern).lexically_normal();
  }

  /// Sorted. A pattern may match nothing, a plain name may not.
  static std::vector<fs::path> matching(const YamlFile& file, const YamlFile::Entry& entry,
                                        const std::string& pattern) {
    const auto full = beside(file, pattern);
    ::glob_t found{};
    const int result = ::glob(full.c_str(), 0, nullptr, &found);
    std::vector<fs::path> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    if (result != 0 && result != GLOB_NOMATCH)
      file.fail(entry.value, entry.place, fmt::format("{} cannot be read", full));
    if (paths.empty() && pattern.find_first_of("*?[") == pattern.npos)
      file.fail(entry.value, entry.place, fmt::format("there is no {}", full));
    return paths;
  }

  [[noreturn]] static void unknown_key(const YamlFile& file, const YamlFile::Entry& entry, Scope scope) {
    if (scope == Scope::server && find_setting(entry.name, Scope::one_server))
      file.fail(entry.key, entry.place, "belongs into each server, not into the defaults");
    if (scope == Scope::top && find_setting(entry.name, Scope::server))
      file.fail(entry.key, entry.place, "belongs into `defaults` or into a server");
    const auto hint = did_you_mean(entry.name, names_in(scope));
    file.fail(entry.key, entry.place,
              fmt::format("unknown key{}",
                          hint.empty() ? "; see docs/configuration.md for those there are" : hint));
  }

  Config config_{.file = {},
                 .repository = {},
                 .servers = {},
                 .limits = default_job_limits(),
                 .hooks = default_fleet_hooks(),
                 .notify = default_notify_config()};
  ServerConfig defaults_ = default_server_config();
  std::map<std::string, std::string> declared_;  // server → FILE:LINE
};

/// A part of the top of which one setting alone has a default that is no empty one.
template <typename Part>
Part part_with_default(std::string_view name) {
  Part part;
  const auto& setting = *find_setting(name, Scope::top);
  if (const auto problem = apply_setting(setting, setting.default_text, part))
    throw std::logic_error(fmt::format("default of {}: {}", name, *problem));
  return part;
}

}  // namespace

Config load_config(const fs::path& file) {
  return Reader(file).read(file);
}

ServerConfig default_server_config() {
  ServerConfig config;
  for (const auto& setting : settings()) {
    if (setting.scope == Scope::top || setting.default_text.empty()) continue;
    if (const auto problem = apply_setting(setting, setting.default_text, config))
      throw std::logic_error(fmt::format("default of {}: {}", setting.name, *problem));
  }
  return config;
}

JobLimits default_job_limits() {
  JobLimits limits;
  for (const auto& setting : settings()) {
    if (!setting.name.starts_with("limits.")) continue;
    if (const auto problem = apply_setting(setting, setting.default_text, limits))
      throw std::logic_error(fmt::format("default of {}: {}", setting.name, *problem));
  }
  return limits;
}

FleetHookConfig default_fleet_hooks() {
  return part_with_default<FleetHookConfig>("hooks.timeout");
}

NotifyConfig default_notify_config() {
  return part_with_default<NotifyConfig>("notify.interval");
}

std::string why_not_a_server_name(std::string_view name) {
  // `all` means every server; the others are files of the repository.
  constexpr std::array<std::string_view, 4> kReserved{"all", "daemon.lock", "repository.json",
                                                      "repository.json.tmp"};
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
  };
  if (std::ranges::find(kReserved, name) != kReserved.end())
    return fmt::format("'{}' cannot be the name of a server, it has a meaning of its own; choose another",
                       name);
  const bool sound = !name.empty() && name.size() <= kLongestServerName &&
                     std::ranges::all_of(name, allowed) && !name.starts_with('.') && !name.starts_with('-');
  if (sound) return {};
  return fmt::format(
      "'{}' cannot be the name of a server: up to {} letters, digits, '_', '-' and '.' are, "
      "not beginning with '.' or '-' (it becomes the name of a folder)",
      name, kLongestServerName);
}

}  // namespace pgkeep::server
