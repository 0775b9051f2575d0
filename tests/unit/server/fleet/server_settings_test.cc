#include "server/fleet/server_settings.h"

#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;

/// What a server's configuration makes of connections, streams and backups.
class ServerSettingsTest : public ::testing::Test {
 protected:
  ServerConfig server_ = [] {
    auto server = default_server_config();
    server.name = "main";
    server.conninfo = "host=pg1";
    return server;
  }();
};

TEST_F(ServerSettingsTest, OnlyTheReceiverHasTheNameThatSynchronousStandbyNamesLooksFor) {
  server_.application_name = "keeper";
  EXPECT_EQ(wal_connection(server_).application_name, "keeper");
  EXPECT_EQ(backup_connection(server_).application_name, "keeper_backup");
  EXPECT_EQ(query_connection(server_).application_name, "keeper_query");
}

TEST_F(ServerSettingsTest, AConnectionMayTakeTheConfiguredTimeInWholeSeconds) {
  server_.connect_timeout = 1500ms;
  EXPECT_EQ(query_connection(server_).connect_timeout, 2s);
}

TEST_F(ServerSettingsTest, AnUnknownMajorIsLetInEverywhereOrNowhere) {
  for (const bool allowed : {false, true}) {
    server_.allow_unknown_major = allowed;
    for (const auto& connection :
         {wal_connection(server_), backup_connection(server_), query_connection(server_)})
      EXPECT_EQ(connection.allow_unknown_major, allowed);
  }
}

TEST_F(ServerSettingsTest, TheReceiverFollowsTheConfiguration) {
  server_.slot = "kept_here";
  server_.create_slot = false;
  server_.flush = Flush::at_once;
  server_.status_interval = 3s;
  server_.longest_retry = 5min;
  server_.compression_level = 7;
  const auto settings = wal_receiver_settings(server_);
  EXPECT_EQ(settings.connection.conninfo, "host=pg1");
  EXPECT_EQ(settings.slot, "kept_here");
  EXPECT_FALSE(settings.create_slot);
  EXPECT_TRUE(settings.flush_at_once);
  EXPECT_EQ(settings.status_interval, 3s);
  EXPECT_EQ(settings.longest_retry, 5min);
  EXPECT_EQ(settings.compression_level, 7);
}

TEST_F(ServerSettingsTest, TheFirstRetryComesNotAfterTheLongest) {
  server_.longest_retry = 10ms;
  EXPECT_LE(wal_receiver_settings(server_).first_retry, 10ms);
}

TEST_F(ServerSettingsTest, ABackupFollowsTheConfiguration) {
  server_.checkpoint = Checkpoint::spread;
  server_.verify_checksums = false;
  server_.max_rate = 50 << 20;
  server_.backup_workers = 2;
  const auto job = backup_job(server_);
  EXPECT_EQ(job.server, "main");
  EXPECT_FALSE(job.base_backup.fast_checkpoint);
  EXPECT_FALSE(job.base_backup.verify_checksums);
  EXPECT_EQ(job.base_backup.max_rate_kib, 50u << 10) << "PostgreSQL takes kilobytes";
  EXPECT_EQ(job.store.workers, 2u);
  EXPECT_TRUE(job.wal) << "it receives its own WAL";
}

TEST_F(ServerSettingsTest, ABackupWithoutALimitAsksForNone) {
  EXPECT_EQ(backup_job(server_).base_backup.max_rate_kib, std::nullopt);
}

TEST_F(ServerSettingsTest, ABackupKeepsToTheBandwidthOfTheHour) {
  EXPECT_FALSE(backup_job(server_).bandwidth);
  std::string problem;
  server_.bandwidth = {BandwidthWindow::parse("00:00-24:00 20MiB/s", problem).value()};
  EXPECT_EQ(backup_job(server_).bandwidth(), 20u << 20);
}

}  // namespace
}  // namespace pgkeep::server
