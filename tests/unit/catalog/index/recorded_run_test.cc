#include "catalog/index/recorded_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/index/server_catalog.h"
#include "catalog/io/error.h"
#include "catalog/records/run_journal.h"
#include "catalog/store/space_samples.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using testing::IsEmpty;

class RecordedRunTest : public testing::Test, protected io::ProgressObserver {
 protected:
  RecordedRunTest() { layout_.make(); }
  void record(const std::function<nlohmann::ordered_json(std::string& subject)>& work) {
    record_run(layout_, "backup", "", *this,
               [&](std::string& subject, io::ProgressObserver&) { return work(subject); });
  }
  void progress(const io::Progress&) override {}
  void note(std::string_view message) override { notes_.emplace_back(message); }
  void warning(std::string_view message) override { warnings_.emplace_back(message); }
  RunRecord only_run() const {
    const auto runs = RunJournal(layout_).read();
    EXPECT_EQ(runs.size(), 1u);
    return runs.at(0);
  }

  test::TempDirectory folder_;
  store::ServerLayout layout_{folder_ / "main"};
  std::vector<std::string> notes_;
  std::vector<std::string> warnings_;
};

TEST_F(RecordedRunTest, KeepsWhatItSaidAlsoWhenItFailed) {
  const auto work = [](std::string&, io::ProgressObserver& observer) -> nlohmann::ordered_json {
    observer.note("removed 5 MiB");
    observer.warning("the disk is slow");
    throw Error("it broke");
  };
  EXPECT_THROW(record_run(layout_, "backup", "", *this, work), Error);
  EXPECT_THAT(notes_, testing::ElementsAre("removed 5 MiB"));
  EXPECT_THAT(warnings_, testing::ElementsAre("the disk is slow"));
  const auto messages = only_run().messages;
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].text, "removed 5 MiB");
  EXPECT_FALSE(messages[0].warning);
  EXPECT_TRUE(messages[1].warning);
}

TEST_F(RecordedRunTest, KeepsTheFirstAndTheLastMessagesOfOneThatSaysMuch) {
  record_run(layout_, "backup", "", *this, [](std::string&, io::ProgressObserver& observer) {
    for (int i = 0; i < 70; ++i) observer.note("note " + std::to_string(i));
    observer.warning(std::string(499, 'x') + "ü and more");
    return nlohmann::ordered_json{};
  });
  EXPECT_EQ(notes_.size(), 70u);
  const auto messages = only_run().messages;
  ASSERT_EQ(messages.size(), 51u);
  EXPECT_EQ(messages[39].text, "note 39");
  EXPECT_EQ(messages[40].text, "(21 messages are left out)");
  EXPECT_EQ(messages[41].text, "note 61");
  EXPECT_EQ(messages.back().text, std::string(499, 'x') + "…");
}

TEST_F(RecordedRunTest, KeepsTheFiguresAndWhatItWasAbout) {
  record([](std::string& subject) {
    subject = "20261120T020000Z";
    return nlohmann::ordered_json{{"bytes", 5}};
  });
  const auto run = only_run();
  EXPECT_EQ(run.outcome, RunOutcome::succeeded);
  EXPECT_EQ(run.subject, "20261120T020000Z");
  EXPECT_EQ(run.details, R"({"bytes":5})");
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(RecordedRunTest, TellsTheIndexWhatItWasAbout) {
  auto index = ServerCatalog::open(layout_);
  record([](std::string& subject) {
    subject = "20261120T020000Z";
    return nlohmann::ordered_json{};
  });
  ASSERT_EQ(index.runs(2).size(), 1u);
  EXPECT_EQ(index.runs(2).front().subject, "20261120T020000Z");
}

TEST_F(RecordedRunTest, NotesHowFullTheDiskIs) {
  const auto work = [](std::string&) { return nlohmann::ordered_json{}; };
  record(work);
  record(work);  // hours are between two samples
  EXPECT_THAT(store::read_space_samples(folder_.path()), testing::SizeIs(1));
}

TEST_F(RecordedRunTest, KeepsWhyItFailedAndThrowsOn) {
  EXPECT_THROW(record([](std::string&) -> nlohmann::ordered_json { throw Refused("no room"); }), Refused);
  EXPECT_EQ(only_run().outcome, RunOutcome::failed);
  EXPECT_EQ(only_run().error, "no room");
}

TEST_F(RecordedRunTest, KeepsTheFiguresOfOneThatFailedForWhatItFound) {
  EXPECT_THROW(record([](std::string&) -> nlohmann::ordered_json {
                 throw FoundDamage("a page", {{"good", false}, {"bytes", 7}});
               }),
               Corruption);
  EXPECT_EQ(only_run().outcome, RunOutcome::failed);
  EXPECT_EQ(only_run().error, "a page");
  EXPECT_EQ(only_run().details, R"({"bytes":7,"good":false})");
}

TEST_F(RecordedRunTest, TellsAStopFromAFailure) {
  EXPECT_THROW(record([](std::string&) -> nlohmann::ordered_json { throw Interrupted("stopped"); }),
               Interrupted);
  EXPECT_EQ(only_run().outcome, RunOutcome::interrupted);
}

}  // namespace
}  // namespace pgkeep::catalog
