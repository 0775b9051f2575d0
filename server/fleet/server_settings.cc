#include "server/fleet/server_settings.h"

#include <string_view>

#include "server/fleet/relation_names.h"

namespace pgkeep::server {
namespace {

constexpr std::uint64_t kKiB = 1024;
// Far more than any of these answers takes on a loaded server.
constexpr std::chrono::seconds kQuestionMayTake{30};
constexpr std::chrono::seconds kBeforeStreamingMayTake{60};

streaming::ConnectionSettings connection(const ServerConfig& server, std::string_view suffix,
                                         std::chrono::seconds answer_within) {
  return {.conninfo = server.conninfo,
          .application_name = server.application_name + std::string(suffix),
          .connect_timeout = std::chrono::ceil<std::chrono::seconds>(server.connect_timeout),
          .answer_within = answer_within,
          .allow_unknown_major = server.allow_unknown_major};
}

}  // namespace

streaming::ConnectionSettings wal_connection(const ServerConfig& server) {
  return connection(server, "", kBeforeStreamingMayTake);
}
streaming::ConnectionSettings backup_connection(const ServerConfig& server) {
  return connection(server, "_backup", kBeforeStreamingMayTake);
}
streaming::ConnectionSettings query_connection(const ServerConfig& server) {
  return connection(server, "_query", kQuestionMayTake);
}

streaming::WalReceiverSettings wal_receiver_settings(const ServerConfig& server) {
  streaming::WalReceiverSettings settings;
  settings.connection = wal_connection(server);
  settings.slot = server.slot;
  settings.create_slot = server.create_slot;
  settings.status_interval = server.status_interval;
  settings.flush_at_once = server.flush == Flush::at_once;
  settings.longest_retry = server.longest_retry;
  settings.first_retry = std::min(settings.first_retry, server.longest_retry);
  settings.compression_level = static_cast<int>(server.compression_level);
  return settings;
}

streaming::BackupJob backup_job(const ServerConfig& server) {
  streaming::BackupJob job;
  job.server = server.name;
  job.connection = backup_connection(server);
  job.wal = wal_receiver_settings(server);
  job.reserve = server.reserve;
  job.base_backup.fast_checkpoint = server.checkpoint == Checkpoint::fast;
  job.base_backup.verify_checksums = server.verify_checksums;
  if (server.max_rate > 0) job.base_backup.max_rate_kib = static_cast<std::uint32_t>(server.max_rate / kKiB);
  if (!server.bandwidth.empty()) {
    job.bandwidth = [windows = server.bandwidth, zone = server.schedule.zone] {
      return bandwidth_at(windows, zone, io::now());
    };
  }
  job.relation_names = [server](postgres::SystemIdentifier system, std::vector<std::string> paths,
                                io::ProgressObserver& observer, const std::stop_token& stop) {
    const Warn note = [&](const std::string& message) { observer.note(message); };
    return name_relations(server, system, std::move(paths), note, stop);
  };
  job.store.compression_level = static_cast<int>(server.compression_level);
  job.store.workers = static_cast<unsigned>(server.backup_workers);
  return job;
}

}  // namespace pgkeep::server
