#include "catalog/store/backup_record.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/denied.h"
#include "tests/support/sealed_text.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::store {
namespace {

BackupRecord full_record() {
  BackupRecord record(*BackupId::parse("20261120T020000Z"));
  record.server = "main";
  record.label = "night \"run\"";
  record.system = postgres::SystemIdentifier(18446744073709551615u);
  record.server_version = "18.6";
  record.major_version = 18;
  record.wal_segment_size = postgres::WalSegmentSize(1u << 20);
  record.block_bytes = 8192;
  record.data_checksums = true;
  record.from_standby = true;
  record.start = {postgres::TimelineId(3000000000u), postgres::Lsn(0x123456789AB)};
  record.end = {postgres::TimelineId(3000000000u), postgres::Lsn(0x123456789FF)};
  record.wal_ranges = {{record.start.timeline, record.start.lsn, record.end.lsn}};
  record.started = *io::parse_rfc3339("2026-11-20T02:00:00.25Z");
  record.ended = *io::parse_rfc3339("2026-11-20T02:01:00Z");
  record.file_count = 7;
  record.data_bytes = 8;
  record.tablespaces = {{16400, "fast", "/srv/fast"}};
  record.directory_mode = 0750;
  record.cost = {1, 2, 3, 4, 5, 6};
  record.compared_with = BackupId::parse("20261119T020000Z");
  record.checksum_failures = 9;
  record.checksums_verified = false;
  record.damaged_files = {"base/5/16384 (table public.accounts, database shop)"};
  record.notices = {"WARNING: something"};
  record.contents_sha256 = std::string(64, 'a');
  record.manifest_sha256 = std::string(64, 'b');
  return record;
}

BackupRecord record_at(const char* id, std::uint32_t timeline, std::uint64_t start, std::uint64_t end) {
  BackupRecord record(*BackupId::parse(id));
  record.start = {postgres::TimelineId(timeline), postgres::Lsn(start)};
  record.end = {postgres::TimelineId(timeline), postgres::Lsn(end)};
  return record;
}

TEST(BackupRecordTest, IsOrderedByWalAndNotByClocks) {
  // Each is older than the next, whatever the clock said.
  const std::vector<BackupRecord> rows{
      record_at("20261124T020000Z", 1, 0x100, 0x200), record_at("20261123T020000Z", 1, 0x100, 0x300),
      record_at("20261122T020000Z", 1, 0x200, 0x250), record_at("20261121T020000Z", 2, 0x180, 0x200),
      record_at("20261120T020000Z", 3, 0x100, 0x110), record_at("20261120T020001Z", 3, 0x100, 0x110)};
  for (std::size_t a = 0; a < rows.size(); ++a)
    for (std::size_t b = 0; b < rows.size(); ++b)
      EXPECT_EQ(is_older(rows[a], rows[b]), a < b) << a << ' ' << b;
}

TEST(BackupRecordTest, AListIsOrderedByWal) {
  const test::TempDirectory folder;
  const ServerLayout layout(folder.path());
  for (const auto& record :
       {record_at("20261120T020000Z", 1, 0x300, 0x400), record_at("20261121T020000Z", 1, 0x100, 0x200)}) {
    io::make_directories(layout.backup(record.id));
    io::write_file_durably(layout.record(record.id), io::as_bytes(record.to_json()));
  }
  const auto listing = list_backup_records(layout);
  ASSERT_EQ(listing.backups.size(), 2u);
  EXPECT_EQ(listing.backups.back().id.to_string(), "20261120T020000Z");
}

TEST(BackupRecordTest, AValueThatCannotBeIsDamage) {
  auto text = full_record().to_json();
  const std::string size = "\"wal_segment_bytes\": 1048576";
  ASSERT_NE(text.find(size), text.npos);
  text.replace(text.find(size), size.size(), "\"wal_segment_bytes\": 1048577");
  EXPECT_THROW(BackupRecord::from_json(test::seal_again(text)), Corruption);
}

TEST(BackupRecordTest, AnyFlippedBitIsDamage) {
  auto sound = full_record().to_json();
  sound.pop_back();  // the last newline does not matter
  for (std::size_t at = 0; at < sound.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = sound;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      EXPECT_THROW(BackupRecord::from_json(damaged), Corruption) << at;
    }
  }
}

TEST(BackupRecordTest, AnyFlippedBitUnderItsChecksumIsReadOrIsDamage) {
  const auto sound = full_record().to_json();
  for (std::size_t at = 0; at + sizeof("\"crc32c\": \"00000000\"\n}\n") < sound.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = sound;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      try {
        BackupRecord::from_json(test::seal_again(damaged));
      } catch (const Corruption&) {
        // Named, and passed by.
      }
    }
  }
}

TEST(BackupRecordTest, ComesBackAsItWas) {
  const auto text = full_record().to_json();
  const auto back = BackupRecord::from_json(text);
  EXPECT_EQ(back.to_json(), text);
  EXPECT_EQ(back.system, full_record().system);
  EXPECT_EQ(back.started, full_record().started);
  EXPECT_EQ(back.tablespaces.at(0).location, "/srv/fast");
  EXPECT_EQ(back.compared_with, full_record().compared_with);
}

TEST(BackupRecordTest, IsReadWithAnyNumberOfItemsThatAreNotKnown) {
  auto json = full_record().to_json();
  std::string more;
  for (int i = 0; i < 500'000; ++i) more += fmt::format("\"{}\":0,", i);
  json.insert(json.find('{') + 1, more);
  EXPECT_EQ(BackupRecord::from_json(test::seal_again(json)).to_json(), full_record().to_json());
}

TEST(BackupRecordTest, KeepsBytesThatAreNoUtf8) {
  auto record = full_record();
  record.label =
      "n\xe4"
      "chtlich";
  record.tablespaces = {{16400, "sch\xf6n", "/srv/\xff\xfe/\xc3\xa4"}, {16401, "plain", "/srv/\xef\xbf\xbd"}};
  record.configuration = {"/data/\x80", "/etc/\x81/postgresql.conf", "", "/data/\x80/pg_ident.conf", ""};
  const auto text = record.to_json();
  const auto back = BackupRecord::from_json(text);
  EXPECT_EQ(back.label, record.label);
  for (std::size_t at = 0; at < 2; ++at) {
    EXPECT_EQ(back.tablespaces.at(at).name, record.tablespaces.at(at).name);
    EXPECT_EQ(back.tablespaces.at(at).location, record.tablespaces.at(at).location);
  }
  EXPECT_EQ(back.configuration.data_directory, record.configuration.data_directory);
  EXPECT_EQ(back.configuration.config_file, record.configuration.config_file);
  EXPECT_EQ(back.to_json(), text);
}

TEST(BackupRecordTest, SaysWhichConfigurationLiesOutsideTheDataDirectory) {
  const ConfigurationFiles files{"/data", "/etc/pg/postgresql.conf", "/data/pg_hba.conf",
                                 "/database/pg_ident.conf", "/etc/pg/pg_hosts.conf"};
  const std::vector<std::pair<std::string_view, std::string>> expected{
      {"config_file", "/etc/pg/postgresql.conf"},
      {"ident_file", "/database/pg_ident.conf"},
      {"hosts_file", "/etc/pg/pg_hosts.conf"}};
  EXPECT_EQ(files.outside(), expected);
  EXPECT_TRUE(ConfigurationFiles{}.outside().empty());
}

TEST(BackupRecordTest, CutAnywhereItIsNoRecord) {
  auto text = full_record().to_json();
  text.pop_back();  // the last newline does not matter
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_THROW(BackupRecord::from_json(text.substr(0, length)), Corruption) << length;
  }
}

TEST(BackupRecordTest, ANumberThatNoBackupCanHaveIsDamage) {
  auto record = full_record();
  for (const auto sequence : {std::uint64_t{0}, ~std::uint64_t{0}}) {
    record.sequence = sequence;
    EXPECT_THROW(BackupRecord::from_json(record.to_json()), Corruption) << sequence;
  }
}

TEST(BackupRecordTest, AnotherFormatIsRefusedByName) {
  const auto text = full_record().to_json();
  for (const std::string other : {"1", "3"}) {
    auto changed = text;
    changed.replace(text.find("\"pgkeep_backup\": 2"), 18, "\"pgkeep_backup\": " + other);
    EXPECT_THAT([&] { BackupRecord::from_json(test::seal_again(changed)); },
                testing::ThrowsMessage<Corruption>(testing::HasSubstr("format " + other)));
  }
}

class BackupListingTest : public ::testing::Test {
 protected:
  void commit(const BackupRecord& record) {
    io::make_directories(layout_.backup(record.id));
    io::write_file_durably(layout_.record(record.id), io::as_bytes(record.to_json()));
  }
  test::TempDirectory folder_;
  ServerLayout layout_{folder_ / "main"};
};

TEST_F(BackupListingTest, IsEmptyWithoutFolder) {
  EXPECT_TRUE(list_backup_records(layout_).backups.empty());
}

TEST_F(BackupListingTest, ListsCommittedBackupsOldestFirst) {
  auto record = full_record();
  commit(record);
  record.id = *BackupId::parse("20260101T000000Z");
  commit(record);
  io::make_directories(layout_.backups() / "20260202T000000Z");  // not committed
  io::make_directories(layout_.backups() / "lost+found");
  const auto listing = list_backup_records(layout_);
  ASSERT_EQ(listing.backups.size(), 2u);
  EXPECT_EQ(listing.backups[0].id.to_string(), "20260101T000000Z");
  EXPECT_TRUE(listing.unread.empty());
}

TEST_F(BackupListingTest, NamesADamagedRecordAndGoesOn) {
  commit(full_record());
  const auto other = *BackupId::parse("20260101T000000Z");
  io::make_directories(layout_.backup(other));
  io::write_file_durably(layout_.record(other), io::as_bytes("{}"));
  const auto listing = list_backup_records(layout_);
  EXPECT_EQ(listing.backups.size(), 1u);
  ASSERT_EQ(listing.unread.size(), 1u);
  EXPECT_EQ(listing.unread[0].id, other);
  EXPECT_FALSE(listing.unread[0].denied);
  EXPECT_NE(listing.unread[0].why.find("20260101T000000Z/backup.json"), std::string::npos);
}

TEST_F(BackupListingTest, ARecordUnderAnotherNameIsDamaged) {
  const auto other = *BackupId::parse("20260101T000000Z");
  io::make_directories(layout_.backup(other));
  io::write_file_durably(layout_.record(other), io::as_bytes(full_record().to_json()));
  EXPECT_THROW(read_backup_record(layout_, other), Corruption);
}

TEST_F(BackupListingTest, TellsARecordThatMayNotBeOpenedFromADamagedOne) {
  const auto record = full_record();
  commit(record);
  const test::Denied denied(folder_.path(), layout_.record(record.id));
  const auto listing = list_backup_records(layout_);
  EXPECT_TRUE(listing.backups.empty());
  ASSERT_EQ(listing.unread.size(), 1u);
  EXPECT_EQ(listing.unread[0].id, record.id);
  EXPECT_TRUE(listing.unread[0].denied);
  EXPECT_THAT(describe(listing.unread[0]), testing::HasSubstr("is there, but its record cannot be read"));
}

}  // namespace
}  // namespace pgkeep::store
