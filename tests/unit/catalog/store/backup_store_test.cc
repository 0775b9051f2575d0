#include <gmock/gmock.h>

#include "catalog/io/error.h"
#include "tests/unit/catalog/store/store_fixture.h"

namespace pgkeep::store {
namespace {

using BackupStoreTest = StoreTest;

Content database() {
  return {{"PG_VERSION", io::ByteVector{std::byte{'1'}, std::byte{'8'}}},
          {"base/5/1000", rows(3 * kPieceBytes + 2 * kPageBytes, 1)},
          {"base/5/1001", noise(kPieceBytes + 100, 2)},
          {"base/5/1002", io::ByteVector(5 * kPieceBytes)},  // zeroes
          {"base/5/1003", {}},
          {"global/pg_control", noise(kPageBytes, 3)}};
}

TEST_F(BackupStoreTest, GivesBackEveryByte) {
  const auto record = backup(database());
  EXPECT_EQ(read_back(record.id), database());
  EXPECT_EQ(record.file_count, 6u);
  EXPECT_EQ(record.cost.zero_pieces, 5u);
  EXPECT_EQ(record.cost.full_objects, 8u);
}

TEST_F(BackupStoreTest, KeepsFoldersAndModes) {
  const auto record = backup(database());
  const auto reader = open(record.id);
  const auto folder = reader->files().find("base");
  ASSERT_TRUE(folder);
  EXPECT_EQ(folder->kind, EntryKind::directory);
  EXPECT_EQ(folder->mode, 0700u);
  EXPECT_EQ(reader->files().find("base/5/1000")->mode, 0600u);
  EXPECT_FALSE(reader->files().find("base/5/9999"));
}

TEST_F(BackupStoreTest, AnUnchangedDatabaseOfManyFilesCostsNextToNothing) {
  Content content;
  for (int i = 0; i < 5000; ++i) content["base/5/" + std::to_string(16384 + i)] = rows(10 + i % 50, 1);
  const auto first = backup(content);
  const auto second = backup(content);
  EXPECT_GT(first.cost.metadata_bytes, 50'000u);
  EXPECT_LT(second.cost.metadata_bytes, 3000u);  // of the 20 sections only where they are
  EXPECT_EQ(pack_count({PackKind::meta}), 1u);
  EXPECT_EQ(read_back(second.id), content);
  auto changed = content;
  changed["base/5/16400"][0] ^= std::byte{1};
  changed.erase("base/5/17000");
  changed["base/5/17000x"] = rows(10, 7);
  const auto third = backup(changed);
  EXPECT_LT(third.cost.metadata_bytes, first.cost.metadata_bytes / 4);
  EXPECT_EQ(read_back(third.id), changed);
  EXPECT_EQ(read_back(first.id), content);
}

TEST_F(BackupStoreTest, TheManifestComesBackAsItWasSent) {
  Content content;
  for (int i = 0; i < 2000; ++i) content["base/5/" + std::to_string(16384 + i)] = rows(10, 1);
  const auto record = backup(content);
  const auto reader = open(record.id);
  auto manifest = reader->manifest();
  io::MemorySink sink;
  io::ByteVector buffer(1000);
  while (const auto n = manifest.read(buffer)) sink.write(io::ByteView(buffer).first(n));
  EXPECT_EQ(sink.bytes(), manifest_of(content));
}

TEST_F(BackupStoreTest, AChangeInALargeFileCostsLittleToWriteDown) {
  Content content{{"base/5/1", noise(1000 * std::size_t{kPieceBytes}, 1)}};
  const auto first = backup(content);
  content["base/5/1"][500 * std::size_t{kPieceBytes}] ^= std::byte{1};
  const auto second = backup(content);
  EXPECT_GT(first.cost.metadata_bytes, 4000u);
  EXPECT_LT(second.cost.metadata_bytes, 1200u);
  EXPECT_EQ(read_back(second.id), content);
  EXPECT_EQ(open(second.id)->files().find("base/5/1")->pieces.size(), 1000u);
}

TEST_F(BackupStoreTest, AnUnchangedDatabaseCostsNoPack) {
  backup(database());
  const auto packs = pack_count();
  const auto second = backup(database());
  EXPECT_EQ(pack_count(), packs);
  EXPECT_EQ(second.cost.full_objects + second.cost.delta_objects, 0u);
  EXPECT_EQ(second.cost.pack_bytes, 0u);
  EXPECT_EQ(read_back(second.id), database());
}

TEST_F(BackupStoreTest, AChangedRowCostsItsBytes) {
  auto content = database();
  content["base/5/1001"] = noise(8 * kPieceBytes, 7);
  backup(content);
  const auto before = pack_bytes();
  for (const std::size_t at :
       {std::size_t{100}, std::size_t{5 * kPageBytes}, std::size_t{6 * kPieceBytes + 17}}) {
    content["base/5/1001"][at] ^= std::byte{0xFF};
  }
  const auto second = backup(content);
  EXPECT_EQ(second.cost.delta_objects, 2u);
  EXPECT_EQ(second.cost.full_objects, 0u);
  EXPECT_LT(pack_bytes() - before, 400u);
  EXPECT_EQ(read_back(second.id), content);
}

TEST_F(BackupStoreTest, ADeltaOfADeltaIsBasedOnTheFullObject) {
  auto content = database();
  content["base/5/1001"] = noise(kPieceBytes, 7);
  for (int step = 0; step < 5; ++step) {
    content["base/5/1001"][static_cast<std::size_t>(step) * kPageBytes] ^= std::byte{1};
    const auto record = backup(content);
    EXPECT_EQ(read_back(record.id), content);
    EXPECT_EQ(record.cost.full_objects, step == 0 ? 7u : 0u);
    EXPECT_EQ(record.cost.delta_objects, step == 0 ? 0u : 1u);
  }
}

TEST_F(BackupStoreTest, APageThatIsAgainAsInTheBaseIsReused) {
  auto content = database();
  const auto first = content;
  backup(content);
  content["base/5/1001"][0] ^= std::byte{1};
  backup(content);
  const auto third = backup(first);
  EXPECT_EQ(third.cost.pack_bytes, 0u);
  EXPECT_EQ(read_back(third.id), first);
}

TEST_F(BackupStoreTest, APieceThatChangedAllOverIsStoredInFull) {
  auto content = database();
  backup(content);
  content["base/5/1001"] = noise(kPieceBytes + 100, 99);
  const auto second = backup(content);
  EXPECT_EQ(second.cost.full_objects, 2u);
  EXPECT_EQ(second.cost.delta_objects, 0u);
  EXPECT_EQ(read_back(second.id), content);
}

TEST_F(BackupStoreTest, FilesMayGrowShrinkComeAndGo) {
  auto content = database();
  const auto first = backup(content);
  content["base/5/1000"].resize(content["base/5/1000"].size() + 3 * kPageBytes + 5, std::byte{'x'});
  content["base/5/1001"].resize(kPageBytes + 1);
  content["base/5/1002"][4 * kPieceBytes + 9] = std::byte{1};
  content.erase("base/5/1003");
  content["base/6/1"] = rows(2 * kPieceBytes, 5);
  const auto second = backup(content);
  EXPECT_EQ(read_back(second.id), content);
  content["base/5/1001"].resize(3 * kPageBytes);
  content["base/5/1002"].resize(100);
  const auto third = backup(content);
  EXPECT_EQ(read_back(third.id), content);
  EXPECT_EQ(read_back(first.id), database());
}

TEST_F(BackupStoreTest, AnyBackupMayBeDeletedAndTheOthersStillRead) {
  for (const int deleted : {0, 1, 2}) {
    std::vector<std::pair<BackupId, Content>> kept;
    auto content = database();
    newest_.reset();
    for (int i = 0; i < 3; ++i) {
      content["base/5/1001"][static_cast<std::size_t>(i)] ^= std::byte{1};
      content["base/5/1000"][static_cast<std::size_t>(i) * kPieceBytes] ^= std::byte{1};
      kept.emplace_back(backup(content).id, content);
    }
    delete_backup(layout_, BackupClaim(layout_, kept[static_cast<std::size_t>(deleted)].first), "old");
    kept.erase(kept.begin() + deleted);
    for (const auto& [id, expected] : kept) EXPECT_EQ(read_back(id), expected) << deleted;
    for (const auto& [id, expected] : kept) delete_backup(layout_, BackupClaim(layout_, id), "old");
    EXPECT_EQ(all_packs(), 0u) << deleted;
  }
}

TEST_F(BackupStoreTest, ManyPiecesPassThroughFewSlotsInOrder) {
  Content content;
  for (int i = 0; i < 300; ++i)
    content["base/5/" + std::to_string(i)] = rows(static_cast<std::size_t>(i) * 1500, 1);
  content["base/5/big"] = rows(200 * kPieceBytes, 4);
  const auto record = backup(content);
  EXPECT_EQ(read_back(record.id), content);
}

TEST_F(BackupStoreTest, AFileWithFewerBytesThanAnnouncedIsRefused) {
  BackupWriter writer(repository_, layout_, next_id_, nullptr, {});
  writer.begin_file("a", 10, 0600, 0);
  writer.file_data(noise(9, 1));
  EXPECT_THROW(writer.end_file(), Error);
  EXPECT_THROW(writer.file_data(noise(2, 1)), Error);
}

TEST_F(BackupStoreTest, AnAbandonedBackupLeavesNothing) {
  {
    BackupWriter writer(repository_, layout_, next_id_, nullptr, {});
    writer.begin_file("a", 10 * kPieceBytes, 0600, 0);
    writer.file_data(noise(7 * kPieceBytes, 1));
  }
  EXPECT_EQ(all_packs(), 0u);
  EXPECT_TRUE(std::filesystem::is_empty(layout_.backups()));
}

TEST_F(BackupStoreTest, IsABackupOnlyOnceItIsCommitted) {
  const Content content{{"base/5/1", noise(kPieceBytes, 1)}};
  BackupWriter writer(repository_, layout_, next_id_, nullptr, {.compression_level = 1, .workers = 1});
  writer.begin_file("base/5/1", kPieceBytes, 0600, 1);
  writer.file_data(content.at("base/5/1"));
  writer.end_file();
  writer.finish_files();
  writer.manifest_data(manifest_of(content));
  writer.finish_manifest();
  BackupRecord record(next_id_);
  writer.prepare(record);
  EXPECT_FALSE(read_backup_record(layout_, next_id_));
  ASSERT_TRUE(read_waiting_record(layout_, next_id_));
  EXPECT_EQ(read_waiting_record(layout_, next_id_)->data_bytes, kPieceBytes);
  writer.commit(record);
  EXPECT_FALSE(read_waiting_record(layout_, next_id_));
  ASSERT_TRUE(read_backup_record(layout_, next_id_));
  EXPECT_EQ(read_backup_record(layout_, next_id_)->to_json(), record.to_json());
  EXPECT_EQ(read_back(next_id_), content);
}

TEST_F(BackupStoreTest, TheManifestIsComparedFileByFile) {
  const Content sent{
      {"same", noise(100, 1)}, {"other", noise(100, 2)}, {"longer", noise(100, 3)}, {"more", {}}};
  const Content listed{
      {"same", noise(100, 1)}, {"other", noise(100, 9)}, {"longer", noise(99, 3)}, {"missing", noise(1, 1)}};
  BackupWriter writer(repository_, layout_, next_id_, nullptr, {});
  for (const auto& [path, bytes] : sent) {
    writer.begin_file(path, bytes.size(), 0600, 0);
    writer.file_data(bytes);
    writer.end_file();
  }
  writer.finish_files();
  writer.manifest_data(manifest_of(listed));
  const auto comparison = writer.finish_manifest();
  EXPECT_THAT(comparison.problems,
              testing::UnorderedElementsAre(testing::HasSubstr("other: its checksum"),
                                            testing::HasSubstr("longer: 100 bytes came"),
                                            testing::HasSubstr("missing: in PostgreSQL's")));
}

TEST_F(BackupStoreTest, AFileListedTwiceDoesNotHideOneThatIsNotListed) {
  BackupWriter writer(repository_, layout_, next_id_, nullptr, {});
  for (const auto* path : {"a", "b"}) {
    writer.begin_file(path, 0, 0600, 0);
    writer.end_file();
  }
  writer.finish_files();
  io::MemorySink manifest;
  postgres::ManifestWriter lines(manifest, 1, postgres::SystemIdentifier(1));
  const postgres::ManifestFile a{.path = "a",
                                 .size = 0,
                                 .last_modified = "2026-11-20 02:46:58 GMT",
                                 .checksum_algorithm = "CRC32C",
                                 .checksum = "00000000"};
  lines.file(a);
  lines.file(a);
  lines.finish({{postgres::TimelineId(1), postgres::Lsn(0x2000028), postgres::Lsn(0x2000100)}});
  writer.manifest_data(manifest.bytes());
  EXPECT_EQ(writer.finish_manifest().problem_count, 1u);
}

TEST_F(BackupStoreTest, ASentFileThatTheManifestDoesNotListIsAProblem) {
  BackupWriter writer(repository_, layout_, next_id_, nullptr, {});
  writer.begin_file("more", 0, 0600, 0);
  writer.end_file();
  writer.finish_files();
  writer.manifest_data(manifest_of({}));
  EXPECT_EQ(writer.finish_manifest().problems.size(), 1u);
}

}  // namespace
}  // namespace pgkeep::store
