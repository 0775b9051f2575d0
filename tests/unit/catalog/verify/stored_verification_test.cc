#include "catalog/verify/stored_verification.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/store/pack_set.h"
#include "catalog/store/sweep.h"
#include "catalog/verify/concerned_backups.h"
#include "catalog/verify/damaged_backups.h"
#include "tests/support/chance.h"
#include "tests/support/verification_fixture.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class StoredVerificationTest : public VerificationTest {
 protected:
  StoredReport verify_all(const VerificationLimits& limits = {}, unsigned jobs = 2) {
    const auto name = [this](std::vector<std::string> paths) {
      for (auto& path : paths) path += says_of_files_;
      return paths;
    };
    return verify_stored(repository_, layout_, limits, jobs, name, progress_, stop_.get_token());
  }
  VerificationMemory memory() const { return read_verification_memory(layout_); }
  /// What a backup needs of a pack, and of no other pack of its kind.
  store::BackupRecord backup_with(const std::string& path, std::uint32_t seed) {
    auto content = sound_content();
    content[path] = noise(store::kPieceBytes, seed);
    return take_backup(content);
  }
  std::string says_of_files_;  // after each path
  void written_long_ago(const fs::path& path) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - 100h);
  }
};

std::string text(const StoredReport& report) {
  std::string text;
  for (const auto& damage : report.damage)
    text += std::string(to_string(damage.kind)) + " " + damage.name + ": " + damage.what + "\n";
  for (const auto& line : report.besides) text += line + "\n";
  return text;
}

TEST_F(StoredVerificationTest, ReadsEachThingOnceHoweverManyBackupsNeedIt) {
  for (int i = 0; i < 3; ++i) take_backup(sound_content());
  const auto before = io::now();
  const auto report = verify_all();
  EXPECT_TRUE(report.good()) << text(report);
  EXPECT_EQ(report.backups, 3);
  EXPECT_EQ(report.segments, 3);
  EXPECT_GE(report.packs, 2);
  EXPECT_GE(report.proved_since, before);
  const auto remembered = memory();
  EXPECT_GE(remembered.checked(newest_->id), before);
  EXPECT_GE(remembered.checked(SegmentOfLine{{}, {kOne, 4}, size_}), before);
}

TEST_F(StoredVerificationTest, NamesTheBackupsAndFilesThatADamagedObjectConcerns) {
  const auto first = take_backup(sound_content());
  const auto second = backup_with("base/5/77", 77);
  const auto third = take_backup(sound_content());  // without that file
  const auto pack = newest_pack(store::PackKind::full);
  flip(pack, 64 + 1000);
  const auto report = verify_all();
  ASSERT_THAT(report.damage, SizeIs(1)) << text(report);
  const auto& damage = report.damage.front();
  EXPECT_EQ(damage.kind, StoredKind::pack);
  EXPECT_THAT(damage.what, HasSubstr(pack.filename().native()));
  EXPECT_THAT(damage.objects, SizeIs(1));
  EXPECT_THAT(damage.backups, ElementsAre(second.id));
  EXPECT_THAT(damage.files, ElementsAre("base/5/77"));
  EXPECT_EQ(memory().damage(), report.damage);
  EXPECT_THAT(store::read_suspects(layout_), testing::ElementsAreArray(damage.objects));
  EXPECT_THAT(concerns(layout_, third, postgres::TimelineHistory(kOne), {damage}), ElementsAre(false));
  EXPECT_THAT(concerns(layout_, second, postgres::TimelineHistory(kOne), {damage}), ElementsAre(true));
}

TEST_F(StoredVerificationTest, KeepsWhatItKnewOfAFileWhenNobodyTellsMore) {
  backup_with("base/5/77", 77);
  flip(newest_pack(store::PackKind::full), 64 + 4 * store::kPieceBytes);
  says_of_files_ = " (table t)";
  EXPECT_THAT(verify_all().damage.at(0).files, ElementsAre("base/5/77 (table t)"));
  says_of_files_ = "";
  EXPECT_THAT(verify_all().damage.at(0).files, ElementsAre("base/5/77 (table t)"));
  says_of_files_ = " (table renamed)";
  EXPECT_THAT(verify_all().damage.at(0).files, ElementsAre("base/5/77 (table renamed)"));
}

TEST_F(StoredVerificationTest, NamesTheBackupsWhoseDeltasNeedADamagedBase) {
  const auto first = take_backup(sound_content());
  const auto base = newest_pack(store::PackKind::full);
  auto content = sound_content();
  content["base/5/1"][5] ^= std::byte{1};
  const auto second = take_backup(content);
  flip(base, 64 + 1000);  // the first piece of base/5/1
  const auto report = verify_all();
  ASSERT_THAT(report.damage, SizeIs(1)) << text(report);  // the delta's own bytes are what they were
  EXPECT_THAT(report.damage.front().backups, ElementsAre(first.id, second.id));
  EXPECT_THAT(report.damage.front().files, ElementsAre("base/5/1"));
}

TEST_F(StoredVerificationTest, TellsOfAPackThatCannotBeOpenedThoughItSaysWhatIsNeeded) {
  const auto record = take_backup(sound_content());
  const auto meta = newest_pack(store::PackKind::meta);
  fs::resize_file(meta, fs::file_size(meta) - 1);
  const auto report = verify_all();
  ASSERT_THAT(report.damage, SizeIs(2)) << text(report);
  EXPECT_THAT(report.damage.front().what, HasSubstr(meta.filename().native()));
  EXPECT_THAT(report.damage.back().backups, ElementsAre(record.id));
}

TEST_F(StoredVerificationTest, TellsOfABackupWhoseTableOfContentsIsMissing) {
  const auto record = take_backup(sound_content());
  fs::remove(layout_.contents(record.id));
  const auto report = verify_all();
  ASSERT_THAT(report.damage, SizeIs(1)) << text(report);
  EXPECT_THAT(report.damage.front().backups, ElementsAre(record.id));
}

TEST_F(StoredVerificationTest, SaysWhatOfAMissingPackIsNeeded) {
  const auto record = take_backup(sound_content());
  fs::remove(newest_pack(store::PackKind::full));
  const auto report = verify_all();
  const auto missing = std::ranges::find_if(
      report.damage, [](const StoredDamage& damage) { return damage.kind == StoredKind::pack; });
  ASSERT_NE(missing, report.damage.end());
  EXPECT_THAT(missing->objects, IsEmpty());
  EXPECT_THAT(missing->backups, ElementsAre(record.id));
  EXPECT_THAT(missing->files, Contains("base/5/1"));
}

TEST_F(StoredVerificationTest, FindsDamagedAndMissingWal) {
  const auto record = take_backup(sound_content());
  flip(archived_path(5), 3000);
  auto report = verify_all();
  ASSERT_THAT(report.damage, SizeIs(1)) << text(report);
  EXPECT_EQ(report.damage.front().kind, StoredKind::wal);
  EXPECT_EQ(report.damage.front().name, "000000010000000000000005");
  EXPECT_THAT(report.damage.front().backups, ElementsAre(record.id));
  fs::remove(archived_path(5));
  report = verify_all();
  EXPECT_THAT(report.besides, Contains(AllOf(HasSubstr("0/500000"), HasSubstr("missing between other WAL"))));
  ASSERT_THAT(report.damage, SizeIs(1)) << text(report);
  EXPECT_EQ(report.damage.front().kind, StoredKind::backup);
}

TEST_F(StoredVerificationTest, FindsDamageOfWalThatIsStillBeingReceived) {
  received({kOne, 7}, kMiB / 2);
  EXPECT_TRUE(verify_all().good());
  flip(layout_.partial({kOne, 7}, size_), 70'000);
  const auto report = verify_all();
  ASSERT_THAT(report.damage, SizeIs(1)) << text(report);
  EXPECT_THAT(report.damage.front().what, HasSubstr(".partial"));
}

TEST_F(StoredVerificationTest, FindsABackupThatIsMissingAndSmallFilesThatAreDamaged) {
  const auto first = take_backup(sound_content());
  take_backup(sound_content());
  fs::remove_all(layout_.backup(first.id));
  io::write_file_durably(layout_.suspects(), io::as_bytes("{}"));
  const auto report = verify_all();
  EXPECT_THAT(report.besides, Contains(HasSubstr("backup number 1")));
  EXPECT_THAT(report.besides, Contains(HasSubstr("suspects.json")));
}

TEST_F(StoredVerificationTest, SaysWhatIsSoundAgain) {
  take_backup(sound_content());
  const auto pack = newest_pack(store::PackKind::full);
  flip(pack, 64 + 1000);
  const auto found = verify_all();
  ASSERT_THAT(found.damage, SizeIs(1));
  flip(pack, 64 + 1000);  // brought back from another copy
  const auto report = verify_all({.older_than = 1h});
  EXPECT_TRUE(report.good()) << text(report);
  EXPECT_THAT(report.sound_again, ElementsAre("pack " + found.damage.front().name));
  EXPECT_EQ(report.packs, 1);
  EXPECT_THAT(memory().damage(), IsEmpty());
}

TEST_F(StoredVerificationTest, GoesOnWithWhatWasProvedTheLongestAgo) {
  take_backup(sound_content());
  for (std::uint64_t number = 4; number <= 6; ++number) written_long_ago(archived_path(number));
  const auto first = verify_all({.older_than = 24h, .budget = 1});
  EXPECT_EQ(first.segments, 1);
  EXPECT_EQ(first.left_units, 2);
  EXPECT_LT(first.proved_since, io::now() - 24h);
  EXPECT_EQ(verify_all({.older_than = 24h}).segments, 2);
  const auto last = verify_all({.older_than = 24h});
  EXPECT_EQ(last.segments + last.packs + last.backups, 0);
  EXPECT_GT(last.proved_since, io::now() - 24h);
}

TEST_F(StoredVerificationTest, KeepsWhatItHasReadWhenItIsStopped) {
  take_backup(sound_content());
  flip(archived_path(4), 3000);
  for (std::uint64_t number = 4; number <= 6; ++number) written_long_ago(archived_path(number));
  int looks = 0;
  progress_.on_progress = [&] {
    if (++looks == 2) stop_.request_stop();  // while it reads
  };
  EXPECT_THROW(verify_all({.older_than = 24h}, 1), Interrupted);
  stop_ = std::stop_source();
  progress_.on_progress = {};
  const auto before = memory();
  verify_all({.older_than = 24h});
  for (std::uint64_t number = 5; number <= 6; ++number) {
    const SegmentOfLine segment{{}, {kOne, number}, size_};
    if (const auto at = before.checked(segment)) {
      EXPECT_EQ(memory().checked(segment), at);
    }
  }
  EXPECT_THAT(memory().damage(), SizeIs(1));
}

TEST_F(StoredVerificationTest, PassesOverWhatNoBackupNeeds) {
  const auto first = backup_with("base/5/77", 77);
  const auto pack = newest_pack(store::PackKind::full);
  auto content = sound_content();
  take_backup(content);
  store::delete_backup(layout_, store::BackupClaim(layout_, first.id), "for a test");
  ASSERT_TRUE(fs::exists(pack));  // the other files are in it as well
  // The objects of a pack are in the order of the paths: base/5/1 has three, base/5/2 one, then base/5/77.
  flip(pack, 64 + 3 * store::kPieceBytes + 100 + 50'000);
  const auto report = verify_all();
  EXPECT_TRUE(report.good()) << text(report);
}

TEST_F(StoredVerificationTest, ARecoveryPassesTheWalAfterTheBackupAndOnItsLineAlone) {
  const auto backup = take_backup(sound_content());
  const auto line = postgres::TimelineHistory::parse(kTwo, "1\t0/880000\tpromoted\n");  // in segment 8
  const auto is_passed = [&](postgres::TimelineId timeline, std::uint64_t number,
                             std::optional<unsigned> aside = {}) -> bool {
    const std::vector<StoredDamage> damage{{.kind = StoredKind::wal,
                                            .name = postgres::WalSegment{timeline, number}.name(size_),
                                            .line = aside,
                                            .what = "",
                                            .since = {}}};
    return concerns(layout_, backup, line, damage).front();
  };
  EXPECT_FALSE(is_passed(kOne, 4)) << "before it";
  EXPECT_TRUE(is_passed(kOne, 5));
  EXPECT_TRUE(is_passed(kOne, 8)) << "where timeline 1 was left";
  EXPECT_TRUE(is_passed(kTwo, 8));
  EXPECT_TRUE(is_passed(kTwo, 20));
  EXPECT_FALSE(is_passed(kOne, 9)) << "what timeline 1 wrote after it was left";
  EXPECT_FALSE(is_passed(postgres::TimelineId(3), 20));
  EXPECT_FALSE(is_passed(kTwo, 20, 1)) << "set aside";
}

TEST_F(StoredVerificationTest, GoesOnWithoutWhatItRememberedWhereThatIsDamaged) {
  take_backup(sound_content());
  io::write_file_durably(layout_.verified(), io::as_bytes("{}"));
  EXPECT_TRUE(verify_all().good());
  EXPECT_THAT(progress_.warnings, ElementsAre(HasSubstr("verified.json")));
  EXPECT_TRUE(memory().checked(newest_->id));
}

TEST_F(StoredVerificationTest, RemembersDamageThoughItsObjectsCannotBeMarked) {
  take_backup(sound_content());
  flip(newest_pack(store::PackKind::full), 64 + 1000);
  io::write_file_durably(layout_.suspects(), io::as_bytes("{}"));
  EXPECT_THAT(verify_all().damage, SizeIs(1));
  EXPECT_THAT(memory().damage(), SizeIs(1));
  EXPECT_THAT(progress_.warnings, ElementsAre(HasSubstr("suspects.json")));
}

TEST_F(StoredVerificationTest, TellsOfAMissingHistoryAndCallsNoWalDamagedForIt) {
  archived({kOne, 7});
  fs::create_directories(layout_.archived({kTwo, 8}, size_).parent_path());
  fs::copy_file(archived_path(7), layout_.archived({kTwo, 8}, size_));
  const auto report = verify_all();
  EXPECT_THAT(report.damage, IsEmpty()) << text(report);
  EXPECT_THAT(report.besides, Contains(HasSubstr("00000002.history is missing")));
}

TEST_F(StoredVerificationTest, FindsAnObjectThatIsNotInItsPackAtAll) {
  take_backup(sound_content());
  const auto pack = newest_pack(store::PackKind::full);
  const auto whole = io::read_whole_file(pack, std::uint64_t{1} << 30);
  auto content = sound_content();
  content.erase("base/5/2");
  {  // another backup's pack of that number, with fewer objects
    test::TempDirectory other;
    fs::copy(directory_ / "repository", other / "repository", fs::copy_options::recursive);
    const auto repository = store::Repository::open(other / "repository");
    const auto layout = repository.server("main");
    const auto name = store::parse_pack_name(pack.filename().native()).value();
    store::PackWriter writer(repository, layout_, name, newest_->id);
    writer.finish();
  }
  const auto report = verify_all();
  EXPECT_THAT(text(report), HasSubstr(pack.filename().native()));
  io::write_file_durably(pack, whole);
  EXPECT_TRUE(verify_all().good());
}

TEST_F(StoredVerificationTest, SaysOfWhichBackupsNobodyKnowsWhatTheyNeedThoughTheyAreNotDue) {
  const auto record = take_backup(sound_content());
  verify_all();
  fs::remove(layout_.contents(record.id));
  const auto report = verify_all({.older_than = 24h});
  EXPECT_EQ(report.backups, 0);
  EXPECT_THAT(report.besides, Contains(HasSubstr(record.id.to_string())));
}

TEST_F(StoredVerificationTest, LooksFirstAtWhatWasFoundDamagedWhereWhatItRememberedIsLost) {
  take_backup(sound_content());
  flip(newest_pack(store::PackKind::full), 64 + 1000);
  verify_all();
  io::write_file_durably(layout_.verified(), io::as_bytes("{}"));
  EXPECT_THAT(verify_all({.older_than = 24h, .budget = 1}).damage, SizeIs(1));
}

TEST_F(StoredVerificationTest, TellsWhichBackupsAreConcernedThoughItWasStoppedBeforeItSaidSo) {
  const auto record = take_backup(sound_content());
  flip(newest_pack(store::PackKind::full), 64 + 1000);
  verify_all();
  auto stopped = memory();
  auto damage = stopped.damage().front();
  damage.attributed = false;
  damage.backups.clear();
  stopped.note_damage(damage);
  write_verification_memory(layout_, stopped);
  EXPECT_TRUE(damaged_backups(layout_).contains(record.id));
}

}  // namespace
}  // namespace pgkeep::catalog
