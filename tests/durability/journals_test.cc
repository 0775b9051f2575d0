// What pgkeep notes for itself: the repository's key, events, runs, slots, the identity of a server, what is
// suspect in its packs.
#include <filesystem>
#include <initializer_list>
#include <set>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/records/made_slots.h"
#include "catalog/records/run_journal.h"
#include "catalog/store/pack_set.h"
#include "catalog/store/repository.h"
#include "tests/support/power_cuts.h"
#include "tests/support/sample_wal.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;
using test::Aftermath;
using test::DiskRecorder;
using test::PowerCuts;

store::ServerLayout layout(const fs::path& root) {
  return store::ServerLayout(root / "main");
}

class JournalsPowerCut : public testing::Test {
 protected:
  JournalsPowerCut() { layout(root()).make(); }
  fs::path root() const { return directory_.path(); }
  /// At every step of `first`; and after a kill at every step of it, when `next` has ended or promised
  /// something.
  void check(const std::function<void(const fs::path&)>& first,
             const std::function<void(const fs::path&)>& next, const PowerCuts::Check& require) const {
    PowerCuts cuts(root());
    cuts.record([&] { first(root()); });
    cuts.check(require);
    cuts.check_after_kills([&](const Aftermath& killed) { next(killed.root()); }, require);
  }

  test::TempDirectory directory_;
};

// -------------------------------------------------------------------------------------------- events

constexpr const char* kAppended = "event appended";

Event event(std::uint64_t number) {
  return {io::now(), EventKind::gap, fmt::format("gap {}", number),
          WalRange{postgres::TimelineId(1), postgres::Lsn(0x100), postgres::Lsn(0x200)}};
}

void append_events(const fs::path& root, std::initializer_list<std::uint64_t> numbers) {
  EventJournal journal(layout(root));
  for (const auto number : numbers) {
    journal.append(event(number));
    DiskRecorder::note(kAppended, number);
  }
}

TEST_F(JournalsPowerCut, HasEveryEventThatWasAppended) {
  check(
      [](const fs::path& root) {
        append_events(root, {1, 2, 1, 3});
      },
      [](const fs::path& root) {
        append_events(root, {5, 1, 2});
      },
      [](const Aftermath& left) {
        append_events(left.root(), {4});  // whatever was cut before it
        std::set<std::string> causes;
        for (const auto& known : EventJournal(layout(left.root())).read()) causes.insert(known.cause);
        EXPECT_TRUE(causes.contains("gap 4"));
        for (const auto number : left.all(kAppended))
          EXPECT_TRUE(causes.contains(fmt::format("gap {}", number)));
      });
}

// ---------------------------------------------------------------------------------------------- runs

constexpr const char* kBegun = "run begun";
constexpr const char* kEnded = "run ended";

void run_twice(const fs::path& root, std::uint64_t first) {
  RunJournal journal(layout(root));
  for (auto number = first; number < first + 2; ++number) {
    auto run = journal.begin("backup", fmt::to_string(number));
    DiskRecorder::note(kBegun, number);
    journal.end(run, RunOutcome::succeeded, "", "");
    DiskRecorder::note(kEnded, number);
  }
}

TEST_F(JournalsPowerCut, HasEveryRunThatBeganAndHowItEnded) {
  check([](const fs::path& root) { run_twice(root, 1); }, [](const fs::path& root) { run_twice(root, 3); },
        [](const Aftermath& left) {
          run_twice(left.root(), 5);
          std::set<std::string> begun;
          std::set<std::string> ended;
          for (const auto& run : RunJournal(layout(left.root())).read()) {
            begun.insert(run.subject);
            if (run.outcome == RunOutcome::succeeded) ended.insert(run.subject);
          }
          EXPECT_TRUE(ended.contains("6"));
          for (const auto number : left.all(kBegun)) EXPECT_TRUE(begun.contains(fmt::to_string(number)));
          for (const auto number : left.all(kEnded)) EXPECT_TRUE(ended.contains(fmt::to_string(number)));
        });
}

// --------------------------------------------------------------------------------------------- slots

constexpr const char* kIntended = "slot intended";
constexpr const char* kMade = "slot made";
constexpr const char* kRemoved = "slot removed";
const postgres::Endpoint kHost("host", "5432");

void make_and_drop_slots(const fs::path& root) {
  MadeSlots slots(layout(root));
  for (const auto number : {1, 2}) {
    const auto name = fmt::format("slot_{}", number);
    slots.intend(name, test::kSampleSystem, kHost);
    DiskRecorder::note(kIntended, static_cast<std::uint64_t>(number));
    slots.add(name, test::kSampleSystem, kHost);
    DiskRecorder::note(kMade, static_cast<std::uint64_t>(number));
  }
  slots.remove("slot_1", test::kSampleSystem, kHost);
  DiskRecorder::note(kRemoved, 1);
}

void drop_slot(const fs::path& root) {
  MadeSlots(layout(root)).remove("slot_1", test::kSampleSystem, kHost);
  DiskRecorder::note(kRemoved, 1);
}

TEST_F(JournalsPowerCut, KnowsItsSlotsAndTakesNoOtherForThem) {
  check(make_and_drop_slots, drop_slot, [](const Aftermath& left) {
    const MadeSlots slots(layout(left.root()));
    const auto known = slots.read();  // throws unless it is whole
    const auto removed = left.all(kRemoved);
    const auto check_slot = [&](std::uint64_t number, bool only_made) {
      const auto name = fmt::format("slot_{}", number);
      const auto is_it = [&](const MadeSlots::Slot& slot) {
        return slot.name == name && (slot.made || !only_made);
      };
      EXPECT_TRUE(std::ranges::any_of(known, is_it) || !left.promised(only_made ? kMade : kIntended) ||
                  number == 1);
    };
    for (const auto number : left.all(kIntended)) check_slot(number, false);
    for (const auto number : left.all(kMade)) check_slot(number, true);
    for (const auto number : removed)
      EXPECT_FALSE(slots.has(fmt::format("slot_{}", number), test::kSampleSystem));
    // What was not intended yet is nobody's.
    EXPECT_TRUE(left.promised(kIntended) || known.size() <= 1);
  });
}

// ------------------------------------------------------------------------------------------ identity

constexpr const char* kConfirmed = "identity confirmed";

void confirm(const fs::path& root) {
  confirm_identity(layout(root),
                   {test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(), 8192});
  DiskRecorder::note(kConfirmed);
}

TEST_F(JournalsPowerCut, KnowsTheServerThatItConfirmed) {
  check(confirm, confirm, [](const Aftermath& left) {
    EXPECT_TRUE(read_identity(layout(left.root())) || !left.promised(kConfirmed));
    confirm(left.root());
  });
}

// -------------------------------------------------------------------------------------------- suspects

constexpr const char* kMarked = "object marked";

void mark(const fs::path& root, std::uint32_t pack) {
  store::mark_suspects(layout(root), {{pack, 1}});
  DiskRecorder::note(kMarked, pack);
}

TEST_F(JournalsPowerCut, RemembersWhatIsDamaged) {
  check(
      [](const fs::path& root) {
        for (const auto pack : {1u, 2u}) mark(root, pack);
      },
      [](const fs::path& root) { mark(root, 3); },
      [](const Aftermath& left) {
        const auto suspects = store::read_suspects(layout(left.root()));
        for (const auto pack : left.all(kMarked))
          EXPECT_TRUE(suspects.contains({static_cast<std::uint32_t>(pack), 1}));
      });
}

// ---------------------------------------------------------------------------------------- repository

constexpr const char* kOpened = "repository opened, with a key that begins with";

void open_repository(const fs::path& root) {
  const auto repository = store::Repository::open_or_create(root / "somewhere" / "repository");
  DiskRecorder::note(kOpened, io::load_le<std::uint64_t>(repository.digest_key().data()));
}

TEST_F(JournalsPowerCut, KeepsTheKeyOfARepositoryThatWasOpened) {
  fs::create_directory(root() / "somewhere");
  check(open_repository, open_repository, [](const Aftermath& left) {
    const auto repository = store::Repository::open_or_create(left.root() / "somewhere" / "repository");
    const auto keys = left.all(kOpened);
    EXPECT_TRUE(keys.empty() || keys.back() == io::load_le<std::uint64_t>(repository.digest_key().data()));
  });
}

}  // namespace
}  // namespace pgkeep::catalog
