#include "catalog/verify/verification.h"

#include <algorithm>
#include <filesystem>
#include <ranges>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/store/backup_lease.h"
#include "catalog/wal/set_aside_line.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/verification_fixture.h"

namespace pgkeep::catalog {
namespace {

using store::PackKind;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kPackHeaderBytes = 64;
constexpr std::uint64_t kPackFooterBytes = 48;
/// The files of sound_content() of which something is stored.
constexpr std::array kStoredFiles{"backup_label", "base/5/1", "base/5/2", "global/pg_control"};

std::uint64_t directory_of(const std::filesystem::path& pack) {
  std::array<std::byte, 8> offset{};
  const auto file = io::File::open_to_read(pack);
  file.read_exactly_at(offset, file.size() - kPackFooterBytes);
  return io::load_le<std::uint64_t>(offset.data());
}

TEST_F(VerificationTest, FindsNothingWrongWithASoundBackup) {
  const auto record = take_backup(sound_content());
  for (const unsigned jobs : {0u, 1u, 4u}) {
    const auto report = verify(record, jobs);
    EXPECT_TRUE(report.good()) << text(report);
    EXPECT_EQ(report.backup, record.id);
    EXPECT_EQ(report.files, 6u);
    EXPECT_EQ(report.bytes, record.data_bytes);
    EXPECT_EQ(report.wal_segments, 2u);
  }
  EXPECT_THAT(store::read_suspects(layout_), IsEmpty());
}

TEST_F(VerificationTest, TellsHowFarItIs) {
  take_backup(sound_content());
  verify_newest();
  EXPECT_THAT(progress_.phases, AllOf(Contains("reading back files"), Contains("checking WAL")));
}

TEST_F(VerificationTest, StopsWhenAsked) {
  take_backup(sound_content());
  progress_.on_progress = [&] { stop_.request_stop(); };
  EXPECT_THROW(verify_newest(), Interrupted);
}

TEST_F(VerificationTest, KnowsWhenThereIsNoSuchBackup) {
  EXPECT_THROW(verify(store::BackupRecord(next_id_)), NotFound);
}

// ----------------------------------------------------------------------------------------------- packs

TEST_F(VerificationTest, AFlippedByteInAFrameNamesItsFileAndSparesTheOthers) {
  take_backup(sound_content());
  flip(newest_pack(PackKind::full), kPackHeaderBytes + 2 * store::kPieceBytes);  // label first, then base/5/1
  const auto report = verify_newest();
  EXPECT_THAT(paths(report), ElementsAre("base/5/1"));
  EXPECT_EQ(report.files, 6u);
  EXPECT_EQ(report.wal_segments, 2u);
}

TEST_F(VerificationTest, DamagedObjectsAreStoredAnewByTheNextBackup) {
  take_backup(sound_content());
  flip(newest_pack(PackKind::full), kPackHeaderBytes + 2 * store::kPieceBytes);
  verify_newest();
  EXPECT_THAT(store::read_suspects(layout_), SizeIs(1));
  EXPECT_THAT(progress_.notes, ElementsAre(HasSubstr("1 damaged object")));
  const auto second = take_backup(sound_content());
  EXPECT_EQ(second.cost.full_objects, 1u);
  EXPECT_TRUE(verify_newest().good());
}

TEST_F(VerificationTest, ADamagedBaseIsMarkedWithItsDelta) {
  auto content = sound_content();
  take_backup(content);
  content["base/5/2"][17] ^= std::byte{1};
  const auto second = take_backup(content);
  ASSERT_EQ(second.cost.delta_objects, 1u);
  auto base = io::as_text(content["base/5/2"]).substr(100, 50);
  const auto pack = newest_pack(PackKind::full);
  const auto stored = io::read_whole_file(pack, 1 << 26);
  flip(pack, io::as_text(stored).find(base));
  EXPECT_THAT(paths(verify_newest()), ElementsAre("base/5/2"));
  EXPECT_THAT(store::read_suspects(layout_), SizeIs(2));
  take_backup(content);
  EXPECT_TRUE(verify_newest().good());
}

TEST_F(VerificationTest, DamageOfADeltaLeavesTheBackupBeforeItGood) {
  auto content = sound_content();
  const auto first = take_backup(content);
  content["base/5/2"][17] ^= std::byte{1};
  const auto second = take_backup(content);
  flip(newest_pack(PackKind::delta), kPackHeaderBytes);
  EXPECT_THAT(paths(verify(second)), ElementsAre("base/5/2"));
  EXPECT_TRUE(verify(first).good());
}

TEST_F(VerificationTest, AnUnreadablePackNamesAllItsFilesAndSparesTheOthers) {
  const auto record = take_backup(sound_content());
  const auto pack = newest_pack(PackKind::full);
  const auto sound = io::read_whole_file(pack, 1 << 26);
  const auto size = sound.size();
  const std::vector<std::function<void()>> damages{
      [&] { flip(pack, 9); },                            // header
      [&] { flip(pack, directory_of(pack) + 3); },       // directory
      [&] { flip(pack, size - kPackFooterBytes + 2); },  // footer
      [&] { flip(pack, size - 1); },
      [&] { std::filesystem::resize_file(pack, size - 1); },
      [&] { std::filesystem::resize_file(pack, size / 2); },
      [&] { std::filesystem::resize_file(pack, 0); },
      [&] { std::filesystem::remove(pack); },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    damages[i]();
    const auto report = verify(record);
    EXPECT_THAT(paths(report), testing::ElementsAreArray(kStoredFiles)) << i << "\n" << text(report);
    EXPECT_THAT(text(report), HasSubstr(pack.stem().native())) << i;
    EXPECT_EQ(report.files, 6u) << i;
    io::write_file_durably(pack, sound);
  }
  EXPECT_TRUE(verify(record).good());
  EXPECT_THAT(store::read_suspects(layout_), IsEmpty());
}

// ----------------------------------------------------------------------------------------------- file table

store::FileEntry& entry_of(std::vector<store::FileEntry>& entries, std::string_view path) {
  return *std::ranges::find(entries, path, &store::FileEntry::path);
}

TEST_F(VerificationTest, AChangedChecksumInTheTableNamesItsFile) {
  take_backup(sound_content());
  change_files([](auto& entries) { ++entry_of(entries, "base/5/1").crc32c; });
  const auto report = verify_newest();
  EXPECT_THAT(paths(report), ElementsAre("base/5/1"));
  EXPECT_THAT(report.findings, SizeIs(2));  // it is neither what the manifest says nor what is stored
  EXPECT_THAT(store::read_suspects(layout_), IsEmpty());  // the objects are sound
}

TEST_F(VerificationTest, AFileTakenFromTheTableIsMissed) {
  take_backup(sound_content());
  change_files([](auto& entries) {
    std::erase_if(entries, [](const auto& entry) { return entry.path == "base/5/2"; });
  });
  const auto report = verify_newest();
  EXPECT_THAT(paths(report), ElementsAre("", "base/5/2"));
  EXPECT_THAT(text(report), HasSubstr("5 files"));
}

TEST_F(VerificationTest, AFileThatTheManifestDoesNotListIsFound) {
  take_backup(sound_content());
  change_files([](auto& entries) {
    auto more = entry_of(entries, "base/5/3");
    more.path = "base/5/9";
    entries.push_back(std::move(more));
  });
  EXPECT_THAT(paths(verify_newest()), ElementsAre("", "base/5/9"));
}

TEST_F(VerificationTest, AFileOfWhichTheListOfPacksLacksAnObjectIsFound) {
  take_backup(sound_content());
  change_contents([](store::SectionWriter& sections, store::Contents& contents) {
    store::PackUse use;
    use.mark({1, 0});
    contents.packs = use.store(sections, {});
  });
  const auto report = verify_newest();
  EXPECT_THAT(paths(report), Contains("base/5/2"));
  EXPECT_THAT(text(report), HasSubstr("the backup's list of packs lacks"));
  EXPECT_THAT(store::read_suspects(layout_), IsEmpty());
}

TEST_F(VerificationTest, ADamagedListOfFilesIsFoundAndStoredAgainByTheNextBackup) {
  take_backup(sound_content());
  const auto pack = newest_pack(PackKind::meta);
  flip(pack,
       directory_of(pack) - 60);  // the last frame but one byte or so is of the lists of files and packs
  const auto report = verify_newest();
  EXPECT_THAT(text(report), HasSubstr("cannot be read: " + pack.native()));
  EXPECT_EQ(report.wal_segments, 2u);
  EXPECT_THAT(store::read_suspects(layout_), SizeIs(1));
  const auto second = take_backup(sound_content());
  const auto healed = verify(second);
  EXPECT_TRUE(healed.good()) << text(healed);
}

TEST_F(VerificationTest, AChangedOrMissingTableOfContentsIsFoundAndTheWalStillChecked) {
  const auto record = take_backup(sound_content());
  flip(layout_.contents(record.id), 20);
  for (int i = 0; i < 2; ++i) {
    const auto report = verify_newest();
    EXPECT_THAT(text(report), HasSubstr(layout_.contents(record.id).native()));
    EXPECT_EQ(report.wal_segments, 2u);
    io::remove_file(layout_.contents(record.id));
  }
}

TEST_F(VerificationTest, ADamagedRecordIsAFinding) {
  const auto record = take_backup(sound_content());
  io::write_file_durably(layout_.record(record.id), io::as_bytes("{}"));
  EXPECT_THAT(text(verify(record)), HasSubstr(layout_.record(record.id).native()));
}

TEST_F(VerificationTest, ARecordAfterWhichTheNextBackupWasNotTakenIsAFinding) {
  auto first = take_backup(sound_content());
  const auto second = take_backup(sound_content());
  EXPECT_TRUE(verify(first).good());
  first.label = "another";
  io::write_file_durably(layout_.record(first.id), io::as_bytes(first.to_json()));
  EXPECT_THAT(text(verify(first)), HasSubstr("is not the one after which backup " + second.id.to_string()));
  EXPECT_TRUE(verify(second).good()) << text(verify(second));
}

// ----------------------------------------------------------------------------------------------- manifest

TEST_F(VerificationTest, ADamagedManifestIsFoundAndTheFilesAreStillRead) {
  const auto record = take_backup(sound_content());
  const auto pack = newest_pack(PackKind::meta);
  for (std::uint64_t at = kPackHeaderBytes; at < kPackHeaderBytes + 200;
       at += 67) {  // its frame is the first
    flip(pack, at);
    const auto report = verify_newest();
    EXPECT_THAT(paths(report), ElementsAre("")) << at;
    EXPECT_THAT(text(report), HasSubstr("PostgreSQL's manifest cannot be read")) << at;
    EXPECT_EQ(report.bytes, record.data_bytes) << at;
    flip(pack, at);
  }
  io::remove_file(pack);
  EXPECT_THAT(text(verify_newest()), HasSubstr("pack 00000002 is missing"));
}

TEST_F(VerificationTest, AManifestThatIsNotTheOneOfTheRecordIsFound) {
  take_backup(sound_content());
  change_files([this](auto&) { newest_->manifest_sha256 = std::string(64, '0'); });
  EXPECT_THAT(text(verify_newest()), HasSubstr("manifest is not what was stored"));
}

TEST_F(VerificationTest, AManifestOfOtherFilesNamesEachOfThem) {
  auto listed = sound_content();
  listed["base/5/1"].pop_back();             // another size
  listed["base/5/2"][0] ^= std::byte{1};     // another checksum
  listed.erase("base/5/3");                  // not listed
  listed.emplace("base/5/9", noise(10, 3));  // not stored
  take_backup(sound_content(), manifest_of(listed, ranges_));
  const auto report = verify_newest();
  ASSERT_THAT(report.findings, SizeIs(4)) << text(report);
  EXPECT_THAT(paths(report), ElementsAre("base/5/1", "base/5/2", "base/5/3", "base/5/9"));
  EXPECT_THAT(report.findings[0].message, HasSubstr("bytes"));
  EXPECT_THAT(report.findings[1].message, HasSubstr("checksum"));
  EXPECT_THAT(report.findings[2].message, HasSubstr("not in PostgreSQL's manifest"));
  EXPECT_THAT(report.findings[3].message, HasSubstr("not in the backup"));
}

TEST_F(VerificationTest, AManifestWithoutChecksumsProvesNothing) {
  take_backup(sound_content(), manifest_of(sound_content(), ranges_, ""));
  EXPECT_THAT(paths(verify_newest()), SizeIs(6));
}

TEST_F(VerificationTest, OtherWalRangesThanTheManifestsAreFound) {
  take_backup(sound_content(), manifest_of(sound_content(), {{kOne, kStart.lsn, kStart.lsn + 8}}));
  EXPECT_THAT(text(verify_newest()), HasSubstr("WAL ranges"));
}

TEST_F(VerificationTest, AManifestThatPassesToTheNextTimelineElsewhereIsFound) {
  WalArchiveWriter(archive_).store_history(
      kTwo, fmt::format("1\t{}\tpromoted\n", (kStart.lsn + 0x800).to_string()));
  archived({kTwo, 5});
  archived({kTwo, 6});
  end_ = {kTwo, kEnd.lsn};
  const auto passing_at = [](postgres::Lsn lsn) {
    return std::vector<postgres::ManifestWalRange>{{kTwo, lsn, kEnd.lsn}, {kOne, kStart.lsn, lsn}};
  };
  ranges_ = passing_at(kStart.lsn + 0x800);
  take_backup(sound_content());
  EXPECT_EQ(text(verify_newest()), "");
  ranges_ = passing_at(kStart.lsn + 0x808);
  take_backup(sound_content());
  EXPECT_THAT(text(verify_newest()), HasSubstr("by the history of timeline 2"));
}

// The new line has other WAL at the same places.
TEST_F(VerificationTest, ABackupOfALineThatWasSetAsideIsVerifiedWithItsOwnWal) {
  const auto backup = take_backup(sound_content());
  set_line_aside(layout_, "put back");
  for (const std::uint64_t number : {5, 6}) {
    const postgres::WalSegment segment{kOne, number};
    auto partial = PartialSegment::open(layout_, segment, size_);
    partial.write(test::sample_wal(segment, 1), io::now());
    WalArchiveWriter(archive_).store_segment(partial, postgres::TimelineHistory(kOne), 1);
  }
  EXPECT_EQ(text(verify(backup)), "");
}

// ----------------------------------------------------------------------------------------------- what replay
// needs

TEST_F(VerificationTest, ALabelOfAnotherStartIsFound) {
  auto content = sound_content();
  content["backup_label"] = label_file({kOne, kStart.lsn + 8});
  take_backup(content);
  const auto report = verify_newest();
  EXPECT_THAT(paths(report), ElementsAre("backup_label"));
  EXPECT_THAT(text(report), AllOf(HasSubstr("0/500030"), HasSubstr("0/500028")));
}

TEST_F(VerificationTest, AMissingLabelIsFound) {
  auto content = sound_content();
  content.erase("backup_label");
  take_backup(content);
  EXPECT_THAT(paths(verify_newest()), ElementsAre("backup_label"));
}

TEST_F(VerificationTest, AControlFileOfAnotherSystemIsFound) {
  auto content = sound_content();
  content["global/pg_control"] = control_file(postgres::SystemIdentifier(42));
  take_backup(content);
  EXPECT_THAT(paths(verify_newest()), ElementsAre("global/pg_control"));
}

TEST_F(VerificationTest, ABackupIsNotDeletedWhileItIsVerified) {
  const auto record = take_backup(sound_content());
  bool tried = false;
  progress_.on_progress = [&] {
    tried = true;
    EXPECT_THROW(store::BackupClaim(layout_, record.id), Busy);
  };
  verify_newest();
  EXPECT_TRUE(tried);
  EXPECT_NO_THROW(store::BackupClaim(layout_, record.id));
}

TEST_F(VerificationTest, WhatThisUserMayNotOpenIsNotCalledDamaged) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const auto record = take_backup(sound_content());
  constexpr uid_t kUser = 12345;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path()))
    ASSERT_EQ(::lchown(entry.path().c_str(), kUser, kUser), 0);
  ASSERT_EQ(::chown(directory_.path().c_str(), kUser, kUser), 0);
  for (const auto& denied : {layout_.record(record.id), newest_pack(PackKind::full)}) {
    ASSERT_EQ(::chown(denied.c_str(), 0, 0), 0);
    ASSERT_EQ(::seteuid(kUser), 0);
    EXPECT_THROW(verify(record), StorageError) << denied;
    ASSERT_EQ(::seteuid(0), 0);
    ASSERT_EQ(::chown(denied.c_str(), kUser, kUser), 0);
  }
}

TEST_F(VerificationTest, ListsAllThatIsWrongInOneRunSortedByPath) {
  take_backup(sound_content());
  flip(newest_pack(PackKind::full), kPackHeaderBytes + 2 * store::kPieceBytes);
  flip(newest_pack(PackKind::meta), kPackHeaderBytes + 20);
  std::filesystem::remove(archived_path(5));
  const auto report = verify_newest();
  EXPECT_THAT(paths(report), ElementsAre("", "base/5/1"));
  EXPECT_THAT(text(report), AllOf(HasSubstr("PostgreSQL's manifest cannot be read"),
                                  HasSubstr("000000010000000000000005 is missing")));
}

// ------------------------------------------------------------------- a version that came after this program

TEST_F(VerificationTest, OfAnUnknownVersionWhatWasStoredIsReadBack) {
  server_is_of_unknown_version();
  auto content = sound_content();
  std::ranges::fill(content["global/pg_control"] | std::views::drop(8), std::byte{0x5A});
  take_backup(content, manifest_of_unknown_version());
  const auto report = verify_newest();
  EXPECT_TRUE(report.good()) << text(report);
  EXPECT_FALSE(report.formats_known);
  EXPECT_EQ(report.wal_segments, 2u);
  EXPECT_THAT(progress_.notes, Contains(HasSubstr("the files were not compared with it")));
  flip(newest_pack(store::PackKind::full), 5000);
  EXPECT_FALSE(verify_newest().good());
}

TEST_F(VerificationTest, OfAnUnknownVersionAnotherSystemIsFound) {
  server_is_of_unknown_version();
  auto content = sound_content();
  content["global/pg_control"] = control_file(postgres::SystemIdentifier(test::kSampleSystem.value() + 1));
  take_backup(content);
  EXPECT_THAT(text(verify_newest()), HasSubstr("is of system"));
}

TEST_F(VerificationTest, AManifestOfAnUnknownVersionIsAFindingOfAVersionThatIsKnown) {
  take_backup(sound_content(), manifest_of_unknown_version());
  EXPECT_THAT(text(verify_newest()), HasSubstr("version 3 is neither 1 nor 2"));
}

}  // namespace
}  // namespace pgkeep::catalog
