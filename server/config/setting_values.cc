#include "server/config/setting_values.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/error.h"
#include "catalog/io/units.h"
#include "streaming/wire/connection.h"
#include "streaming/wire/replication.h"

namespace pgkeep::server {
namespace {

constexpr std::array<std::string_view, 3> kYes{"true", "yes", "on"};
constexpr std::array<std::string_view, 3> kNo{"false", "no", "off"};

using Problem = std::optional<std::string>;

template <typename Part, typename Member>
constexpr bool kIsOf = false;
template <typename Part, typename Field>
constexpr bool kIsOf<Part, Field Part::*> = true;
template <typename Member>
constexpr bool kIsOfNoServer =
    std::is_same_v<Member, std::monostate> || kIsOf<JobLimits, Member> || kIsOf<HttpConfig, Member> ||
    kIsOf<MailConfig, Member> || kIsOf<FleetSchedule, Member> || kIsOf<FleetHookConfig, Member> ||
    kIsOf<NotifyConfig, Member>;

std::string format_in_unit(SettingType type, std::int64_t value) {
  if (type == SettingType::size) return io::format_bytes(static_cast<std::uint64_t>(value));
  if (type == SettingType::duration) return io::format_duration(std::chrono::milliseconds(value));
  if (type == SettingType::percent) return fmt::format("{}%", value);
  return std::to_string(value);
}

std::optional<std::int64_t> parse_in_unit(SettingType type, std::string_view text) {
  if (type == SettingType::duration) {
    if (text == "0") return 0;
    const auto duration = io::parse_duration(text);
    return duration ? std::optional(duration->count()) : std::nullopt;
  }
  if (type == SettingType::size) {
    const auto bytes = io::parse_bytes(text);
    return bytes && *bytes <= static_cast<std::uint64_t>(INT64_MAX)
               ? std::optional(static_cast<std::int64_t>(*bytes))
               : std::nullopt;
  }
  if (type == SettingType::percent) {
    if (!text.ends_with('%')) return std::nullopt;
    text.remove_suffix(1);
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::optional<bool> parse_boolean(const Setting& setting, std::string_view text) {
  if (contains(kYes, text) || (!setting.choices.empty() && setting.choices[1] == text)) return true;
  if (contains(kNo, text) || (!setting.choices.empty() && setting.choices[0] == text)) return false;
  return std::nullopt;
}

std::string wrong_type(const Setting& setting, std::string_view text) {
  return fmt::format("{} is expected, not '{}'", describe_type(setting), text);
}

/// Addresses become lines of a mail's head, and what follows a host in an address may be a secret.
Problem check_mail(const Setting& setting, std::string_view text) {
  const auto begins = [&](std::string_view scheme) { return text.starts_with(scheme); };
  const bool unprintable = std::ranges::any_of(text, [](char c) { return c < ' ' || c > '~'; });
  if (setting.name == "mail.to" || setting.name == "mail.from" || setting.name == "notify.mail") {
    if (text.find('@') == text.npos) return "an address has an @ in it";
    if (unprintable) return "an address has printable ASCII characters only";
  }
  if (setting.name == "mail.smtp") {
    if (!begins("smtp://") && !begins("smtps://"))
      return "smtp:// or smtps:// and a host are expected, as smtp://mail.example.org:587";
    if (text.find('@') != text.npos)
      return "names a user; put it into `mail.user`, and the password into `mail.password_file`";
  }
  if (setting.name == "mail.heartbeat" && !begins("https://") && !begins("http://"))
    return "an address that begins with https:// or http:// is expected";
  return std::nullopt;
}

/// What the type alone does not say.
Problem check_text(const Setting& setting, std::string_view text) {
  if (setting.type == SettingType::path && !text.starts_with('/'))
    return fmt::format("an absolute path is expected, not '{}'", text);
  if (text.empty() && setting.name != "description") return "has no value";
  if (text.find('\0') != text.npos) return "holds a zero byte";
  if (auto problem = check_mail(setting, text)) return problem;
  try {
    if (setting.name == "slot") streaming::check_slot_name(text);
    if (setting.name == "conninfo") streaming::describe_conninfo(text);
  } catch (const UsageError& error) {
    return error.what();
  }
  return std::nullopt;
}

// Each reads `text` into a field of its type.

Problem read(const Setting& setting, std::string_view text, std::string& field) {
  if (auto problem = check_text(setting, text)) return problem;
  field = text;
  return std::nullopt;
}

Problem read(const Setting& setting, std::string_view text, std::optional<ListenAddress>& field) {
  field = ListenAddress::parse(text);
  return field ? std::nullopt : std::optional(wrong_type(setting, text));
}

Problem read(const Setting& setting, std::string_view text, bool& field) {
  const auto value = parse_boolean(setting, text);
  if (!value) return wrong_type(setting, text);
  field = *value;
  return std::nullopt;
}

template <typename Choice>
requires std::is_enum_v<Choice> Problem read(const Setting& setting, std::string_view text, Choice& field) {
  const auto word = std::ranges::find(setting.choices, text);
  if (word == setting.choices.end()) return wrong_type(setting, text);
  field = static_cast<Choice>(word - setting.choices.begin());
  return std::nullopt;
}

Problem read_in_range(const Setting& setting, std::string_view text, std::int64_t& number) {
  const auto value = parse_in_unit(setting.type, text);
  if (!value) return wrong_type(setting, text);
  const bool is_zero = *value == 0 && !setting.zero.empty();
  if (!is_zero && (*value < setting.least || *value > setting.most))
    return fmt::format("{} is out of range: {} is expected", text, describe_type(setting));
  number = *value;
  return std::nullopt;
}

Problem read(const Setting& setting, std::string_view text, std::uint64_t& field) {
  std::int64_t number = 0;
  if (auto problem = read_in_range(setting, text, number)) return problem;
  field = static_cast<std::uint64_t>(number);
  return std::nullopt;
}

Problem read(const Setting& setting, std::string_view text, std::chrono::milliseconds& field) {
  std::int64_t number = 0;
  if (auto problem = read_in_range(setting, text, number)) return problem;
  field = std::chrono::milliseconds(number);
  return std::nullopt;
}

Problem read(const Setting& setting, std::string_view text, io::Reserve& field) {
  const auto reserve = io::Reserve::parse(text);
  if (!reserve) return wrong_type(setting, text);
  const bool fits = reserve->is_share ? reserve->amount <= static_cast<std::uint64_t>(setting.most)
                                      : reserve->amount >= static_cast<std::uint64_t>(setting.least);
  if (!fits && reserve->amount != 0)
    return fmt::format("{} is out of range: {} is expected", text, describe_type(setting));
  field = *reserve;
  return std::nullopt;
}

Problem read(const Setting& setting, std::string_view text, JobTiming& field) {
  std::string problem;
  const auto timing = JobTiming::parse(text, problem);
  if (!timing) return fmt::format("{}: {}", wrong_type(setting, text), problem);
  field = *timing;
  return std::nullopt;
}

Problem read(const Setting& setting, std::string_view text, TimeZone& field) {
  const auto zone = TimeZone::find(text);
  if (!zone) return wrong_type(setting, text);
  field = *zone;
  return std::nullopt;
}

template <typename Window>
Problem read(const Setting& setting, std::string_view text, std::vector<Window>& field) {
  std::vector<Window> windows;
  while (!text.empty()) {
    const auto one = text.substr(0, text.find(kBetweenWindows));
    text.remove_prefix(std::min(text.size(), one.size() + kBetweenWindows.size()));
    std::string problem;
    const auto window = Window::parse(one, problem);
    if (!window) return fmt::format("{}: {}", wrong_type(setting, one), problem);
    windows.push_back(*window);
  }
  if (windows.empty()) return wrong_type(setting, text);
  field = std::move(windows);
  return std::nullopt;
}

// Each writes a field as one would write it in the file.

std::string zero_text(const Setting& setting) {
  return setting.zero.empty() ? "0" : fmt::format("0 ({})", setting.zero);
}
std::string text_of(const Setting& /*setting*/, const std::string& field) {
  return field;
}
std::string text_of(const Setting& /*setting*/, bool field) {
  return field ? "true" : "false";
}
template <typename Choice>
requires std::is_enum_v<Choice> std::string text_of(const Setting& setting, Choice field) {
  return std::string(setting.choices[static_cast<std::size_t>(field)]);
}
std::string text_of(const Setting& setting, std::uint64_t field) {
  return field == 0 ? zero_text(setting) : format_in_unit(setting.type, static_cast<std::int64_t>(field));
}
std::string text_of(const Setting& setting, std::chrono::milliseconds field) {
  return field.count() == 0 ? zero_text(setting) : io::format_duration(field);
}
std::string text_of(const Setting& setting, const io::Reserve& field) {
  return field.amount == 0 ? zero_text(setting) : field.text();
}
std::string text_of(const Setting& /*setting*/, const JobTiming& field) {
  return field.text();
}
std::string text_of(const Setting& /*setting*/, const TimeZone& field) {
  return field.name();
}
template <typename Window>
std::string text_of(const Setting& /*setting*/, const std::vector<Window>& field) {
  std::vector<std::string> texts;
  for (const auto& window : field) texts.push_back(window.text());
  return fmt::format("{}", fmt::join(texts, kBetweenWindows));
}

/// The part of a server's configuration that a member belongs to. Of a constant one, a constant part.
template <typename Part, typename Server>
auto& part_of(Server& server) {
  if constexpr (std::is_same_v<Part, catalog::RetentionPolicy>) return server.retention;
  if constexpr (std::is_same_v<Part, JobSchedule>) return server.schedule;
  if constexpr (std::is_same_v<Part, HookConfig>) return server.hooks;
  if constexpr (std::is_same_v<Part, ServerConfig>) return server;
}

template <typename Server, typename Part, typename Field>
auto& field_of(Server& server, Field Part::*member) {
  return part_of<Part>(server).*member;
}

/// Into a part of the configuration that is of no server.
template <typename Part>
Problem read_of(const Setting& setting, std::string_view text, Part& part) {
  return std::visit(
      [&](auto member) -> Problem {
        if constexpr (kIsOf<Part, decltype(member)>) {
          return read(setting, text, part.*member);
        } else {
          throw std::logic_error(fmt::format("{} has another place", setting.name));
        }
      },
      setting.member);
}

}  // namespace

Problem apply_setting(const Setting& setting, std::string_view text, ServerConfig& config) {
  return std::visit(
      [&](auto member) -> Problem {
        if constexpr (kIsOfNoServer<decltype(member)>) {
          throw std::logic_error(fmt::format("{} has no place in a server", setting.name));
        } else {
          return read(setting, text, field_of(config, member));
        }
      },
      setting.member);
}

Problem apply_setting(const Setting& setting, std::string_view text, JobLimits& limits) {
  return read_of(setting, text, limits);
}
Problem apply_setting(const Setting& setting, std::string_view text, HttpConfig& http) {
  return read_of(setting, text, http);
}
Problem apply_setting(const Setting& setting, std::string_view text, MailConfig& mail) {
  return read_of(setting, text, mail);
}
Problem apply_setting(const Setting& setting, std::string_view text, FleetSchedule& schedule) {
  return read_of(setting, text, schedule);
}
Problem apply_setting(const Setting& setting, std::string_view text, FleetHookConfig& hooks) {
  return read_of(setting, text, hooks);
}
Problem apply_setting(const Setting& setting, std::string_view text, NotifyConfig& notify) {
  return read_of(setting, text, notify);
}

std::string describe_type(const Setting& setting) {
  const auto with_range = [&](std::string_view what) {
    auto text = fmt::format("{} from {} to {}", what, format_in_unit(setting.type, setting.least),
                            format_in_unit(setting.type, setting.most));
    return setting.zero.empty() ? text : fmt::format("{}, or 0: {}", text, setting.zero);
  };
  switch (setting.type) {
    case SettingType::text:
      return "text";
    case SettingType::path:
      return "an absolute path";
    case SettingType::address:
      return "an IP address and a port (127.0.0.1:8432, [::1]:8432)";
    case SettingType::patterns:
      return "a file name pattern or a list of them";
    case SettingType::section:
      return "a section of keys";
    case SettingType::timing:
      return "a time (02:00, Mon..Fri 02:30), every DURATION, cron EXPRESSION, after backup, or never";
    case SettingType::time_zone:
      return "a time zone (Europe/Berlin)";
    case SettingType::windows:
      return "a window of the day (08:00-18:00, 08:00-18:00 Mon-Fri) or a list of them";
    case SettingType::bandwidth:
      return "a window of the day and a rate (08:00-20:00 20MiB/s, or {\"08:00-20:00\": 20MiB/s}), or several of them";
    case SettingType::choice:
      return fmt::format("{}", fmt::join(setting.choices, " or "));
    case SettingType::number:
      return with_range("a number");
    case SettingType::size:
      return with_range("a size (512KiB, 64MiB)");
    case SettingType::percent:
      return with_range("a share");
    case SettingType::reserve:
      return fmt::format("a share of at most {}%, a size (20GiB) from {} on, or 0: {}", setting.most,
                         format_in_unit(SettingType::size, setting.least), setting.zero);
    case SettingType::duration:
      return with_range("a duration (500ms, 30s, 15min)");
    case SettingType::boolean:
      break;
  }
  return setting.choices.empty()
             ? "true or false"
             : fmt::format("true or false ({} or {})", setting.choices[1], setting.choices[0]);
}

std::string setting_text(const Setting& setting, const ServerConfig& config) {
  return std::visit(
      [&](auto member) -> std::string {
        if constexpr (kIsOfNoServer<decltype(member)>) {
          return {};
        } else {
          return text_of(setting, field_of(config, member));
        }
      },
      setting.member);
}

SettingValue setting_value(const Setting& setting, const ServerConfig& config) {
  return std::visit(
      [&](auto member) -> SettingValue {
        if constexpr (kIsOfNoServer<decltype(member)>) {
          return std::string();
        } else {
          const auto& field = field_of(config, member);
          if constexpr (std::is_constructible_v<SettingValue, decltype(field)>) {
            return field;
          } else {
            return text_of(setting, field);
          }
        }
      },
      setting.member);
}

}  // namespace pgkeep::server
