#include "server/daemon/state_writer.h"

#include <fstream>
#include <mutex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "catalog/io/lock.h"
#include "catalog/store/repository.h"
#include "catalog/store/space_samples.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace pgkeep::server {
namespace {

using catalog::StreamPhase;

/// The streams of servers `a` and `b`.
class StateWriterTest : public ::testing::Test {
 protected:
  void start() {
    writer_.emplace(
        [this] {
          const std::scoped_lock lock(mutex_);
          return std::vector{StateWriter::Stream{a_, state_}, StateWriter::Stream{b_, state_}};
        },
        log_);
  }
  void stream_is(StreamPhase phase) {
    const std::scoped_lock lock(mutex_);
    state_.phase = phase;
  }
  void finish() { ASSERT_TRUE(writer_->finish(test::kPatience)); }
  static StreamPhase written(const store::ServerLayout& layout) {
    const auto state = catalog::read_stream_state(layout);
    return state ? state->phase : StreamPhase::stopped;
  }

  test::TempDirectory directory_;
  store::ServerLayout a_{directory_ / "a"};
  store::ServerLayout b_{directory_ / "b"};
  std::ostringstream said_;
  Log log_ =
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(said_));
  std::mutex mutex_;
  catalog::StreamState state_;
  std::optional<StateWriter> writer_;
};

TEST_F(StateWriterTest, WritesWhatIsNewWhenItIsWoken) {
  start();
  stream_is(StreamPhase::streaming);
  writer_->wake();
  test::wait_until([&] { return written(a_) == StreamPhase::streaming; }, "the state is written");
  stream_is(StreamPhase::waiting);
  writer_->wake();
  test::wait_until([&] { return written(b_) == StreamPhase::waiting; }, "the next state is written");
}

TEST_F(StateWriterTest, NotesHowFullTheDiskIs) {
  start();
  stream_is(StreamPhase::streaming);
  writer_->wake();
  test::wait_until([&] { return !store::read_space_samples(a_.root().parent_path()).empty(); },
                   "a sample is taken");
}

TEST_F(StateWriterTest, WritesTheLastStateBeforeItEnds) {
  start();
  stream_is(StreamPhase::blocked);
  finish();
  EXPECT_EQ(written(a_), StreamPhase::blocked);
  EXPECT_EQ(written(b_), StreamPhase::blocked);
}

TEST_F(StateWriterTest, OneFolderThatCannotBeWrittenIsSaidOnceAndKeepsNoOther) {
  std::ofstream(directory_ / "a") << "not a folder";
  start();
  stream_is(StreamPhase::streaming);
  writer_->wake();
  test::wait_until([&] { return written(b_) == StreamPhase::streaming; }, "the other is written");
  stream_is(StreamPhase::waiting);
  finish();
  EXPECT_EQ(written(b_), StreamPhase::waiting);
  const auto said = said_.str();
  const auto first = said.find("cannot be written, tried again");
  EXPECT_NE(first, said.npos);
  EXPECT_EQ(said.find("cannot be written", first + 1), said.npos) << said;
}

TEST_F(StateWriterTest, LeavesTheFileToAnotherProcessThatReceives) {
  a_.make();
  const auto held = io::FileLock::acquire(a_.receiver_lock(), "receive-wal");
  std::ofstream(a_.receiver_lock()) << "pid 1 purpose receive-wal since 2026-11-20T02:00:00Z\n";
  start();
  stream_is(StreamPhase::waiting);
  finish();
  EXPECT_EQ(catalog::read_stream_state(a_), std::nullopt);
  EXPECT_EQ(written(b_), StreamPhase::waiting);
}

}  // namespace
}  // namespace pgkeep::server
