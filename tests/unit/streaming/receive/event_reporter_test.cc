#include "streaming/receive/event_reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::streaming {
namespace {

using catalog::EventKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

class RecordingObserver final : public WalReceiverObserver {
 public:
  std::vector<std::string> warnings;
  std::vector<EventKind> events;

 private:
  void connected(const Connection& /*connection*/, const SystemInfo& /*system*/) override {}
  void streaming_from(const postgres::WalPosition& /*position*/) override {}
  void segment_archived(const catalog::SegmentFileHeader& /*segment*/) override {}
  void timeline_switched(postgres::TimelineId /*from*/, postgres::TimelineId /*to*/,
                         postgres::Lsn /*at*/) override {}
  void disconnected(const std::string& /*why*/, std::chrono::milliseconds /*retry_in*/,
                    bool /*needs_attention*/) override {}
  void event(const catalog::Event& event) override { events.push_back(event.kind); }
  void warning(const std::string& what) override { warnings.push_back(what); }
};

/// Somebody holds the journal, as a process does that was stopped while it appended.
class EventReporterTest : public testing::Test {
 protected:
  EventReporterTest() {
    layout_.make();
    holder_.emplace(io::File::open_or_create(layout_.event_journal()));
    io::lock_alone(*holder_);
  }
  std::vector<EventKind> recorded() const {
    std::vector<EventKind> kinds;
    for (const auto& event : catalog::EventJournal(layout_).read()) kinds.push_back(event.kind);
    return kinds;
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  std::optional<io::File> holder_;
  RecordingObserver observer_;
  EventReporter events_{layout_, observer_};
};

TEST_F(EventReporterTest, NotesWithoutWaitingAndWritesLater) {
  events_.note(EventKind::minimal_wal, "wal_level is minimal");
  EXPECT_THAT(observer_.warnings, ElementsAre(HasSubstr("wal_level is minimal")));
  EXPECT_THAT(recorded(), IsEmpty());
  holder_.reset();
  events_.note(EventKind::slot_created, "a slot was made");
  EXPECT_THAT(recorded(), ElementsAre(EventKind::minimal_wal, EventKind::slot_created));
  EXPECT_THAT(observer_.events, SizeIs(2));
  EXPECT_THAT(observer_.warnings, SizeIs(1));
}

TEST_F(EventReporterTest, RefusesAtOnceWhatIsFoundAgain) {
  EXPECT_THAT(
      [&] {
        events_.report_if_free({io::now(), EventKind::adopted, "taken", {}});
      },
      ThrowsMessage<Busy>(HasSubstr(layout_.event_journal().native())));
  holder_.reset();
  events_.report_if_free({io::now(), EventKind::adopted, "taken", {}});
  EXPECT_THAT(recorded(), ElementsAre(EventKind::adopted));
}

}  // namespace
}  // namespace pgkeep::streaming
