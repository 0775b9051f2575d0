#include "server/config/settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/compression.h"
#include "catalog/io/error.h"
#include "catalog/io/units.h"
#include "streaming/wire/connection.h"
#include "streaming/wire/replication.h"

namespace pgkeep::server {
namespace {

using catalog::RetentionPolicy;
using namespace std::chrono_literals;

constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kGiB = kKiB * kKiB * kKiB;

constexpr std::int64_t ms(std::chrono::milliseconds duration) {
  return duration.count();
}

constexpr std::int64_t kMostKept = 100'000;
constexpr auto kLongestWindow = std::chrono::days(36'500);
constexpr std::string_view kNoRule = "no such rule";

constexpr std::array<std::string_view, 2> kCheckpointWords{"fast", "spread"};
constexpr std::array<std::string_view, 2> kFlushWords{"auto", "at_once"};
// The words that operators know for the same question: false, true.
constexpr std::array<std::string_view, 2> kCreateSlotWords{"manual", "auto"};
constexpr std::array<std::string_view, 3> kYes{"true", "yes", "on"};
constexpr std::array<std::string_view, 3> kNo{"false", "no", "off"};

// clang-format off
constexpr std::array kSettings{
    Setting{.name = "repository", .scope = Scope::top, .type = SettingType::path, .default_text = "",
            .sample = "/var/lib/pgkeep",
            .sentence = "The folder that holds the backups and the WAL of all servers, each in a folder of its own; "
                        "made by the first `serve`, `backup` or `receive-wal`.",
            .required = true},
    Setting{.name = "include", .scope = Scope::top, .type = SettingType::patterns, .default_text = "",
            .sample = "conf.d/*.yaml",
            .sentence = "More files with servers, for fleets whose configuration is generated: a pattern or a list of them, "
                        "relative to this file. An included file holds `servers` and nothing else."},
    Setting{.name = "defaults", .scope = Scope::top, .type = SettingType::section, .default_text = "", .sample = "",
            .sentence = "Values for all servers; a server's own value wins."},
    Setting{.name = "servers", .scope = Scope::top, .type = SettingType::section, .default_text = "", .sample = "",
            .sentence = "The servers by name. A name is made of letters, digits, `_`, `-` and `.`, "
                        "and is the name of the server's folder in the repository."},

    Setting{.name = "conninfo", .scope = Scope::one_server, .default_text = "",
            .sample = "host=pg1.example port=5432 user=pgkeep dbname=postgres",
            .sentence = "How to reach the server, as libpq reads it (keywords or a URI). "
                        "The role needs LOGIN and REPLICATION, and pg_monitor for `status` and `check`. "
                        "Keep the password in a password file (`passfile=`); "
                        "a file that holds one here must be readable by its owner only.",
            .required = true, .member = &ServerConfig::conninfo},
    Setting{.name = "description", .scope = Scope::one_server, .default_text = "", .sample = "orders database",
            .sentence = "What the server is, shown in listings.", .member = &ServerConfig::description},
    Setting{.name = "active", .type = SettingType::boolean, .default_text = "true", .sample = "true",
            .sentence = "`false` takes the server out of service: no backup, no WAL; what is stored stays readable.",
            .member = &ServerConfig::active},
    Setting{.name = "slot", .default_text = "pgkeep", .sample = "pgkeep",
            .sentence = "The physical replication slot that makes the server keep WAL until it is stored here; "
                        "lower-case letters, digits and `_`.",
            .member = &ServerConfig::slot},
    Setting{.name = "create_slot", .type = SettingType::boolean, .default_text = "true", .sample = "true",
            .sentence = "Whether a missing slot is created when WAL is received; with `false`, `pgkeep create-slot` does it.",
            .choices = kCreateSlotWords, .member = &ServerConfig::create_slot},
    Setting{.name = "application_name", .default_text = "pgkeep", .sample = "pgkeep",
            .sentence = "The name under which the WAL receiver appears on the server, "
                        "which `synchronous_standby_names` looks at. "
                        "Backups connect with `_backup` appended, so that they never count as the standby.",
            .member = &ServerConfig::application_name},
    Setting{.name = "connect_timeout", .type = SettingType::duration, .default_text = "10s", .sample = "10s",
            .sentence = "How long a connection may take to come about.",
            .least = ms(1s), .most = ms(1h), .member = &ServerConfig::connect_timeout},
    Setting{.name = "status_interval", .type = SettingType::duration, .default_text = "10s", .sample = "10s",
            .sentence = "How often the server is told what has been received when nothing else makes it known. "
                        "Below half of the server's wal_sender_timeout.",
            .least = ms(100ms), .most = ms(1h), .member = &ServerConfig::status_interval},
    Setting{.name = "longest_retry", .type = SettingType::duration, .default_text = "60s", .sample = "60s",
            .sentence = "The longest pause between attempts to reach a server that is away; the first is one second, "
                        "each further one twice as long.",
            .least = ms(1s), .most = ms(24h), .member = &ServerConfig::longest_retry},
    Setting{.name = "flush", .type = SettingType::choice, .default_text = "auto", .sample = "at_once",
            .sentence = "When `pgkeep serve` syncs what it received: "
                        "with `auto` at once while the server counts it among its synchronous standbys or candidates, "
                        "which is looked at every watch_interval, and else in groups, at most 200 ms late, "
                        "which costs less. What is reported as flushed is on disk in either case.",
            .choices = kFlushWords, .member = &ServerConfig::flush},
    Setting{.name = "allow_unknown_major", .type = SettingType::boolean, .default_text = "false", .sample = "true",
            .sentence = "Whether a server of a newer major version than this pgkeep knows is let in. "
                        "Its WAL and backups are then stored as they come, unchecked; "
                        "see \"A version that came after pgkeep\" in the manual.",
            .member = &ServerConfig::allow_unknown_major},
    Setting{.name = "checkpoint", .type = SettingType::choice, .default_text = "fast", .sample = "fast",
            .sentence = "The checkpoint that a backup begins with: "
                        "`fast` at once, `spread` over checkpoint_completion_target, "
                        "which is easier on the server and may take minutes.",
            .choices = kCheckpointWords, .member = &ServerConfig::checkpoint},
    Setting{.name = "max_rate", .type = SettingType::size, .default_text = "0", .sample = "100MiB",
            .sentence = "The most that a backup may ask of the server in a second.",
            .least = 32 * kKiB, .most = kGiB, .zero = "no limit", .member = &ServerConfig::max_rate},
    Setting{.name = "verify_checksums", .type = SettingType::boolean, .default_text = "true", .sample = "true",
            .sentence = "Whether the server checks its data checksums while it sends a backup.",
            .member = &ServerConfig::verify_checksums},
    Setting{.name = "compression_level", .type = SettingType::number, .default_text = "1", .sample = "1",
            .sentence = "The zstd level for backups and WAL. "
                        "Higher ones cost time and rarely save much here, since only what changed is stored.",
            .least = io::kMinCompressionLevel, .most = io::kMaxCompressionLevel,
            .member = &ServerConfig::compression_level},
    Setting{.name = "backup_workers", .type = SettingType::number, .default_text = "0", .sample = "2",
            .sentence = "Threads that compare and compress during a backup.",
            .least = 1, .most = 64, .zero = "one a core, eight at most", .member = &ServerConfig::backup_workers},
    Setting{.name = "watch_interval", .type = SettingType::duration, .default_text = "30s", .sample = "30s",
            .sentence = "How often `pgkeep serve` looks at the replication slot of the server.",
            .least = ms(1s), .most = ms(1h), .member = &ServerConfig::watch_interval},
    Setting{.name = "protect_primary.retain_at_most", .type = SettingType::size, .default_text = "0", .sample = "20GiB",
            .sentence = "How much WAL the server may have to keep because it is not stored here yet. "
                        "At 80 % of it `pgkeep serve` warns; "
                        "when it is passed, the slot is given up, "
                        "so that the server does not run out of disk: "
                        "the WAL that is lost is marked as a gap, and a new base backup is taken.",
            .least = 16 * kKiB * kKiB, .most = kGiB * kKiB * kKiB, .zero = "no limit",
            .member = &ServerConfig::retain_at_most},
    Setting{.name = "pushed_wal.most_bytes", .type = SettingType::size, .default_text = "64GiB", .sample = "64GiB",
            .sentence = "How much disk pushed WAL may take while it waits for the stream (`put-wal`). "
                        "What would go past it is refused, so that the database keeps it and tries again; "
                        "nothing that waits is dropped.",
            .least = kKiB * kKiB, .most = kGiB * kKiB * kKiB, .member = &ServerConfig::pushed_most_bytes},
    Setting{.name = "pushed_wal.most_files", .type = SettingType::number, .default_text = "10000", .sample = "10000",
            .sentence = "How many pushed segments may wait, likewise; "
                        "as many backup history files and last segments of timelines may be kept.",
            .least = 1, .most = 10'000'000, .member = &ServerConfig::pushed_most_files},
    Setting{.name = "retention.redundancy", .type = SettingType::number, .default_text = "0", .sample = "3",
            .sentence = "How many of the newest good backups stay. "
                        "A backup stays while any of the `retention` rules keeps it; "
                        "without any rule, `expire` lets nothing go.",
            .least = 1, .most = kMostKept, .zero = kNoRule, .member = &RetentionPolicy::redundancy},
    Setting{.name = "retention.recovery_window", .type = SettingType::duration, .default_text = "0", .sample = "14d",
            .sentence = "How far back every moment stays recoverable.",
            .least = ms(1h), .most = ms(kLongestWindow), .zero = kNoRule, .member = &RetentionPolicy::recovery_window},
    Setting{.name = "retention.keep.daily", .type = SettingType::number, .default_text = "0", .sample = "14",
            .sentence = "The newest good backup of each of the last so many days that have one stays. In UTC.",
            .least = 1, .most = kMostKept, .zero = kNoRule, .member = &RetentionPolicy::daily},
    Setting{.name = "retention.keep.weekly", .type = SettingType::number, .default_text = "0", .sample = "8",
            .sentence = "The same of weeks, which begin on Monday.",
            .least = 1, .most = kMostKept, .zero = kNoRule, .member = &RetentionPolicy::weekly},
    Setting{.name = "retention.keep.monthly", .type = SettingType::number, .default_text = "0", .sample = "12",
            .sentence = "The same of months.",
            .least = 1, .most = kMostKept, .zero = kNoRule, .member = &RetentionPolicy::monthly},
    Setting{.name = "retention.keep.yearly", .type = SettingType::number, .default_text = "0", .sample = "2",
            .sentence = "The same of years.",
            .least = 1, .most = kMostKept, .zero = kNoRule, .member = &RetentionPolicy::yearly},
    Setting{.name = "retention.minimum_redundancy", .type = SettingType::number, .default_text = "1", .sample = "2",
            .sentence = "Never fewer good backups than this stay, whatever the rules say.",
            .least = 1, .most = kMostKept, .member = &RetentionPolicy::minimum_redundancy},
    Setting{.name = "retention.grace", .type = SettingType::duration, .default_text = "24h", .sample = "24h",
            .sentence = "How long a backup that has expired can be brought back with `undelete` "
                        "before an `expire` removes it.",
            .least = ms(1s), .most = ms(kLongestWindow), .zero = "the next `expire` removes it",
            .member = &RetentionPolicy::grace},
};
// clang-format on

std::string format_in_unit(SettingType type, std::int64_t value) {
  if (type == SettingType::size) return io::format_bytes(static_cast<std::uint64_t>(value));
  if (type == SettingType::duration) return io::format_duration(std::chrono::milliseconds(value));
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

/// What the type alone does not say.
std::optional<std::string> check_text(const Setting& setting, std::string_view text) {
  if (text.empty() && setting.name != "description") return "has no value";
  if (text.find('\0') != text.npos) return "holds a zero byte";
  try {
    if (setting.name == "slot") streaming::check_slot_name(text);
    if (setting.name == "conninfo") streaming::describe_conninfo(text);
  } catch (const UsageError& error) {
    return error.what();
  }
  return std::nullopt;
}

}  // namespace

std::span<const Setting> settings() {
  return kSettings;
}

const Setting* find_setting(std::string_view name, Scope scope) {
  const auto fits = [&](const Setting& setting) {
    const bool in_server = scope == Scope::one_server && setting.scope == Scope::server;
    return setting.name == name && (setting.scope == scope || in_server);
  };
  const auto found = std::ranges::find_if(kSettings, fits);
  return found == kSettings.end() ? nullptr : &*found;
}

namespace {

void set_choice(const Setting& setting, std::uint8_t number, ServerConfig& config) {
  if (const auto* member = std::get_if<Checkpoint ServerConfig::*>(&setting.member))
    config.*(*member) = static_cast<Checkpoint>(number);
  if (const auto* member = std::get_if<Flush ServerConfig::*>(&setting.member))
    config.*(*member) = static_cast<Flush>(number);
}

void set_number(const Setting& setting, std::int64_t value, ServerConfig& config) {
  using std::chrono::milliseconds;
  if (const auto* member = std::get_if<std::uint64_t ServerConfig::*>(&setting.member))
    config.*(*member) = static_cast<std::uint64_t>(value);
  if (const auto* member = std::get_if<milliseconds ServerConfig::*>(&setting.member))
    config.*(*member) = milliseconds(value);
  if (const auto* member = std::get_if<std::uint64_t RetentionPolicy::*>(&setting.member))
    config.retention.*(*member) = static_cast<std::uint64_t>(value);
  if (const auto* member = std::get_if<milliseconds RetentionPolicy::*>(&setting.member))
    config.retention.*(*member) = milliseconds(value);
}

}  // namespace

std::optional<std::string> apply_setting(const Setting& setting, std::string_view text,
                                         ServerConfig& config) {
  if (const auto* member = std::get_if<std::string ServerConfig::*>(&setting.member)) {
    if (auto problem = check_text(setting, text)) return problem;
    config.*(*member) = text;
    return std::nullopt;
  }
  if (const auto* member = std::get_if<bool ServerConfig::*>(&setting.member)) {
    const auto value = parse_boolean(setting, text);
    if (!value) return wrong_type(setting, text);
    config.*(*member) = *value;
    return std::nullopt;
  }
  if (setting.type == SettingType::choice) {
    const auto word = std::ranges::find(setting.choices, text);
    if (word == setting.choices.end()) return wrong_type(setting, text);
    set_choice(setting, static_cast<std::uint8_t>(word - setting.choices.begin()), config);
    return std::nullopt;
  }
  const auto value = parse_in_unit(setting.type, text);
  if (!value) return wrong_type(setting, text);
  const bool is_zero = *value == 0 && !setting.zero.empty();
  if (!is_zero && (*value < setting.least || *value > setting.most))
    return fmt::format("{} is out of range: {} is expected", text, describe_type(setting));
  set_number(setting, *value, config);
  return std::nullopt;
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
    case SettingType::patterns:
      return "a file name pattern or a list of them";
    case SettingType::section:
      return "a section of keys";
    case SettingType::choice:
      return fmt::format("{}", fmt::join(setting.choices, " or "));
    case SettingType::number:
      return with_range("a number");
    case SettingType::size:
      return with_range("a size (512KiB, 64MiB)");
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
  struct Visitor {
    const Setting& setting;
    const ServerConfig& config;
    std::string operator()(std::monostate) const { return {}; }
    std::string operator()(std::string ServerConfig::*member) const { return config.*member; }
    std::string operator()(bool ServerConfig::*member) const { return config.*member ? "true" : "false"; }
    std::string operator()(Checkpoint ServerConfig::*member) const {
      return std::string(setting.choices[static_cast<std::size_t>(config.*member)]);
    }
    std::string operator()(Flush ServerConfig::*member) const {
      return std::string(setting.choices[static_cast<std::size_t>(config.*member)]);
    }
    std::string operator()(std::uint64_t ServerConfig::*member) const { return number(config.*member); }
    std::string operator()(std::uint64_t RetentionPolicy::*member) const {
      return number(config.retention.*member);
    }
    std::string operator()(std::chrono::milliseconds ServerConfig::*member) const {
      return duration(config.*member);
    }
    std::string operator()(std::chrono::milliseconds RetentionPolicy::*member) const {
      return duration(config.retention.*member);
    }
    std::string number(std::uint64_t value) const {
      return value == 0 ? zero() : format_in_unit(setting.type, static_cast<std::int64_t>(value));
    }
    std::string duration(std::chrono::milliseconds value) const {
      return value.count() == 0 ? zero() : io::format_duration(value);
    }
    std::string zero() const { return setting.zero.empty() ? "0" : fmt::format("0 ({})", setting.zero); }
  };
  return std::visit(Visitor{setting, config}, setting.member);
}

}  // namespace pgkeep::server
