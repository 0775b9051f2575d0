// What put-wal was given and has answered, and what becomes of it: waiting, in the archive, a conflict.
#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/records/event_journal.h"
#include "catalog/wal/archived_file.h"
#include "catalog/wal/wal_adoption.h"
#include "catalog/wal/wal_conflicts.h"
#include "catalog/wal/wal_replacement.h"
#include "tests/support/power_cuts.h"
#include "tests/support/pushed_wal_fixture.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;
using postgres::WalSegment;
using test::Aftermath;
using test::DiskRecorder;
using test::kOne;
using test::PowerCuts;

// What is promised; the number is that of a segment.
constexpr const char* kTaken = "segment taken";
constexpr const char* kRefused = "conflict kept aside";
constexpr const char* kSettled = "conflict settled";
constexpr const char* kReplaced = "damaged segment replaced";
constexpr const char* kHistory = "history taken";
constexpr const char* kBackupHistory = "backup history taken";
constexpr const char* kLastSegment = "last segment taken";

/// An archive in the fixture's directory, or in one that was left by a power cut.
class Archive {
 public:
  explicit Archive(const fs::path& root) : layout_(root / "main") {}

  WalArchive& wal() { return archive_; }
  const store::ServerLayout& layout() const { return layout_; }
  PushOutcome push(const std::string& name, io::ByteView bytes) {
    io::MemorySource source(bytes);
    return PushedWal(archive_).take(name, source, std::nullopt).outcome;
  }
  static std::string name(const WalSegment& segment) { return segment.name(test::sample_segment_size()); }
  void push(const WalSegment& segment) { push(name(segment), test::sample_wal(segment)); }
  WaitingWal::Record record() {
    return [this](const Event& event) { EventJournal(layout_).append(event); };
  }
  /// In the archive, or waiting.
  bool has(const WalSegment& segment, const io::ByteVector& wal) {
    if (auto archived = archive_.open_segment(segment)) return content(std::move(*archived)) == wal;
    return std::ranges::any_of(WaitingWal(archive_).of(segment), [&](const WaitingSegment& waiting) {
      return content(SegmentFileReader(waiting.copy.path)) == wal;
    });
  }
  bool has_stored(const std::string& name, io::ByteView bytes) {
    const auto stored = open_archived_file(archive_, name);
    return stored && std::ranges::equal(content(std::move(*stored)), bytes);
  }
  /// Whatever has a name that counts is whole. Throws what is wrong.
  void require_whole() {
    for (const auto& segment : archive_.inventory().segments)
      content(std::move(*archive_.open_segment(segment)));
    for (const auto& waiting : WaitingWal(archive_).list()) content(SegmentFileReader(waiting.copy.path));
    for (const auto& [timeline, damage] : archive_.inventory().damaged_histories) throw Corruption(damage);
    WalConflicts(archive_).list();
  }
  /// What the events say that was taken in, which readers rely on.
  void require_what_was_adopted() {
    for (const auto& event : EventJournal(layout_).read()) {
      if (event.kind != EventKind::adopted || !event.range) continue;
      const auto size = test::sample_segment_size();
      for (auto at = event.range->begin; at < event.range->end; at = at + size.bytes())
        EXPECT_TRUE(archive_.has(WalSegment::holding({event.range->timeline, at}, size)));
    }
  }
  bool has_event(EventKind kind, const std::string& text) const {
    const auto events = EventJournal(layout_).read();
    return std::ranges::any_of(events, [&](const Event& event) {
      return event.kind == kind && event.cause.find(text) != event.cause.npos;
    });
  }

 private:
  static io::ByteVector content(io::ByteSource&& source) {
    io::ByteVector bytes(2 * test::kSampleSegmentBytes);
    std::size_t done = 0;
    while (const auto n = source.read(io::ByteSpan(bytes).subspan(done))) done += n;
    bytes.resize(done);
    return bytes;
  }

  store::ServerLayout layout_;
  WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(), 8192}};
};

class PushedWalPowerCut : public test::PushedWalFixture {
 protected:
  static WalSegment at(std::uint64_t number) { return {kOne, number}; }
  fs::path root() const { return directory_.path(); }
  static void push_segments(const fs::path& root, std::initializer_list<std::uint64_t> numbers) {
    for (const auto number : numbers) {
      Archive(root).push(at(number));
      DiskRecorder::note(kTaken, number);
    }
  }
  static void require_segments(const Aftermath& left) {
    Archive archive(left.root());
    archive.require_whole();
    for (const auto number : left.all(kTaken))
      EXPECT_TRUE(archive.has(at(number), test::sample_wal(at(number))));
    for (const std::uint64_t number : {5, 6, 7, 11}) archive.push(at(number));
  }
};

TEST_F(PushedWalPowerCut, HasEverySegmentThatWasTaken) {
  PowerCuts cuts(root());
  cuts.record([&] { push_segments(root(), {5, 6, 5, 11}); });
  cuts.check(require_segments);
}

TEST_F(PushedWalPowerCut, HasEverySegmentThatWasTakenAfterAKill) {
  PowerCuts cuts(root());
  cuts.record([&] { push_segments(root(), {5}); });
  cuts.check_after_kills(
      [](const Aftermath& killed) {
        push_segments(killed.root(), {5, 6});
      },
      require_segments);
}

/// The archive has the segments before and after; what was pushed between them is taken in.
TEST_F(PushedWalPowerCut, HasWhatFillsAGapAndTheEventThatTellsIt) {
  for (const std::uint64_t number : {4, 7}) archived(at(number));
  PowerCuts cuts(root());
  cuts.record([&] { push_segments(root(), {5, 6}); });
  ASSERT_TRUE(archive_.has(at(5)) && archive_.has(at(6)));
  const auto require = [](const Aftermath& left) {
    Archive archive(left.root());
    for (const std::uint64_t number : {5, 6})
      EXPECT_TRUE(!archive.wal().has(at(number)) ||
                  archive.has_event(EventKind::adopted, "is going to be taken"));
    archive.require_what_was_adopted();
    require_segments(left);
    WalAdoption(archive.wal()).fill_gaps(archive.record());
    for (const auto number : left.all(kTaken))
      EXPECT_TRUE(left.all(kTaken).size() < 2 || archive.wal().has(at(number)));
  };
  cuts.check(require);
  cuts.check_after_kills([](const Aftermath& killed) { push_segments(killed.root(), {6, 5}); }, require);
}

class SmallPushedWalPowerCut : public PushedWalPowerCut {
 protected:
  static void push_backup_history(const fs::path& root) {
    Archive(root).push(test::kBackupName, io::as_bytes(std::string_view(test::kBackupText)));
    DiskRecorder::note(kBackupHistory);
  }
  static void push(const fs::path& root) {
    Archive archive(root);
    archive.push("00000002.history", io::as_bytes(std::string_view(test::kHistoryTwo)));
    DiskRecorder::note(kHistory);
    push_backup_history(root);
    archive.push(Archive::name(at(5)) + ".partial", left_at_fork(at(5)));
    DiskRecorder::note(kLastSegment);
  }
  static void require_promises(const Aftermath& left) {
    Archive archive(left.root());
    archive.require_whole();
    EXPECT_TRUE(!left.promised(kHistory) || archive.wal().read_history(test::kTwo) == test::kHistoryTwo);
    EXPECT_TRUE(!left.promised(kBackupHistory) ||
                archive.has_stored(test::kBackupName, io::as_bytes(std::string_view(test::kBackupText))));
    EXPECT_TRUE(!left.promised(kLastSegment) ||
                archive.has_stored(Archive::name(at(5)) + ".partial", left_at_fork(at(5))));
    push(left.root());
  }
  static io::ByteVector left_at_fork(const WalSegment& segment) {
    auto wal = test::sample_wal(segment);
    const auto former = test::sample_wal({kOne, 1});
    std::copy(former.begin() + test::kForkTwo, former.end(), wal.begin() + test::kForkTwo);
    return wal;
  }
};

TEST_F(SmallPushedWalPowerCut, HasHistoriesAndWhatElseComesWithSegments) {
  PowerCuts cuts(root());
  cuts.record([&] { push(root()); });
  cuts.check(require_promises);
  cuts.check_after_kills([](const Aftermath& killed) { push(killed.root()); }, require_promises);
  cuts.check_after_kills([](const Aftermath& killed) { push_backup_history(killed.root()); },
                         require_promises);
}

/// What differs from what is stored is refused, and kept aside until somebody decides for what is stored.
class ConflictPowerCut : public PushedWalPowerCut {
 protected:
  ConflictPowerCut() { archived(at(5)); }
  static std::string sha256() { return sha256_of(test::sample_wal(at(5), 1)); }
  static void conflict_and_decide(const fs::path& root) {
    Archive archive(root);
    try {
      archive.push(Archive::name(at(5)), test::sample_wal(at(5), 1));
    } catch (const Refused&) {
      DiskRecorder::note(kRefused);
    }
    WalConflicts conflicts(archive.wal());
    for (const auto& conflict : conflicts.list())
      if (!conflict.settled) conflicts.keep_stored(conflict);
    DiskRecorder::note(kSettled);
  }
  static void require_promises(const Aftermath& left) {
    Archive archive(left.root());
    archive.require_whole();
    EXPECT_TRUE(archive.has(at(5), test::sample_wal(at(5))));
    const WalConflicts conflicts(archive.wal());
    const bool settled = conflicts.is_settled(Archive::name(at(5)), sha256());
    EXPECT_TRUE(settled || !left.promised(kSettled));
    EXPECT_TRUE(settled || conflicts.count_open() == 1 || !left.promised(kRefused));
    EXPECT_TRUE(archive.has_event(EventKind::conflict, sha256()) || !left.promised(kRefused));
    EXPECT_TRUE(archive.has_event(EventKind::conflict, sha256()) || !settled);
    conflict_and_decide(left.root());
  }
};

TEST_F(ConflictPowerCut, IsKeptUntilItIsDecided) {
  PowerCuts cuts(root());
  cuts.record([&] { conflict_and_decide(root()); });
  cuts.check(require_promises);
  cuts.check_after_kills([](const Aftermath& killed) { conflict_and_decide(killed.root()); },
                         require_promises);
}

/// Somebody decides for what was pushed: what was stored takes its place among the conflicts.
class OtherDecisionPowerCut : public ConflictPowerCut {
 protected:
  static void decide_for_the_pushed(const fs::path& root) {
    Archive archive(root);
    WalConflicts conflicts(archive.wal());
    for (const auto& conflict : conflicts.list()) {
      if (conflict.sha256 != sha256()) continue;
      conflicts.keep_pushed(conflict, 1);
      DiskRecorder::note(kSettled);
    }
  }
  static void require_promises(const Aftermath& left) {
    Archive archive(left.root());
    archive.require_whole();
    std::set<std::string> aside;
    for (const auto& conflict : WalConflicts(archive.wal()).list()) aside.insert(conflict.sha256);
    const bool replaced = archive.has(at(5), test::sample_wal(at(5), 1));
    EXPECT_TRUE(replaced || archive.has(at(5), test::sample_wal(at(5))));
    EXPECT_TRUE(replaced || (aside.contains(sha256()) && !left.promised(kSettled)));
    EXPECT_TRUE(!replaced || aside.contains(sha256_of(test::sample_wal(at(5)))));
    EXPECT_FALSE(left.promised(kSettled) && aside.contains(sha256()));
  }
};

TEST_F(OtherDecisionPowerCut, HasBothAllTheTime) {
  Archive archive(root());
  EXPECT_THROW(archive.push(Archive::name(at(5)), test::sample_wal(at(5), 1)), Refused);
  PowerCuts cuts(root());
  cuts.record([&] { decide_for_the_pushed(root()); });
  ASSERT_TRUE(archive.has(at(5), test::sample_wal(at(5), 1)));
  cuts.check(require_promises);
  cuts.check_after_kills([](const Aftermath& killed) { decide_for_the_pushed(killed.root()); },
                         require_promises);
}

/// The disk has damaged an archived segment, and a copy of it was pushed again.
class ReplacementPowerCut : public PushedWalPowerCut {
 protected:
  ReplacementPowerCut() {
    for (const std::uint64_t number : {4, 5, 6}) archived(at(number));
    damage_archived(five_);
    damaged_ = io::read_whole_file(layout_.archived(five_, size_), 2 * test::kSampleSegmentBytes);
    Archive(root()).push(at(5));
  }
  static void replace(const fs::path& root) {
    Archive archive(root);
    WalReplacement replacement(archive.wal());
    for (const auto& one : replacement.offer({}).segments) {
      replacement.take(one, archive.record());
      DiskRecorder::note(kReplaced);
    }
    WalAdoption(archive.wal()).fill_gaps(archive.record());
  }
  void require_promises(const Aftermath& left) const {
    Archive archive(left.root());
    const auto is_damaged_file = [&](const fs::path& path) {
      const auto content = io::read_file_if_exists(path, 2 * test::kSampleSegmentBytes);
      return content && *content == damaged_;
    };
    const auto aside = WalReplacement(archive.wal()).damaged_file(at(5), 1);
    EXPECT_TRUE(is_damaged_file(aside) || is_damaged_file(archive.layout().archived(at(5), size_)));
    if (left.promised(kReplaced)) {
      EXPECT_TRUE(archive.wal().has(at(5)));
    }
    if (fs::exists(aside)) {
      EXPECT_TRUE(archive.has_event(EventKind::adopted, aside.filename()));
      EXPECT_TRUE(archive.has(at(5), test::sample_wal(at(5))));
    }
    replace(left.root());
    EXPECT_TRUE(archive.has(at(5), test::sample_wal(at(5))));
    archive.require_whole();
  }
  io::ByteVector damaged_;
};

TEST_F(ReplacementPowerCut, HasTheDamagedFileOrTheCopyInItsPlace) {
  PowerCuts cuts(root());
  cuts.record([&] { replace(root()); });
  ASSERT_TRUE(archive_.has(at(5)));
  const auto require = [this](const Aftermath& left) { require_promises(left); };
  cuts.check(require);
  cuts.check_after_kills([](const Aftermath& killed) { replace(killed.root()); }, require);
}

}  // namespace
}  // namespace pgkeep::catalog
