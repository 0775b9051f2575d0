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
  duration,
  choice,
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
  std::int64_t least = 0;  // number: itself, size: bytes, duration: milliseconds
  std::int64_t most = 0;
  std::string_view zero = {};  // what 0 means, when it is allowed beside the range
  std::span<const std::string_view> choices =
      {};  // of `choice`, in the order of the enum; of `boolean`: other words
  std::variant<std::monostate, std::string ServerConfig::*, bool ServerConfig::*,
               std::uint64_t ServerConfig::*, std::chrono::milliseconds ServerConfig::*,
               Checkpoint ServerConfig::*, Flush ServerConfig::*, std::uint64_t catalog::RetentionPolicy::*,
               std::chrono::milliseconds catalog::RetentionPolicy::*>
      member = {};
};

/// All keys: those of the top, then those of a server, in the order in which they are explained.
std::span<const Setting> settings();

/// The setting of that name in a scope; `defaults` holds what has Scope::server.
const Setting* find_setting(std::string_view name, Scope scope);

/// Reads `text` as the setting's type and puts it into `config`. Returns what is wrong and what would be
/// right, or nothing.
std::optional<std::string> apply_setting(const Setting& setting, std::string_view text, ServerConfig& config);

/// "a number from 1 to 19", "a size from 32 KiB to 1 GiB, or 0: no limit": for messages and the
/// documentation.
std::string describe_type(const Setting& setting);

/// The value of a setting in `config` as one would write it.
std::string setting_text(const Setting& setting, const ServerConfig& config);

}  // namespace pgkeep::server
