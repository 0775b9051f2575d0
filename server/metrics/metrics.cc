#include "server/metrics/metrics.h"

#include <array>

#include <fmt/format.h>

namespace pgkeep::server {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;
using Seconds = std::chrono::duration<double>;

void for_servers(const FleetReport& report, auto&& read) {
  for (const auto& server : report.servers) read(server);
}
/// Of those of which the backups are known and have one.
void for_last_backups(const FleetReport& report, auto&& read) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.known.backups && server.last_backup()) read(server.name, *server.last_backup());
  });
}
void for_streams(const FleetReport& report, auto&& read) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.stream_state) read(server.name, *server.stream_state);
  });
}
void for_slots(const FleetReport& report, auto&& read) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.slot) read(server.name, *server.slot);
  });
}

// ---- the fleet ----

void build_info(const FleetReport& report, Samples& samples) {
  samples.add({{"version", report.version}}, true);
}
void look_time(const FleetReport& report, Samples& samples) {
  samples.add({}, report.now);
}
void repository_size(const FleetReport& report, Samples& samples) {
  if (report.space) samples.add({}, report.space->disk.total);
}
void repository_free(const FleetReport& report, Samples& samples) {
  if (report.space) samples.add({}, report.space->disk.free);
}
void repository_days_left(const FleetReport& report, Samples& samples) {
  if (!report.space) return;
  const auto forecast = forecast_space(report.space->samples, report.space->disk, report.now);
  if (forecast && forecast->days_until_full) samples.add({}, *forecast->days_until_full);
}
void report_last_sent(const FleetReport& report, Samples& samples) {
  if (report.report_sent) samples.add({}, *report.report_sent);
}
/// Those of the repository have no server.
void finding(const FleetReport& report, Samples& samples) {
  const auto add = [&](std::string_view server, const std::vector<Finding>& findings) {
    for (const auto* one = findings.data(); one != findings.data() + findings.size(); ++one) {
      // Two findings under one key are one time series, of the worse of them, which comes first.
      const auto* same = findings.data();
      while (same->key != one->key) ++same;
      if (same != one) continue;
      samples.add({{"server", server}, {"key", one->key}, {"severity", name_of(one->severity)}}, true);
    }
  };
  add("", report.repository_problems);
  for_servers(report, [&](const ReportedServer& server) { add(server.name, server.problems); });
}

// ---- servers ----

void up(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.answers) samples.add({{"server", server.name}}, *server.answers);
  });
}
void server_info(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    samples.add({{"server", server.name}, {"version", server.server_version}}, true);
  });
}
void active(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    samples.add({{"server", server.name}}, server.active);
  });
}
void recoverable(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.recoverable == Recoverable::yes || server.recoverable == Recoverable::no)
      samples.add({{"server", server.name}}, server.recoverable == Recoverable::yes);
  });
}
void window_start(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (const auto* last = server.last_stretch()) samples.add({{"server", server.name}}, last->from);
  });
}
void window_end(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (const auto* last = server.last_stretch()) samples.add({{"server", server.name}}, last->until);
  });
}
void window_gaps(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.known.stretches && !server.stretches.empty())
      samples.add({{"server", server.name}}, std::uint64_t{server.stretches.size() - 1});
  });
}

// ---- backups ----

void backups(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (!server.known.backups) return;
    const auto going =
        static_cast<std::uint64_t>(std::ranges::count(server.backups, true, &ReportedBackup::is_going));
    samples.add({{"server", server.name}, {"state", "kept"}}, server.backups.size() - going);
    samples.add({{"server", server.name}, {"state", "expired"}}, going);
  });
}
void backup_runs(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (!server.service) return;
    samples.add({{"server", server.name}, {"result", "succeeded"}}, std::uint64_t{server.service->succeeded});
    samples.add({{"server", server.name}, {"result", "failed"}}, std::uint64_t{server.service->failed});
  });
}
void last_success(const FleetReport& report, Samples& samples) {
  for_last_backups(report, [&](const std::string& server, const ReportedBackup& backup) {
    samples.add({{"server", server}}, backup.ended);
  });
}
void last_attempt(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.last_attempt) samples.add({{"server", server.name}}, server.last_attempt->at);
  });
}
void last_attempt_failed(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.last_attempt) samples.add({{"server", server.name}}, server.last_attempt->failed);
  });
}
void backup_running(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.backup_runs) samples.add({{"server", server.name}}, *server.backup_runs);
  });
}
void last_duration(const FleetReport& report, Samples& samples) {
  for_last_backups(report, [&](const std::string& server, const ReportedBackup& backup) {
    samples.add({{"server", server}}, Seconds(backup.took()).count());
  });
}
void last_logical_bytes(const FleetReport& report, Samples& samples) {
  for_last_backups(report, [&](const std::string& server, const ReportedBackup& backup) {
    samples.add({{"server", server}}, backup.data_bytes);
  });
}
void last_stored_bytes(const FleetReport& report, Samples& samples) {
  for_last_backups(report, [&](const std::string& server, const ReportedBackup& backup) {
    samples.add({{"server", server}}, backup.stored_bytes);
  });
}
void checksum_failures(const FleetReport& report, Samples& samples) {
  for_last_backups(report, [&](const std::string& server, const ReportedBackup& backup) {
    samples.add({{"server", server}}, backup.checksum_failures);
  });
}
void stored_bytes(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.known.backups) {
      std::uint64_t bytes = 0;
      for (const auto& backup : server.backups) bytes += backup.stored_bytes;
      samples.add({{"server", server.name}, {"kind", "backups"}}, bytes);
    }
    if (server.known.wal) samples.add({{"server", server.name}, {"kind", "wal"}}, server.wal_bytes);
  });
}

// ---- proofs ----

void verify_last(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.proof) samples.add({{"server", server.name}}, server.proof->at);
  });
}
void verify_oldest(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.proof && server.proof->all_since)
      samples.add({{"server", server.name}}, *server.proof->all_since);
  });
}
void suspect_objects(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.damaged) samples.add({{"server", server.name}}, std::uint64_t{*server.damaged});
  });
}

// ---- WAL ----

void wal_streaming(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (!server.active || !server.known.backups)
      return;  // where nothing can be read, this is not known either
    samples.add({{"server", server.name}},
                server.stream_state && server.stream_state->phase == catalog::StreamPhase::streaming);
  });
}
void wal_flushed(const FleetReport& report, Samples& samples) {
  for_streams(report, [&](const std::string& server, const catalog::StreamState& stream) {
    if (stream.flushed) samples.add({{"server", server}}, stream.flushed->lsn.value());
  });
}
void wal_lag_bytes(const FleetReport& report, Samples& samples) {
  for_servers(report, [&](const ReportedServer& server) {
    if (server.lag_bytes) samples.add({{"server", server.name}}, *server.lag_bytes);
  });
}
void wal_lag_seconds(const FleetReport& report, Samples& samples) {
  for_slots(report, [&](const std::string& server, const streaming::SlotView& slot) {
    if (slot.user && slot.user->flush_lag_seconds)
      samples.add({{"server", server}}, *slot.user->flush_lag_seconds);
  });
}
void wal_received(const FleetReport& report, Samples& samples) {
  for_streams(report, [&](const std::string& server, const catalog::StreamState& stream) {
    samples.add({{"server", server}}, stream.syncs.bytes);
  });
}
void wal_reconnects(const FleetReport& report, Samples& samples) {
  for_streams(report, [&](const std::string& server, const catalog::StreamState& stream) {
    samples.add({{"server", server}}, stream.reconnects);
  });
}
void wal_last_message(const FleetReport& report, Samples& samples) {
  for_streams(report, [&](const std::string& server, const catalog::StreamState& stream) {
    if (stream.last_message) samples.add({{"server", server}}, *stream.last_message);
  });
}
/// Each bucket counts those below it too.
void wal_flush_duration(const FleetReport& report, Samples& samples) {
  for_streams(report, [&](const std::string& server, const catalog::StreamState& stream) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < catalog::SyncCounters::kBounds.size(); ++i) {
      count += stream.syncs.by_time[i];
      const auto bound = fmt::format("{}", Seconds(catalog::SyncCounters::kBounds[i]).count());
      samples.add({{"server", server}, {"le", bound}}, count, "_bucket");
    }
    samples.add({{"server", server}, {"le", "+Inf"}}, stream.syncs.count(), "_bucket");
    samples.add({{"server", server}}, Seconds(stream.syncs.time).count(), "_sum");
    samples.add({{"server", server}}, stream.syncs.count(), "_count");
  });
}
void slot_retained(const FleetReport& report, Samples& samples) {
  for_slots(report, [&](const std::string& server, const streaming::SlotView& slot) {
    if (slot.retained_bytes) samples.add({{"server", server}}, *slot.retained_bytes);
  });
}
void slot_safe(const FleetReport& report, Samples& samples) {
  for_slots(report, [&](const std::string& server, const streaming::SlotView& slot) {
    if (slot.safe_wal_bytes) samples.add({{"server", server}}, *slot.safe_wal_bytes);
  });
}
void sync_standby(const FleetReport& report, Samples& samples) {
  for_slots(report, [&](const std::string& server, const streaming::SlotView& slot) {
    if (!slot.user || slot.user->sync_state.empty()) return;
    samples.add({{"server", server}}, slot.user->sync_state == "sync" || slot.user->sync_state == "quorum");
  });
}

constexpr std::string_view kGauge = "gauge";
constexpr std::string_view kCounter = "counter";

constexpr std::array kMetrics{
    Metric{"pgkeep_build_info", kGauge, "The version of pgkeep; always 1", build_info},
    Metric{"pgkeep_look_timestamp_seconds", kGauge, "When all that follows was looked at", look_time},
    Metric{
        "pgkeep_finding", kGauge,
        "1 for each problem that `pgkeep check` or `pgkeep report` tells; those of the repository have an empty server",
        finding},
    Metric{"pgkeep_repository_size_bytes", kGauge, "Size of the repository's file system", repository_size},
    Metric{"pgkeep_repository_free_bytes", kGauge, "What is free of it", repository_free},
    Metric{"pgkeep_repository_days_left", kGauge,
           "Days until it is full, if it goes on as in the last weeks; none while it does not fill",
           repository_days_left},
    Metric{"pgkeep_report_last_sent_timestamp_seconds", kGauge,
           "When the report of the schedule was last sent by mail; none where it never was", report_last_sent},
    Metric{"pgkeep_repository_bytes", kGauge, "What backups and WAL of a server take in the repository",
           stored_bytes},
    Metric{"pgkeep_server_info", kGauge, "The version of PostgreSQL, empty while it is not known; always 1",
           server_info},
    Metric{"pgkeep_server_active", kGauge, "0 for a server that is out of service", active},
    Metric{"pgkeep_up", kGauge, "Whether the server answered when it was asked over SQL", up},
    Metric{"pgkeep_recoverable", kGauge,
           "Whether the server could be recovered; none while it cannot be told", recoverable},
    Metric{"pgkeep_recovery_window_start_timestamp_seconds", kGauge,
           "The first moment of the newest time without a gap that can be recovered to", window_start},
    Metric{"pgkeep_recovery_window_end_timestamp_seconds", kGauge, "The last moment of it", window_end},
    Metric{"pgkeep_recovery_window_gaps", kGauge, "Gaps in the times that can be recovered to", window_gaps},
    Metric{"pgkeep_backups", kGauge,
           "Backups that are stored; an expired one goes when its grace time is over", backups},
    Metric{"pgkeep_backup_runs_30d", kGauge, "Backups that succeeded, and that failed, in the last 30 days",
           backup_runs},
    Metric{"pgkeep_backup_running", kGauge, "Whether a backup is being taken", backup_running},
    Metric{"pgkeep_backup_last_success_timestamp_seconds", kGauge, "When the newest backup ended",
           last_success},
    Metric{"pgkeep_backup_last_attempt_timestamp_seconds", kGauge,
           "When a backup was begun last, whatever came of it", last_attempt},
    Metric{"pgkeep_backup_last_attempt_failed", kGauge, "Whether that failed, or was interrupted",
           last_attempt_failed},
    Metric{"pgkeep_backup_last_duration_seconds", kGauge, "How long the newest backup took", last_duration},
    Metric{"pgkeep_backup_last_logical_bytes", kGauge, "Size of the server's files in it",
           last_logical_bytes},
    Metric{"pgkeep_backup_last_stored_bytes", kGauge, "What it added to the repository", last_stored_bytes},
    Metric{"pgkeep_page_checksum_failures", kGauge,
           "Damaged data pages that PostgreSQL found while it sent the newest backup", checksum_failures},
    Metric{"pgkeep_verify_last_timestamp_seconds", kGauge, "When backups were verified last", verify_last},
    Metric{"pgkeep_verify_oldest_timestamp_seconds", kGauge,
           "Since when all that is stored was read back once", verify_oldest},
    Metric{"pgkeep_suspect_objects", kGauge, "What verifications found damaged and is not mended",
           suspect_objects},
    Metric{"pgkeep_wal_streaming", kGauge, "Whether WAL is being received", wal_streaming},
    Metric{"pgkeep_wal_flushed_lsn_bytes", kGauge, "The position up to which WAL is durable here",
           wal_flushed},
    Metric{"pgkeep_wal_lag_bytes", kGauge, "WAL that the server has and that is not durable here",
           wal_lag_bytes},
    Metric{"pgkeep_wal_lag_seconds", kGauge,
           "How long the newest WAL took from being sent to being durable here, as the server measured it",
           wal_lag_seconds},
    Metric{"pgkeep_wal_last_message_timestamp_seconds", kGauge, "When the server sent something last",
           wal_last_message},
    Metric{"pgkeep_wal_received_bytes_total", kCounter, "WAL that was made durable since the receiver began",
           wal_received},
    Metric{"pgkeep_wal_reconnects_total", kCounter, "Times that the stream began again since then",
           wal_reconnects},
    Metric{"pgkeep_wal_flush_duration_seconds", "histogram", "How long it took to sync WAL",
           wal_flush_duration},
    Metric{"pgkeep_slot_retained_bytes", kGauge, "WAL that the server keeps because of our slot",
           slot_retained},
    Metric{"pgkeep_slot_safe_bytes", kGauge,
           "WAL that may come until the server gives the slot up; none without a limit", slot_safe},
    Metric{"pgkeep_sync_standby", kGauge, "Whether commits wait for us; none while it cannot be seen",
           sync_standby},
};

}  // namespace

std::span<const Metric> metrics() {
  return kMetrics;
}

std::string metrics_text(const FleetReport& report) {
  std::string text;
  for (const auto& metric : kMetrics) {
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", metric.name, metric.help, metric.name, metric.type);
    Samples samples(metric.name, text);
    metric.read(report, samples);
  }
  return text;
}

std::string metrics_document() {
  std::string text =
      "# Metrics\n\n"
      "What `pgkeep metrics` prints for Prometheus. Times are seconds since 1970, sizes bytes. All but those of the fleet\n"
      "have a label `server`. What is not known has no sample, so that a rule has to say what it makes of that\n"
      "(`absent()`). Made from the table of metrics in the program.\n\n"
      "| metric | type | what it tells |\n| --- | --- | --- |\n";
  for (const auto& metric : kMetrics)
    text += fmt::format("| `{}` | {} | {}. |\n", metric.name, metric.type, metric.help);
  return text;
}

}  // namespace pgkeep::server
