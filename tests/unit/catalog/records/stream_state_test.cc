#include "catalog/records/stream_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "tests/support/sealed_text.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using std::chrono::microseconds;

io::TimePoint at(std::int64_t second) {
  return io::TimePoint(std::chrono::seconds(1'795'000'000 + second)) + microseconds(123);
}

StreamState full_state() {
  StreamState state;
  state.phase = StreamPhase::blocked;
  state.since = at(1);
  state.cause = "the server said \"no\"\nand more";
  state.next_try = at(2);
  state.reconnects = 7;
  state.syncs.add(10, std::chrono::microseconds(700));
  state.last_error = "gone";
  state.last_error_at = at(3);
  state.peer = postgres::Endpoint("pg1", "5432");
  state.from_standby = true;
  state.received = postgres::WalPosition{postgres::TimelineId(2), postgres::Lsn(0x5000100)};
  state.flushed = postgres::WalPosition{postgres::TimelineId(2), postgres::Lsn(0x5000000)};
  state.server_end = postgres::Lsn(0x5000200);
  state.last_message = at(4);
  state.disk_busy_since = at(5);
  state.process = "4711 99 boot";
  state.started = at(0);
  state.written = at(6);
  return state;
}

class StreamStateTest : public ::testing::Test {
 protected:
  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_.path()};
};

TEST_F(StreamStateTest, IsReadAsItWasWritten) {
  EXPECT_EQ(parse_stream_state(format_stream_state(full_state())), full_state());
  EXPECT_EQ(parse_stream_state(format_stream_state(StreamState())), StreamState());
}

TEST_F(StreamStateTest, HasItsItemsInTheOrderOfTheFile) {
  EXPECT_EQ(
      format_stream_state(full_state()),
      io::seal_json(
          R"({"phase":"blocked","since":"2026-11-18T11:06:41.000123Z",)"
          R"("cause":"the server said \"no\"\nand more","next_try":"2026-11-18T11:06:42.000123Z",)"
          R"("reconnects":7,"last_error":"gone","last_error_at":"2026-11-18T11:06:43.000123Z",)"
          R"("peer":"pg1:5432","from_standby":true,"received":{"timeline":2,"lsn":"0/5000100"},)"
          R"("flushed":{"timeline":2,"lsn":"0/5000000"},"server_end":"0/5000200",)"
          R"("last_message":"2026-11-18T11:06:44.000123Z","disk_busy_since":"2026-11-18T11:06:45.000123Z",)"
          R"("syncs":{"bytes":10,"microseconds":700,"by_time":[0,1,0,0,0,0,0,0,0,0,0,0]},)"
          R"("process":"4711 99 boot","started":"2026-11-18T11:06:40.000123Z",)"
          R"("written":"2026-11-18T11:06:46.000123Z"})"));
}

TEST_F(StreamStateTest, RefusesWhatItCannotUnderstand) {
  const auto good = format_stream_state(full_state());
  for (const std::string bad : {"", "{}", "[]", "null", "{\"phase\":1}"})
    EXPECT_THROW(parse_stream_state(bad), Corruption) << bad;
  auto unknown_phase = good;
  unknown_phase.replace(unknown_phase.find("blocked"), 7, "dancing");
  EXPECT_THROW(parse_stream_state(test::seal_again(unknown_phase)), Corruption);
  auto wrong_lsn = good;
  wrong_lsn.replace(wrong_lsn.find("0/5000200"), 9, "0:5000200");
  EXPECT_THROW(parse_stream_state(test::seal_again(wrong_lsn)), Corruption);
  auto wrong_number = good;
  wrong_number.replace(wrong_number.find("\"reconnects\":7"), 14, "\"reconnects\":8");
  EXPECT_THROW(parse_stream_state(wrong_number), Corruption) << "its checksum does not fit";
}

TEST_F(StreamStateTest, HasANameForEachPhase) {
  for (const auto phase : {StreamPhase::stopped, StreamPhase::connecting, StreamPhase::streaming,
                           StreamPhase::waiting, StreamPhase::blocked})
    EXPECT_EQ(parse_stream_phase(to_string(phase)), phase);
  EXPECT_EQ(parse_stream_phase("dancing"), std::nullopt);
}

TEST_F(StreamStateTest, CountsItsLagFromWhatIsDurable) {
  auto state = full_state();
  EXPECT_EQ(state.lag_bytes(), 0x200u);
  state.server_end = postgres::Lsn(0x4000000);  // a promotion, say
  EXPECT_EQ(state.lag_bytes(), 0u);
  state.flushed.reset();
  EXPECT_EQ(state.lag_bytes(), std::nullopt);
}

TEST_F(StreamStateTest, IsReplacedInItsFile) {
  write_stream_state(layout_, StreamState());
  write_stream_state(layout_, full_state());
  EXPECT_EQ(read_stream_state(layout_), full_state());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()), {}), 1)
      << "something temporary was left";
}

TEST_F(StreamStateTest, IsNothingWithoutAFileOrWithADamagedOne) {
  EXPECT_EQ(read_stream_state(layout_), std::nullopt);
  io::write_file_durably(layout_.stream_state(),
                         io::as_bytes(format_stream_state(full_state()).substr(0, 100)));
  EXPECT_EQ(read_stream_state(layout_), std::nullopt);
}

TEST_F(StreamStateTest, KeepsWhatAServerSaidShort) {
  auto state = full_state();
  state.cause = std::string(1 << 20, 'x');
  EXPECT_LT(format_stream_state(state).size(), 16u << 10);
}

}  // namespace
}  // namespace pgkeep::catalog
