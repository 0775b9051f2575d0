#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/io/disk_space.h"
#include "catalog/retention/retention_policy.h"
#include "server/config/listen_address.h"
#include "server/schedule/bandwidth.h"
#include "server/schedule/job_plan.h"
#include "server/schedule/job_queue.h"

namespace pgkeep::server {

enum class Checkpoint : std::uint8_t { fast, spread };
enum class Flush : std::uint8_t { automatic, at_once };

/// Programs that are run around the jobs of a server. Absolute paths; empty: none.
struct HookConfig {
  std::string before_backup;
  std::string after_backup;
  std::string before_recover;
  std::string after_recover;
  std::string before_delete;
  std::string after_delete;
  std::string on_failure;
  std::chrono::milliseconds time_limit{};
  bool operator==(const HookConfig&) const = default;
};

/// The same around the report of the fleet.
struct FleetHookConfig {
  std::string before_report;
  std::string after_report;
  std::string on_failure;
  std::chrono::milliseconds time_limit{};
  bool operator==(const FleetHookConfig&) const = default;
};

/// One server as the configuration describes it. What each member means stands in the table of settings.cc,
/// which also has the defaults: make one by default_server_config().
struct ServerConfig {
  std::string name;
  std::string conninfo;
  std::string description;
  bool active = false;

  std::string slot;
  bool create_slot = false;
  std::string application_name;
  std::chrono::milliseconds connect_timeout{};
  std::chrono::milliseconds status_interval{};
  std::chrono::milliseconds longest_retry{};
  Flush flush = Flush::automatic;
  bool allow_unknown_major = false;

  Checkpoint checkpoint = Checkpoint::fast;
  std::uint64_t max_rate = 0;              // bytes a second; 0: no limit
  std::vector<BandwidthWindow> bandwidth;  // in the time zone of the schedule
  bool verify_checksums = false;
  std::uint64_t compression_level = 0;
  std::uint64_t backup_workers = 0;  // 0: one a core

  std::chrono::milliseconds watch_interval{};
  std::uint64_t retain_at_most = 0;  // bytes; 0: protect_primary is off
  std::uint64_t pushed_most_bytes = 0;
  std::uint64_t pushed_most_files = 0;
  catalog::RetentionPolicy retention;
  std::uint64_t compaction_dead_percent = 0;
  std::uint64_t compaction_budget = 0;  // bytes
  std::chrono::milliseconds verification_older_than{};
  std::uint64_t verification_budget = 0;  // bytes; 0: no limit
  io::Reserve reserve;                    // of the repository's file system, for WAL alone
  JobSchedule schedule;
  HookConfig hooks;
  std::filesystem::path configuration;  // the main file that it comes from, for hooks
  bool operator==(const ServerConfig&) const = default;
};

/// Where `serve` answers over HTTP, to whom and how; without an address, nowhere.
struct HttpConfig {
  std::optional<ListenAddress> listen;
  std::string token_file;   // absolute paths; empty: none
  std::string certificate;  // with `key`, or neither
  std::string key;
  bool operator==(const HttpConfig&) const = default;
};

/// Who gets mail, and how it leaves this host.
struct MailConfig {
  std::string to;    // addresses, as a header field has them; empty: no mail is sent
  std::string from;  // the same; empty: pgkeep@ this host
  std::string smtp;  // smtp://host:587 or smtps://host; empty: by the local sendmail
  std::string user;
  std::string password_file;  // an absolute path
  std::string heartbeat;      // called once the report has been sent; empty: nobody
  bool operator==(const MailConfig&) const = default;
};

enum class WebhookFormat : std::uint8_t { json, slack };
enum class NotifyFrom : std::uint8_t { warning, failed };

/// Who is told when a finding appears, changes or goes.
struct NotifyConfig {
  std::string mail;          // addresses; empty: nobody by mail
  std::string webhook_file;  // an absolute path: a file with the address; empty: none
  WebhookFormat webhook_format = WebhookFormat::json;
  std::string token_file;  // of the webhook
  NotifyFrom from = NotifyFrom::warning;
  std::chrono::milliseconds interval{};

  bool tells_anybody() const { return !mail.empty() || !webhook_file.empty(); }
  bool operator==(const NotifyConfig&) const = default;
};

/// What the fleet does as a whole, and when.
struct FleetSchedule {
  JobTiming report;
  TimeZone zone = TimeZone::utc();
  bool operator==(const FleetSchedule&) const = default;
};

/// The configuration, read and checked as a whole.
struct Config {
  std::filesystem::path file;  // absolute
  std::filesystem::path repository;
  std::vector<ServerConfig> servers;  // by name
  JobLimits limits;
  HttpConfig http = {};
  MailConfig mail = {};
  FleetSchedule schedule = {};
  FleetHookConfig hooks = {};
  NotifyConfig notify = {};
  ServerConfig defaults = {};                      // what a server is that sets nothing itself
  std::vector<std::string> includes = {};          // the patterns of `include`, each with its folder
  std::map<std::string, std::string> places = {};  // server → FILE:LINE
};

inline constexpr const char* kDefaultConfigFile = "/etc/pgkeep/pgkeep.yaml";

/// Reads the file and what it includes. Throws UsageError, "FILE:LINE: PLACE: what is wrong; what would be
/// right", for the first thing that is not as it must be.
Config load_config(const std::filesystem::path& file);

/// What a server's keys, and the limits, are when nobody sets them.
ServerConfig default_server_config();
JobLimits default_job_limits();
FleetHookConfig default_fleet_hooks();
NotifyConfig default_notify_config();

/// Letters, digits, '_', '-', '.'; not beginning with '.' or '-': a server's name is the name of its folder.
/// Nothing when it is one, else why not.
std::string why_not_a_server_name(std::string_view name);

}  // namespace pgkeep::server
