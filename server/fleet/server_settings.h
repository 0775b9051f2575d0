#pragma once

#include "server/config/config.h"
#include "streaming/backup/take_backup.h"
#include "streaming/receive/wal_receiver.h"

namespace pgkeep::server {

// What the floors below ask for, from a server's configuration.

/// The receiver's own connection: its application_name is what synchronous_standby_names looks at.
streaming::ConnectionSettings wal_connection(const ServerConfig& server);
/// For backups: application_name with "_backup" appended.
streaming::ConnectionSettings backup_connection(const ServerConfig& server);
/// For questions in SQL and single replication commands: application_name with "_query" appended. A server
/// that does not answer within 30 seconds counts as lost.
streaming::ConnectionSettings query_connection(const ServerConfig& server);

streaming::WalReceiverSettings wal_receiver_settings(const ServerConfig& server);
streaming::BackupJob backup_job(const ServerConfig& server);

}  // namespace pgkeep::server
