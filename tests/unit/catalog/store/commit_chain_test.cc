#include "catalog/store/commit_chain.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/hashing.h"
#include "tests/support/chance.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A server of which there is only what the chain is made of.
class Records {
 public:
  Records() { layout_.make(); }

  /// The record of the next backup, which is not committed yet.
  BackupRecord prepare() {
    BackupRecord record(next_id_);
    const auto link =
        next_link(list_backup_records(layout_), read_deletions(layout_), sound_chain_head(layout_));
    record.sequence = link.sequence;
    record.previous_record_sha256 = link.previous_record_sha256;
    return record;
  }
  BackupRecord commit() {
    auto record = prepare();
    next_id_ = next_id_.next();
    put(record);
    return record;
  }
  void put(const BackupRecord& record) {
    io::make_directories(layout_.backup(record.id));
    put(record.id, record.to_json());
  }
  void put(const BackupId& id, const std::string& text) {
    io::write_file_durably(layout_.record(id), io::as_bytes(text));
  }
  std::string text(const BackupId& id) const {
    return std::string(io::as_text(io::read_whole_file(layout_.record(id), 1 << 20)));
  }
  std::string digest(const BackupId& id) const { return deletion_of(layout_, id, "").record_sha256.value(); }
  void note_as_newest(const BackupRecord& record) {
    write_chain_head(layout_, {record.sequence, record.id, digest(record.id)});
  }
  void note(const BackupId& id) { note_deletion(layout_, deletion_of(layout_, id, "old")); }
  void lose(const BackupId& id) { io::remove_tree(layout_.backup(id)); }
  void remove(const BackupId& id) {
    note(id);
    lose(id);
  }
  void damage(const BackupId& id) { put(id, "{"); }
  /// By one that could be read.
  void replace(const BackupId& id) {
    auto record = read_backup_record(layout_, id).value();
    record.label += "changed";
    put(record);
  }
  ChainReport report() const { return examine_chain(layout_); }
  std::set<std::uint64_t> missing() const {
    std::set<std::uint64_t> numbers;
    for (const auto& stretch : report().missing)
      for (auto number = stretch.first; number <= stretch.last; ++number) numbers.insert(number);
    return numbers;
  }
  const ServerLayout& layout() const { return layout_; }

 private:
  test::TempDirectory folder_;
  ServerLayout layout_{folder_ / "main"};
  BackupId next_id_ = BackupId::parse("20261120T020000Z").value();
};

class CommitChainTest : public testing::Test {
 protected:
  std::vector<BackupRecord> commit(int count) {
    std::vector<BackupRecord> records;
    for (int i = 0; i < count; ++i) records.push_back(records_.commit());
    return records;
  }
  void expect_sound() const {
    const auto report = records_.report();
    EXPECT_THAT(report.missing, IsEmpty());
    EXPECT_THAT(report.replaced, IsEmpty());
  }
  Records records_;
};

TEST_F(CommitChainTest, NoticesThatTheNewestBackupsAreMissing) {
  const auto backups = commit(3);
  records_.note_as_newest(backups.back());
  expect_sound();
  for (const auto number : {1, 2}) records_.lose(backups[number].id);
  EXPECT_THAT(records_.missing(), testing::ElementsAre(2u, 3u));
  EXPECT_THAT(describe(records_.report().missing.front()),
              HasSubstr(fmt::format("2 to 3 (the last is {}), taken after {}", backups[2].id.to_string(),
                                    backups[0].id.to_string())));
  EXPECT_EQ(records_.commit().sequence, 4u) << "no number is given again";
  EXPECT_THAT(records_.missing(), testing::ElementsAre(2u, 3u));
}

TEST_F(CommitChainTest, MissesNoNewestBackupThatWasDeletedOrGivenUp) {
  const auto backups = commit(2);
  records_.note_as_newest(backups.back());
  records_.remove(backups.back().id);
  expect_sound();
}

TEST_F(CommitChainTest, NoticesThatTheNewestRecordWasReplaced) {
  const auto backups = commit(2);
  records_.note_as_newest(backups.back());
  records_.replace(backups.back().id);
  const auto report = records_.report();
  ASSERT_EQ(report.replaced.size(), 1u);
  EXPECT_EQ(report.replaced[0].id, backups.back().id);
  EXPECT_THAT(describe(report.replaced[0]), HasSubstr("chain.json"));
}

TEST_F(CommitChainTest, MissesNothingByAHeadThatLagsOrIsDamaged) {
  const auto backups = commit(2);
  records_.note_as_newest(backups.front());
  expect_sound();
  io::write_file_durably(records_.layout().chain_head(), io::as_bytes("{}"));
  expect_sound();
  EXPECT_EQ(records_.commit().sequence, 3u);
}

TEST_F(CommitChainTest, IsWholeBeforeTheFirstBackup) {
  expect_sound();
}

TEST_F(CommitChainTest, NumbersEachBackupAndHasTheDigestOfTheRecordBefore) {
  const auto backups = commit(2);
  EXPECT_EQ(backups[0].sequence, 1u);
  EXPECT_EQ(backups[0].previous_record_sha256, std::nullopt);
  EXPECT_EQ(backups[1].sequence, 2u);
  const auto first = records_.text(backups[0].id);
  io::MemorySource source(io::as_bytes(first));
  EXPECT_EQ(backups[1].previous_record_sha256, io::sha256_hex(source));
  expect_sound();
}

TEST_F(CommitChainTest, GivesANumberAgainThatWasNeverCommitted) {
  commit(1);
  EXPECT_EQ(records_.prepare().sequence, 2u);
  EXPECT_EQ(records_.commit().sequence, 2u);
  expect_sound();
}

TEST_F(CommitChainTest, NamesBackupsThatAreMissingAndTheOnesNextToThem) {
  const auto backups = commit(5);
  for (const int lost : {1, 2}) records_.lose(backups[static_cast<std::size_t>(lost)].id);
  const auto report = records_.report();
  EXPECT_THAT(report.missing, ElementsAre(MissingBackups{2, 3, backups[0].id, backups[3].id}));
  EXPECT_THAT(report.replaced, IsEmpty());
  EXPECT_EQ(describe(report.missing[0]),
            "backups number 2 to 3, taken after 20261120T020000Z and before 20261120T020003Z, are neither "
            "there nor deleted");
}

TEST_F(CommitChainTest, NamesTheFirstWhenItIsMissing) {
  const auto backups = commit(2);
  records_.lose(backups[0].id);
  EXPECT_THAT(records_.report().missing, ElementsAre(MissingBackups{1, 1, std::nullopt, backups[1].id}));
  EXPECT_EQ(describe(records_.report().missing[0]),
            "backup number 1, taken before 20261120T020001Z, is neither there nor deleted");
}

TEST_F(CommitChainTest, IsWholeWhenABackupIsBroughtBack) {
  const auto backups = commit(3);
  const auto text = records_.text(backups[1].id);
  records_.lose(backups[1].id);
  EXPECT_EQ(records_.missing(), std::set<std::uint64_t>{2});
  io::make_directories(records_.layout().backup(backups[1].id));
  records_.put(backups[1].id, text);
  expect_sound();
}

TEST_F(CommitChainTest, IsWholeAfterDeletions) {
  const auto backups = commit(4);
  for (const auto& backup : {backups[0], backups[2], backups[3]}) records_.remove(backup.id);
  expect_sound();
  EXPECT_EQ(records_.commit().sequence, 5u) << "a number is not given again";
  expect_sound();
}

TEST_F(CommitChainTest, ABackupWhoseDeletionWasCutIsThere) {
  const auto backups = commit(2);
  records_.note(backups[0].id);
  expect_sound();
  records_.remove(backups[0].id);
  expect_sound();
  EXPECT_EQ(records_.commit().sequence, 3u);
}

TEST_F(CommitChainTest, MissingNewestOnesAreToldByTheirDeletionAlone) {
  const auto backups = commit(3);
  records_.remove(backups[2].id);
  records_.lose(backups[1].id);
  EXPECT_THAT(records_.report().missing, ElementsAre(MissingBackups{2, 2, backups[0].id, backups[2].id}));
}

TEST_F(CommitChainTest, AMissingBackupThatWasGivenUpIsToldNoMore) {
  const auto backups = commit(3);
  records_.lose(backups[1].id);
  note_deletion(records_.layout(),
                {.id = {}, .sequence = 2, .record_sha256 = {}, .at = io::now(), .why = "x"});
  expect_sound();
  records_.commit();
  expect_sound();
}

TEST_F(CommitChainTest, NamesARecordAfterWhichTheNextWasNotTaken) {
  const auto backups = commit(3);
  records_.replace(backups[1].id);
  EXPECT_THAT(records_.report().replaced, ElementsAre(ReplacedRecord{backups[1].id, backups[2].id}));
  EXPECT_THAT(records_.report().missing, IsEmpty());
  records_.remove(backups[1].id);
  expect_sound();
}

TEST_F(CommitChainTest, ARecordThatCannotBeReadIsNotTakenForMissing) {
  const auto backups = commit(3);
  records_.damage(backups[1].id);
  expect_sound();
  records_.lose(backups[0].id);
  EXPECT_EQ(records_.missing(), (std::set<std::uint64_t>{1, 2}));
  EXPECT_EQ(records_.report().unnumbered, 1u);
}

TEST_F(CommitChainTest, ANewestRecordThatCouldNotBeReadMayComeBackLater) {
  const auto backups = commit(3);
  const auto text = records_.text(backups[2].id);
  records_.damage(backups[2].id);
  EXPECT_EQ(records_.commit().sequence, 3u);
  records_.commit();
  expect_sound();
  records_.put(backups[2].id, text);
  expect_sound();
}

TEST_F(CommitChainTest, ADamagedRecordThatIsDeletedIsNotMissing) {
  const auto backups = commit(3);
  records_.damage(backups[1].id);
  records_.note(backups[1].id);
  records_.remove(backups[1].id);  // again: the first was cut
  const auto noted = read_deletions(records_.layout());
  ASSERT_EQ(noted.size(), 2u);
  EXPECT_EQ(noted[1].id, backups[1].id);
  EXPECT_EQ(noted[1].sequence, std::nullopt);
  EXPECT_EQ(noted[1].record_sha256, "021fb596db81e6d02bf3d2586ee3981fe519f275c0ac9ca76bbcf2ebb4097d96");
  EXPECT_EQ(records_.report().unnumbered, 1u);
  expect_sound();
}

TEST_F(CommitChainTest, ADeletionIsReadAsItWasNotedAndACutOneIsPassedOver) {
  const auto backups = commit(2);
  records_.remove(backups[0].id);
  const auto noted = read_deletions(records_.layout());
  ASSERT_EQ(noted.size(), 1u);
  EXPECT_EQ(noted[0].id, backups[0].id);
  EXPECT_EQ(noted[0].sequence, 1u);
  EXPECT_EQ(noted[0].record_sha256, backups[1].previous_record_sha256);
  EXPECT_EQ(noted[0].why, "old");
  auto journal = io::File::open_or_create(records_.layout().deletions());
  journal.write_at(io::as_bytes("?"), journal.size() / 2);
  journal.close();
  records_.remove(backups[1].id);
  EXPECT_EQ(read_deletions(records_.layout()).size(), 1u);
  EXPECT_EQ(records_.missing(), std::set<std::uint64_t>{1});
}

/// What happened to the backups of a server, as the one knows who did it.
class History {
 public:
  explicit History(unsigned seed) : chance_(seed) {}

  void step() {
    enum class Step { commit, remove, lose, replace, damage };
    const auto step = chance_.one_of<Step>(
        {{8, Step::commit}, {3, Step::remove}, {1, Step::lose}, {1, Step::replace}, {1, Step::damage}});
    if (step == Step::commit) {
      const auto record = records_.commit();
      backups_.push_back({record, records_.digest(record.id)});
      return;
    }
    if (backups_.empty()) return;
    const auto chosen = std::next(backups_.begin(), chance_.number(0, static_cast<int>(backups_.size()) - 1));
    if (!chosen->damaged.empty()) return;
    switch (step) {
      case Step::replace:
        records_.replace(chosen->record.id);
        chosen->digest = records_.digest(chosen->record.id);
        return;
      case Step::damage:
        chosen->damaged = records_.text(chosen->record.id);
        records_.damage(chosen->record.id);
        return;
      case Step::remove:
        records_.remove(chosen->record.id);
        deleted_.push_back(*chosen);
        break;
      default:
        records_.lose(chosen->record.id);
        lost_.insert(chosen->record.sequence);
    }
    backups_.erase(chosen);
  }

  /// All that is damaged is brought back from a copy.
  void mend() {
    for (auto& backup : backups_)
      if (!backup.damaged.empty()) records_.put(backup.record.id, std::exchange(backup.damaged, {}));
  }

  /// Nothing is told that did not happen, while records are damaged too.
  void require_no_false_alarm() const {
    auto blamable = lost_;
    for (const auto& backup : backups_)
      if (!backup.damaged.empty()) blamable.insert(backup.record.sequence);
    const auto missing = records_.missing();
    for (const auto number : missing) EXPECT_TRUE(blamable.contains(number)) << number;
    if (lost_.empty()) {
      EXPECT_THAT(missing, IsEmpty());
    }
  }

  /// When nothing is damaged.
  void require_exact() const {
    const auto known = numbers();
    std::set<std::uint64_t> missing;
    for (const auto number : lost_)  // unless it was the newest
      if (!known.contains(number) && known.upper_bound(number) != known.end()) missing.insert(number);
    EXPECT_EQ(records_.missing(), missing);
    std::set<BackupId> replaced;
    for (const auto& found : records_.report().replaced) replaced.insert(found.id);
    EXPECT_EQ(replaced, replaced_backups());
  }

 private:
  struct Backup {
    BackupRecord record;
    std::string digest{};   // of the record as it is, or was when it was deleted
    std::string damaged{};  // what the record was before that
  };

  /// Of backups that are there or were deleted.
  std::set<std::uint64_t> numbers() const {
    std::set<std::uint64_t> numbers;
    for (const auto& backup : backups_) numbers.insert(backup.record.sequence);
    for (const auto& backup : deleted_) numbers.insert(backup.record.sequence);
    return numbers;
  }

  /// The newest of those in the place of one whose record is not what the next one was taken after.
  std::set<BackupId> replaced_backups() const {
    std::set<BackupId> found;
    for (const auto& next : backups_) {
      const auto is_before = [&](const Backup& backup) {
        return backup.record.sequence + 1 == next.record.sequence;
      };
      const auto is_it = [&](const Backup& backup) {
        return is_before(backup) && backup.digest == next.record.previous_record_sha256;
      };
      if (std::ranges::any_of(backups_, is_it) || std::ranges::any_of(deleted_, is_it)) continue;
      const auto other = std::find_if(backups_.rbegin(), backups_.rend(), is_before);
      if (other != backups_.rend()) found.insert(other->record.id);
    }
    return found;
  }

  test::Chance chance_;
  Records records_;
  std::vector<Backup> backups_;
  std::vector<Backup> deleted_;
  std::set<std::uint64_t> lost_;
};

TEST(CommitChainPropertyTest, NamesExactlyWhatWasLostOrReplaced) {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    History history(seed);
    for (int i = 0; i < 30; ++i) {
      history.step();
      history.require_no_false_alarm();
    }
    history.mend();
    history.require_exact();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST_F(CommitChainTest, GivesNoNumberThatNoReaderTakes) {
  auto last = records_.commit();
  last.sequence = std::uint64_t{1} << 53;
  records_.put(last);
  EXPECT_THROW(records_.prepare(), Refused);
}

}  // namespace
}  // namespace pgkeep::store
