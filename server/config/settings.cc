#include "server/config/settings.h"

#include <algorithm>
#include <array>

#include "catalog/io/compression.h"

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
constexpr std::int64_t kMostInReserve = 50;  // percent; for who forgets the unit, 5 is not a size either
constexpr std::string_view kNoRule = "no such rule";

constexpr std::array<std::string_view, 2> kCheckpointWords{"fast", "spread"};
constexpr std::array<std::string_view, 2> kFlushWords{"auto", "at_once"};
// The words that operators know for the same question: false, true.
constexpr std::array<std::string_view, 2> kCreateSlotWords{"manual", "auto"};

constexpr std::array<std::string_view, 2> kWebhookWords{"json", "slack"};
constexpr std::array<std::string_view, 2> kNotifyWords{"warning", "failed"};

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
    Setting{.name = "limits.backups", .scope = Scope::top, .type = SettingType::number, .default_text = "2", .sample = "4",
            .sentence = "How many backups `pgkeep serve` takes at a time.",
            .least = 1, .most = 64, .member = &JobLimits::backups},
    Setting{.name = "limits.per_host", .scope = Scope::top, .type = SettingType::number, .default_text = "1", .sample = "2",
            .sentence = "How many of these of servers on one host, as `conninfo` names it. "
                        "A backup that lost WAL calls for waits for no other on its host.",
            .least = 1, .most = 64, .member = &JobLimits::per_host},
    Setting{.name = "limits.verify", .scope = Scope::top, .type = SettingType::number, .default_text = "1", .sample = "2",
            .sentence = "How many verifications it runs at a time.",
            .least = 1, .most = 64, .member = &JobLimits::verifications},
    Setting{.name = "http.listen", .scope = Scope::top, .type = SettingType::address, .default_text = "",
            .sample = "127.0.0.1:8432",
            .sentence = "Where `pgkeep serve` answers over HTTP: the page of the fleet, an API, "
                        "and whether it is well; without it, nowhere. "
                        "An address that other hosts can reach needs `http.token_file`, `http.certificate` and `http.key`; "
                        "see \"Watching the fleet over HTTP\" in the manual.",
            .member = &HttpConfig::listen},
    Setting{.name = "http.token_file", .scope = Scope::top, .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/http.token",
            .sentence = "A file with the token that clients have to send: as `Authorization: Bearer TOKEN`, "
                        "or, in a browser, as the password beside any user name. "
                        "It must be readable by its owner only. Without it, who can connect can read.",
            .member = &HttpConfig::token_file},
    Setting{.name = "http.certificate", .scope = Scope::top, .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/http.crt",
            .sentence = "The certificate in PEM, and those between it and its root: HTTPS is spoken then, and nothing else.",
            .member = &HttpConfig::certificate},
    Setting{.name = "http.key", .scope = Scope::top, .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/http.key",
            .sentence = "The private key of the certificate, without a password; it must be readable by its owner only.",
            .member = &HttpConfig::key},
    Setting{.name = "mail.to", .scope = Scope::top, .default_text = "", .sample = "dba@example.org",
            .sentence = "Who gets the report: one address, or several with commas between them.",
            .member = &MailConfig::to},
    Setting{.name = "mail.from", .scope = Scope::top, .default_text = "", .sample = "pgkeep@backup.example.org",
            .sentence = "Whom mails are from; `pgkeep@` this host when you say nothing.", .member = &MailConfig::from},
    Setting{.name = "mail.smtp", .scope = Scope::top, .default_text = "", .sample = "smtp://mail.example.org:587",
            .sentence = "The server that takes mails: `smtp://` (the connection becomes one of TLS, or nothing is sent, "
                        "unless the server is on this host) or `smtps://`. "
                        "Without it they go to the local `/usr/sbin/sendmail`, which repeats what it cannot deliver at once.",
            .member = &MailConfig::smtp},
    Setting{.name = "mail.user", .scope = Scope::top, .default_text = "", .sample = "pgkeep",
            .sentence = "As whom to log in there; without it, nobody logs in.", .member = &MailConfig::user},
    Setting{.name = "mail.password_file", .scope = Scope::top, .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/mail.password",
            .sentence = "A file with the password of `mail.user`; it must be readable by its owner only.",
            .member = &MailConfig::password_file},
    Setting{.name = "mail.heartbeat", .scope = Scope::top, .default_text = "",
            .sample = "https://hc.example.org/ping/c0ffee",
            .sentence = "An address that is called (GET) when the report of `schedule.report` has been sent: "
                        "a service that expects the call sounds the alarm when it does not come, "
                        "though this host is gone.",
            .member = &MailConfig::heartbeat},
    Setting{.name = "notify.mail", .scope = Scope::top, .default_text = "", .sample = "oncall@example.org",
            .sentence = "Who gets a mail when a finding of `check` appears, becomes worse or better, or goes; it leaves as `mail` says. "
                        "See \"Notifications\" in the manual.",
            .member = &NotifyConfig::mail},
    Setting{.name = "notify.webhook_file", .scope = Scope::top, .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/webhook.url",
            .sentence = "A file with the address (https:// or http://) that is told the same by POST. "
                        "It must be readable by its owner only: who knows the address can often write there.",
            .member = &NotifyConfig::webhook_file},
    Setting{.name = "notify.webhook_format", .scope = Scope::top, .type = SettingType::choice, .default_text = "json",
            .sample = "slack",
            .sentence = "What is sent there: `json`, all that is known, or `slack`, the text that Slack, Mattermost and the like show.",
            .choices = kWebhookWords, .member = &NotifyConfig::webhook_format},
    Setting{.name = "notify.token_file", .scope = Scope::top, .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/webhook.token",
            .sentence = "A file with a token that is sent there as `Authorization: Bearer TOKEN`; it must be readable by its owner only.",
            .member = &NotifyConfig::token_file},
    Setting{.name = "notify.from", .scope = Scope::top, .type = SettingType::choice, .default_text = "warning",
            .sample = "failed",
            .sentence = "Of which findings is told: `warning` and what is worse, or `failed` alone.",
            .choices = kNotifyWords, .member = &NotifyConfig::from},
    Setting{.name = "notify.interval", .scope = Scope::top, .type = SettingType::duration, .default_text = "1min", .sample = "5min",
            .sentence = "How often `pgkeep serve` looks. A finding is told when two looks in a row have seen it, so that what lasts a moment wakes nobody.",
            .least = ms(1s), .most = ms(24h), .member = &NotifyConfig::interval},
    Setting{.name = "schedule.report", .scope = Scope::top, .type = SettingType::timing, .default_text = "never",
            .sample = "06:30",
            .sentence = "When `pgkeep serve`, or `pgkeep cron`, sends the report of the fleet to `mail.to`; "
                        "written like the times of the servers' schedules.",
            .member = &FleetSchedule::report},
    Setting{.name = "schedule.timezone", .scope = Scope::top, .type = SettingType::time_zone, .default_text = "UTC",
            .sample = "Europe/Berlin",
            .sentence = "Whose clock `schedule.report` means.", .member = &FleetSchedule::zone},
    Setting{.name = "hooks.before_report", .scope = Scope::top, .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/hooks/before-report",
            .sentence = "A program that is run before the report of the fleet is made and sent; when it fails, the report is not sent, and tried again. "
                        "See \"Hooks\" in the manual.",
            .member = &FleetHookConfig::before_report},
    Setting{.name = "hooks.after_report", .scope = Scope::top, .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/hooks/after-report",
            .sentence = "A program that is run when it has been sent.",
            .member = &FleetHookConfig::after_report},
    Setting{.name = "hooks.on_failure", .scope = Scope::top, .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/hooks/on-failure",
            .sentence = "A program that is run when it could not be sent.",
            .member = &FleetHookConfig::on_failure},
    Setting{.name = "hooks.timeout", .scope = Scope::top, .type = SettingType::duration, .default_text = "10min",
            .sample = "1min", .sentence = "How long these may take; what takes longer is ended, and has failed.",
            .least = ms(1s), .most = ms(24h), .member = &FleetHookConfig::time_limit},
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
    Setting{.name = "bandwidth", .type = SettingType::bandwidth, .default_text = "",
            .sample = "08:00-20:00 Mon-Fri 20MiB/s",
            .sentence = "The most that a backup takes from the server in a second, by the time of the day in `timezone`: "
                        "the lowest where windows overlap; `00:00-24:00 0` undoes that of `defaults`. "
                        "A backup that runs is slowed down when a window begins. WAL and recoveries are not slowed down.",
            .member = &ServerConfig::bandwidth},
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
    Setting{.name = "retention.wal_window", .type = SettingType::duration, .default_text = "0", .sample = "14d",
            .sentence = "How far back all WAL stays. "
                        "Backups from before keep only the WAL that makes them consistent; "
                        "the newest of these keeps all from it on. "
                        "Not shorter than `retention.recovery_window`.",
            .least = ms(1h), .most = ms(kLongestWindow), .zero = "the WAL from the oldest backup on stays",
            .member = &RetentionPolicy::wal_window},
    Setting{.name = "retention.keep.daily", .type = SettingType::number, .default_text = "0", .sample = "14",
            .sentence = "The newest good backup of each of the last so many days that have one stays, in `timezone`.",
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
    Setting{.name = "compaction.dead_share", .type = SettingType::percent, .default_text = "30%", .sample = "30%",
            .sentence = "From which share on that no backup needs any more a pack is written again without it, "
                        "by `expire` and `compact`.",
            .least = 1, .most = 99, .member = &ServerConfig::compaction_dead_percent},
    Setting{.name = "compaction.budget", .type = SettingType::size, .default_text = "20GiB", .sample = "20GiB",
            .sentence = "How much one `expire` or `compact` writes again.",
            .least = kKiB * kKiB, .most = kGiB * kKiB * kKiB, .zero = "`expire` and `compact` write nothing again",
            .member = &ServerConfig::compaction_budget},
    Setting{.name = "verification.older_than", .type = SettingType::duration, .default_text = "0", .sample = "30d",
            .sentence = "What a `verify` reads back: only what was read back, or written, so long ago.",
            .least = ms(1s), .most = ms(kLongestWindow), .zero = "everything, as far as the budget goes",
            .member = &ServerConfig::verification_older_than},
    Setting{.name = "verification.budget", .type = SettingType::size, .default_text = "200GiB", .sample = "200GiB",
            .sentence = "How much one `verify` reads back, what was proved the longest ago first; "
                        "the next one goes on where it ended.",
            .least = kKiB * kKiB, .most = kGiB * kKiB * kKiB, .zero = "there is no limit",
            .member = &ServerConfig::verification_budget},
    Setting{.name = "reserve", .type = SettingType::reserve, .default_text = "5%", .sample = "20GiB",
            .sentence = "How much of the repository's file system is kept for WAL: "
                        "no backup begins that would leave less free, and one that runs ends when less is; "
                        "see \"Space\" in the manual.",
            .least = kKiB * kKiB, .most = kMostInReserve, .zero = "backups are taken until the disk is full",
            .member = &ServerConfig::reserve},
    Setting{.name = "schedule.backup", .type = SettingType::timing, .default_text = "never", .sample = "02:00",
            .sentence = "When `pgkeep serve`, or `pgkeep cron`, takes a backup; see \"Schedules\" in the manual.",
            .member = &JobSchedule::backup},
    Setting{.name = "schedule.expire", .type = SettingType::timing, .default_text = "never", .sample = "after backup",
            .sentence = "When it lets go of what the `retention` rules do not keep.",
            .member = &JobSchedule::expire},
    Setting{.name = "schedule.verify", .type = SettingType::timing, .default_text = "never", .sample = "Sun 04:00",
            .sentence = "When it reads back what is stored and looks for damage.",
            .member = &JobSchedule::verify},
    Setting{.name = "schedule.spread", .type = SettingType::duration, .default_text = "0", .sample = "2h",
            .sentence = "Over how long the times of the schedule are spread: "
                        "each server begins so much later as its name makes it, every day alike, "
                        "so that a fleet does not begin at once.",
            .least = ms(1min), .most = ms(24h), .zero = "all begin when the schedule says",
            .member = &JobSchedule::spread},
    Setting{.name = "timezone", .type = SettingType::time_zone, .default_text = "UTC", .sample = "Europe/Berlin",
            .sentence = "Whose clock the schedule, the windows and the days of `retention.keep` mean.",
            .member = &JobSchedule::zone},
    Setting{.name = "windows.never", .type = SettingType::windows, .default_text = "", .sample = "08:00-18:00 Mon-Fri",
            .sentence = "When no job of the schedule begins: one window or a list of them. "
                        "What becomes due in a window begins when it is over; what runs goes on. "
                        "A backup that lost WAL calls for waits for no window.",
            .member = &JobSchedule::never},
    Setting{.name = "hooks.before_backup", .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/hooks/before-backup",
            .sentence = "A program that is run before a backup; when it fails, no backup is taken. See \"Hooks\" in the manual.",
            .member = &HookConfig::before_backup},
    Setting{.name = "hooks.after_backup", .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/hooks/after-backup",
            .sentence = "A program that is run when a backup is complete.",
            .member = &HookConfig::after_backup},
    Setting{.name = "hooks.before_recover", .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/hooks/before-recover",
            .sentence = "The same before a recovery; when it fails, nothing is recovered, unless `--no-hooks` is given.",
            .member = &HookConfig::before_recover},
    Setting{.name = "hooks.after_recover", .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/hooks/after-recover",
            .sentence = "A program that is run when a recovery is complete.",
            .member = &HookConfig::after_recover},
    Setting{.name = "hooks.before_delete", .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/hooks/before-delete",
            .sentence = "The same before a backup is deleted, or removed because it has expired; when it fails, the backup stays.",
            .member = &HookConfig::before_delete},
    Setting{.name = "hooks.after_delete", .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/hooks/after-delete",
            .sentence = "A program that is run when a backup is deleted, or was removed.",
            .member = &HookConfig::after_delete},
    Setting{.name = "hooks.on_failure", .type = SettingType::path, .default_text = "",
            .sample = "/etc/pgkeep/hooks/on-failure",
            .sentence = "A program that is run when a job of the server has failed: "
                        "a backup, an expiry, a verification, a recovery, a deletion.",
            .member = &HookConfig::on_failure},
    Setting{.name = "hooks.timeout", .type = SettingType::duration, .default_text = "10min", .sample = "1h",
            .sentence = "How long each of these may take; what takes longer is ended, and has failed.",
            .least = ms(1s), .most = ms(24h), .member = &HookConfig::time_limit},
};
// clang-format on

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

}  // namespace pgkeep::server
