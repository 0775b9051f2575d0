#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "server/config/config.h"

namespace pgkeep::server {

enum class SettingType : std::uint8_t {
  text,
  path,
  patterns,
  boolean,
  number,
  size,
  percent,
  reserve,
  duration,
  choice,
  timing,
  time_zone,
  windows,
  bandwidth,
  address,
  section
};

/// Where a key may stand.
enum class Scope : std::uint8_t {
  top,         // at the top of the main file
  one_server,  // in a server
  server,      // in a server, and in `defaults` for all of them
};

/// One key of the configuration. The reader, its messages, docs/configuration.md and etc/pgkeep.yaml are made
/// from it.
struct Setting {
  std::string_view name;
  Scope scope = Scope::server;
  SettingType type = SettingType::text;
  std::string_view default_text;  // as one would write it; empty: none
  std::string_view sample;        // a value for the sample file
  std::string_view sentence;      // what it is for
  bool required = false;
  std::int64_t least = 0;      // number: itself, size: bytes, duration: milliseconds; reserve: of a size
  std::int64_t most = 0;       // reserve: of a share, in percent
  std::string_view zero = {};  // what 0 means, when it is allowed beside the range
  std::span<const std::string_view> choices =
      {};  // of `choice`, in the order of the enum; of `boolean`: other words
  std::variant<
      std::monostate, std::string ServerConfig::*, bool ServerConfig::*, std::uint64_t ServerConfig::*,
      std::chrono::milliseconds ServerConfig::*, Checkpoint ServerConfig::*, Flush ServerConfig::*,
      std::uint64_t catalog::RetentionPolicy::*, std::chrono::milliseconds catalog::RetentionPolicy::*,
      JobTiming JobSchedule::*, TimeZone JobSchedule::*, std::chrono::milliseconds JobSchedule::*,
      std::vector<TimeWindow> JobSchedule::*, std::uint64_t JobLimits::*, io::Reserve ServerConfig::*,
      std::vector<BandwidthWindow> ServerConfig::*, std::string MailConfig::*, JobTiming FleetSchedule::*,
      TimeZone FleetSchedule::*, std::string HttpConfig::*, std::optional<ListenAddress> HttpConfig::*,
      std::string HookConfig::*, std::chrono::milliseconds HookConfig::*, std::string FleetHookConfig::*,
      std::chrono::milliseconds FleetHookConfig::*, std::string NotifyConfig::*,
      WebhookFormat NotifyConfig::*, NotifyFrom NotifyConfig::*, std::chrono::milliseconds NotifyConfig::*>
      member = {};
};

/// All keys: those of the top, then those of a server, in the order in which they are explained.
std::span<const Setting> settings();

/// The setting of that name in a scope; `defaults` holds what has Scope::server.
const Setting* find_setting(std::string_view name, Scope scope);

}  // namespace pgkeep::server
