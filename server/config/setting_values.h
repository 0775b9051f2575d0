#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/config/settings.h"

namespace pgkeep::server {

/// Between the windows of a list, where one text stands for it.
inline constexpr std::string_view kBetweenWindows = "; ";

/// Reads `text` as the setting's type and puts it into `config`. Returns what is wrong and what would be
/// right, or nothing.
std::optional<std::string> apply_setting(const Setting& setting, std::string_view text, ServerConfig& config);
/// The same of a setting of the top that limits jobs.
std::optional<std::string> apply_setting(const Setting& setting, std::string_view text, JobLimits& limits);
/// The same of one of the HTTP service.
std::optional<std::string> apply_setting(const Setting& setting, std::string_view text, HttpConfig& http);

/// The same of one of mails.
std::optional<std::string> apply_setting(const Setting& setting, std::string_view text, MailConfig& mail);
/// The same of one of the fleet's schedule.
std::optional<std::string> apply_setting(const Setting& setting, std::string_view text,
                                         FleetSchedule& schedule);
/// The same of one of the hooks around the report.
std::optional<std::string> apply_setting(const Setting& setting, std::string_view text,
                                         FleetHookConfig& hooks);
/// The same of one of notifications.
std::optional<std::string> apply_setting(const Setting& setting, std::string_view text, NotifyConfig& notify);

/// "a number from 1 to 19", "a size from 32 KiB to 1 GiB, or 0: no limit": for messages and the
/// documentation.
std::string describe_type(const Setting& setting);

/// The value of a setting in `config` as one would write it.
std::string setting_text(const Setting& setting, const ServerConfig& config);

/// The same as its type has it, for programs: what is neither true or false, nor a number, nor a duration is
/// text as above.
using SettingValue = std::variant<bool, std::uint64_t, std::chrono::milliseconds, std::string>;
SettingValue setting_value(const Setting& setting, const ServerConfig& config);

}  // namespace pgkeep::server
