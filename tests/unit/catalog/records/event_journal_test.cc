#include "catalog/records/event_journal.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "catalog/io/file.h"
#include "catalog/io/sealed_json.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineId;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const io::TimePoint kNoon = *io::parse_rfc3339("2026-11-20T12:00:00Z");

Event gap(std::uint64_t begin, std::uint64_t end, std::string cause = "the server removed it") {
  return {kNoon, EventKind::gap, std::move(cause), WalRange{TimelineId(1), Lsn(begin), Lsn(end)}};
}
Event slot_lost(std::string cause) {
  return {kNoon, EventKind::slot_lost, std::move(cause), std::nullopt};
}

class EventJournalTest : public testing::Test {
 protected:
  void write_at_the_end(std::string_view text) {
    auto file = io::File::open_or_create(layout_.event_journal());
    file.write_at(io::as_bytes(text), file.size());
    file.close();
  }
  std::string content() {
    return std::string(io::as_text(io::read_whole_file(layout_.event_journal(), 1 << 20)));
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_.path()};
  EventJournal journal_{layout_};
};

TEST(EventKindTest, IsReadBackFromItsName) {
  for (int kind = 0; kind <= static_cast<int>(EventKind::conflict); ++kind) {
    const auto each = static_cast<EventKind>(kind);
    EXPECT_EQ(parse_event_kind(to_string(each)), each);
  }
  EXPECT_EQ(parse_event_kind("earthquake"), std::nullopt);
}

TEST_F(EventJournalTest, HasNoEventsBeforeTheFirst) {
  EXPECT_THAT(journal_.read(), IsEmpty());
}

TEST_F(EventJournalTest, ReadsBackWhatWasAppendedOldestFirst) {
  EXPECT_TRUE(journal_.append(gap(5, 9)));
  EXPECT_TRUE(journal_.append(slot_lost("too far\nbehind")));
  EXPECT_THAT(journal_.read(), ElementsAre(gap(5, 9), slot_lost("too far\nbehind")));
}

TEST_F(EventJournalTest, HasTheDocumentedLines) {
  journal_.append(
      {kNoon, EventKind::gap, "gone", WalRange{TimelineId(0x80000001), Lsn(0x3000000), Lsn(0x100000000)}});
  journal_.append(slot_lost("x"));
  EXPECT_EQ(
      content(),
      io::seal_json(
          R"({"at":"2026-11-20T12:00:00Z","kind":"gap","cause":"gone","timeline":2147483649,"begin":"0/3000000","end":"1/0"})") +
          "\n" +
          io::seal_json(
              R"({"at":"2026-11-20T12:00:00Z","kind":"slot_lost","cause":"x","timeline":null,"begin":null,"end":null})") +
          "\n");
}

TEST_F(EventJournalTest, DoesNotWriteARepetitionBehindAnEventOfAnotherKind) {
  journal_.append(gap(5, 9));
  journal_.append(slot_lost("x"));
  auto again = gap(5, 9);
  again.at += std::chrono::hours(1);
  EXPECT_FALSE(journal_.append(again));
  EXPECT_THAT(journal_.read(), SizeIs(2));
}

// The process that wrote it may have seen its fsync fail, and be believed by nobody but the kernel.
TEST_F(EventJournalTest, WritesTheFileAgainBeforeARepetitionIsReliedOn) {
  const auto inode = [this] {
    struct stat status {};
    ::stat(layout_.event_journal().c_str(), &status);
    return status.st_ino;
  };
  journal_.append(gap(5, 9));
  const auto before = inode();
  const auto lines = content();
  EXPECT_FALSE(journal_.append(gap(5, 9)));
  EXPECT_NE(inode(), before);
  EXPECT_EQ(content(), lines);
}

TEST_F(EventJournalTest, WritesNoRepetitionsOfEventsThatComeInTurns) {
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_EQ(journal_.append(gap(5, 9)), turn == 0);
    EXPECT_EQ(journal_.append(gap(5, 10)), turn == 0);
    EXPECT_EQ(journal_.append(gap(5, 10, "another cause")), turn == 0);
  }
}

TEST_F(EventJournalTest, WritesAnEventAgainBehindManyOthersOfItsKind) {
  journal_.append(gap(5, 9));
  for (int other = 1; other < EventJournal::kRemembered; ++other) journal_.append(gap(5, 9 + other));
  EXPECT_FALSE(journal_.append(gap(5, 9)));
  journal_.append(gap(6, 9));
  EXPECT_TRUE(journal_.append(gap(5, 9)));
}

TEST_F(EventJournalTest, KnowsARepetitionWhoseCauseIsNoText) {
  EXPECT_TRUE(journal_.append(slot_lost("caf\xe9")));
  EXPECT_FALSE(journal_.append(slot_lost("caf\xe9")));
}

TEST_F(EventJournalTest, WritesEveryTimeASlotIsMadeOrDropped) {
  const Event made{
      .at = kNoon, .kind = EventKind::slot_created, .cause = "slot pgkeep was made", .range = {}};
  EXPECT_TRUE(journal_.append(made));
  EXPECT_TRUE(journal_.append(made));
  EXPECT_THAT(journal_.read(), SizeIs(2));
}

TEST_F(EventJournalTest, PassesOverALineThatWasCutAndEndsItBeforeTheNext) {
  journal_.append(slot_lost("before"));
  write_at_the_end(R"({"at":"2026-11-20T12:00:00Z","kind":"ga)");
  journal_.append(slot_lost("behind"));
  EXPECT_THAT(journal_.read(), ElementsAre(slot_lost("before"), slot_lost("behind")));
}

TEST_F(EventJournalTest, PassesOverWhatIsNoEvent) {
  write_at_the_end("\n7\n{}\nnull\n[]\n");
  for (const auto* line :
       {R"({"a":1})", R"({"at":"noon","kind":"gap","cause":"","timeline":null,"begin":null,"end":null})",
        R"({"at":"2026-11-20T12:00:00Z","kind":"flood","cause":"","timeline":null,"begin":null,"end":null})",
        R"({"at":"2026-11-20T12:00:00Z","kind":"gap","cause":"","timeline":1,"begin":"5","end":null})"})
    write_at_the_end(io::seal_json(line) + "\n");
  EXPECT_THAT(journal_.read(), IsEmpty());
}

TEST_F(EventJournalTest, PassesOverALineThatWasDamaged) {
  journal_.append(slot_lost("before"));
  journal_.append(slot_lost("damaged"));
  journal_.append(slot_lost("after"));
  const auto place = content().find("damaged");
  auto file = io::File::open_or_create(layout_.event_journal());
  file.write_at(io::as_bytes("e"), place);
  file.close();
  EXPECT_THAT(journal_.read(), ElementsAre(slot_lost("before"), slot_lost("after")));
}

TEST_F(EventJournalTest, TakesEventsFromSeveralProcesses) {
  constexpr int kProcesses = 4;
  constexpr int kEach = 10;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    for (int event = 0; event < kEach; ++event) journal_.append(slot_lost(std::to_string(kEach * i + event)));
    ::_exit(0);
  }
  for (const auto child : children) ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_THAT(journal_.read(), SizeIs(kProcesses * kEach));
}

TEST_F(EventJournalTest, WritesARepetitionOfAnotherProcessOnlyOnce) {
  for (int i = 0; i < 4; ++i) {
    const auto child = ::fork();
    if (child == 0) {
      journal_.append(gap(5, 9));
      ::_exit(0);
    }
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  }
  EXPECT_THAT(journal_.read(), SizeIs(1));
}

}  // namespace
}  // namespace pgkeep::catalog
