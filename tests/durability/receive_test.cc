// What is received from a server and reported to it, from the first contact to the archive: the shipped
// receiver, told by the model of a walsender over loopback.
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <tuple>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/index/server_catalog.h"
#include "catalog/io/error.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/records/made_slots.h"
#include "catalog/wal/held_wal.h"
#include "catalog/wal/wal_archive.h"
#include "streaming/receive/commit_waiters.h"
#include "streaming/receive/wal_receiver.h"
#include "tests/judgement/model_walsender.h"
#include "tests/support/power_cuts.h"

namespace pgkeep::test {
namespace {

using namespace std::chrono_literals;
using postgres::Lsn;
using postgres::TimelineId;
using postgres::WalSegment;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
constexpr Lsn kFirst{2 * kSampleSegmentBytes};  // of a ModelServer
// What is promised.
constexpr const char* kFlushed = "flushed";
constexpr const char* kAskedFrom = "asked for WAL from";
constexpr const char* kAskedForSlot = "asked for a slot";
constexpr const char* kTakenBack = "WAL taken back";
constexpr const char* kAskedForTimeline = "asked for timeline";

std::string word_after(std::string_view text, std::string_view before) {
  constexpr std::string_view kEnds{" ;\0", 3};
  const auto at = text.find(before);
  if (at == text.npos) return {};
  const auto begin = at + before.size();
  return std::string(text.substr(begin, text.find_first_of(kEnds, begin) - begin));
}

DiskStep promise(const char* what, std::uint64_t number) {
  return {.kind = DiskStep::Kind::note, .number = number, .bytes = what};
}

/// What pgkeep says to a server that it relies on later: positions that the server need not keep any more,
/// and questions that may only be asked when something is durable.
std::vector<DiskStep> promises_in(std::string_view sent) {
  constexpr std::string_view kStatus{"d\0\0\0\46r", 6};  // CopyData of a status message
  constexpr std::size_t kFlushedAt = kStatus.size() + 8;
  if (sent.starts_with(kStatus)) {
    const auto flushed = io::load_be<std::uint64_t>(io::as_bytes(sent).data() + kFlushedAt);
    return {promise(kFlushed, flushed)};
  }
  if (!sent.starts_with('Q')) return {};
  if (sent.find("CREATE_REPLICATION_SLOT") != sent.npos) return {promise(kAskedForSlot, 1)};
  if (sent.find("START_REPLICATION SLOT") == sent.npos) return {};
  return {
      promise(kAskedFrom, Lsn::parse(word_after(sent, "PHYSICAL ")).value().value()),
      promise(kAskedForTimeline, TimelineId::parse_decimal(word_after(sent, "TIMELINE ")).value().value())};
}

/// Ends a receiver that finds no server to stay with.
class Patience final : public streaming::WalReceiverObserver {
 public:
  explicit Patience(std::stop_source& stop) : stop_(&stop) {}
  std::string ended_by;

 private:
  void connected(const streaming::Connection& /*connection*/,
                 const streaming::SystemInfo& /*system*/) override {}
  void streaming_from(const postgres::WalPosition& /*position*/) override {}
  void segment_archived(const catalog::SegmentFileHeader& /*segment*/) override {}
  void timeline_switched(TimelineId /*from*/, TimelineId /*to*/, Lsn /*at*/) override {}
  void disconnected(const std::string& why, std::chrono::milliseconds /*retry_in*/,
                    bool /*needs_attention*/) override {
    ended_by = why;
    stop_->request_stop();
  }
  void event(const catalog::Event& /*event*/) override {}
  void warning(const std::string& /*what*/) override {}

  std::stop_source* stop_;
};

class ReceivePowerCut : public testing::Test {
 protected:
  static store::ServerLayout layout(const std::filesystem::path& root) {
    return store::ServerLayout(root / "main");
  }

  /// WAL of so many bytes more, at least.
  void server_writes(std::uint64_t bytes) {
    const auto end = server_.end() + bytes;
    while (server_.end() < end) server_.work({Work::Kind::row, 30'000});
    server_.work({Work::Kind::commit});
  }
  /// Receives what `server` has, which had `before` when pgkeep came.
  void receive(const std::filesystem::path& root, ModelServer& server, Lsn before) {
    std::stop_source stop;
    std::atomic<bool> caught_up = false;
    Patience observer(stop);
    walsender_.serve(server, {.flushed = before, .flushed_then = server.end(), .message_bytes = 64u << 10},
                     [&] {
                       caught_up = true;
                       stop.request_stop();
                     });
    streaming::WalReceiverSettings settings{.connection = {.conninfo = walsender_.conninfo()},
                                            .slot = "pgkeep"};
    settings.waiters = waiters_;
    try {
      streaming::WalReceiver(layout(root), settings, observer, workers_).run(stop.get_token());
    } catch (const Error& refusal) {
      observer.ended_by = refusal.what();
    }
    reported_ = std::max(reported_, walsender_.end().first);
    if (!caught_up) throw std::runtime_error("the receiver did not come to the end: " + observer.ended_by);
  }
  void receive(const std::filesystem::path& root) { receive(root, server_, server_.end()); }

  catalog::WalArchive archive(const std::filesystem::path& root) const {
    const auto identity = catalog::read_identity(layout(root));
    if (!identity) throw std::runtime_error("nobody knows whose WAL this is");
    return {layout(root), *identity};
  }
  /// All that is held up to `end` is what the server wrote.
  void require_held(const catalog::WalArchive& archive, Lsn begin, Lsn end) const {
    for (auto at = begin; at < end;) {
      const auto segment = WalSegment::holding({server_.line().timeline_at(at), at}, size_);
      const auto left = server_.line().end_of(segment.timeline);
      const auto until = std::min({end, segment.end(size_), left.value_or(end)});
      const auto bytes = held(archive, segment, at, until);
      const auto wal = server_.wal(at, until - at, segment.timeline);
      if (!std::ranges::equal(bytes, wal))
        throw std::runtime_error(fmt::format("what is held of {} is not what the server wrote from {} to {}",
                                             segment.name(size_), at.to_string(), until.to_string()));
      at = until;
    }
  }
  io::ByteVector held(const catalog::WalArchive& archive, const WalSegment& segment, Lsn begin,
                      Lsn end) const {
    io::ByteVector bytes(end - begin);
    const auto offset = begin - segment.begin(size_);
    if (auto archived = archive.open_segment(segment)) {
      io::ByteVector all(size_.bytes());
      for (std::size_t done = 0; done < all.size();) done += archived->read(io::ByteSpan(all).subspan(done));
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(offset), bytes.size(), bytes.begin());
    } else {
      io::File::open_to_read(archive.layout().partial(segment, size_)).read_exactly_at(bytes, offset);
    }
    return bytes;
  }
  /// The server after `reported` was reported to it, and its slot made, if that was asked for: it has removed
  /// what it need not keep.
  ModelServer server_at(Lsn reported, Lsn begin, const Aftermath& left) const {
    auto server = server_;
    const auto kept = std::max(reported, begin);
    server.begin_of_kept = Lsn(kept.value() / kSampleSegmentBytes * kSampleSegmentBytes);
    server.slot.reset();
    if (reported > begin || left.promised(kAskedForSlot)) server.slot = kept;
    return server;
  }
  /// What it has when pgkeep comes: not much the first time, which is when it makes the slot there.
  Lsn position_of(const ModelServer& server, const std::filesystem::path& root) const {
    const auto wal = layout(root).wal_streaming();
    const bool came_before = std::filesystem::exists(wal) && !std::filesystem::is_empty(wal);
    return came_before || server.begin_of_kept > kFirst ? server.end() : kFirst + postgres::kWalBlockBytes;
  }
  /// What was reported is there, and the server has what is missing. `before` was reported before the first
  /// step.
  void require_that_it_goes_on(const Aftermath& left, Lsn begin, Lsn before = {}) {
    const auto reported = std::max(before, Lsn(left.most(kFlushed)));
    if (reported > begin) require_held(archive(left.root()), begin, reported);
    EXPECT_TRUE(!left.promised(kAskedForSlot) || !catalog::MadeSlots(layout(left.root())).read().empty());
    auto server = server_at(reported, begin, left);
    receive(left.root(), server, position_of(server, left.root()));
    const auto whole = archive(left.root());
    require_held(whole, begin, server.end());
    EXPECT_TRUE(catalog::HeldWal::read(whole).along(server.line()).covers(begin, server.end()));
  }
  /// The server writes more than half a segment before each.
  void check_sessions(int sessions) {
    PowerCuts cuts(directory_.path());
    cuts.listen(promises_in);
    for (int session = 0; session < sessions; ++session) {
      server_writes(600'000);
      const auto before = session == 0 ? kFirst + postgres::kWalBlockBytes : server_.end();
      cuts.record([&] { receive(directory_.path(), server_, before); });
    }
    cuts.check([&](const Aftermath& left) { require_that_it_goes_on(left, kFirst); });
  }
  /// Another receiver goes on. `before` as above.
  void check_after_kills(PowerCuts& cuts, Lsn before) {
    cuts.check_after_kills(
        [&](const Aftermath& killed) {
          auto server = server_at(std::max(before, Lsn(killed.most(kFlushed))), kFirst, killed);
          receive(killed.root(), server, position_of(server, killed.root()));
        },
        [&](const Aftermath& left) { require_that_it_goes_on(left, kFirst, before); });
  }
  static bool has_gap(const std::filesystem::path& root, const catalog::WalRange& range) {
    const auto events = catalog::EventJournal(layout(root)).read();
    return std::ranges::any_of(events, [&](const catalog::Event& event) {
      return event.kind == catalog::EventKind::gap && event.range == range;
    });
  }

  TempDirectory directory_;
  postgres::WalSegmentSize size_ = sample_segment_size();
  KnownStates known_;
  ModelServer server_{"the server", known_};
  streaming::WalWorkers workers_{1, 1};
  ModelWalsender walsender_;
  std::shared_ptr<streaming::CommitWaiters> waiters_;  // none: commits may wait
  Lsn reported_;                                       // at most, so far
};

TEST_F(ReceivePowerCut, HasAndFindsAgainWhatWasReported) {
  check_sessions(5);
}

TEST_F(ReceivePowerCut, HasAndFindsAgainWhatWasReportedWhereSyncsAreGrouped) {
  waiters_ = std::make_shared<streaming::CommitWaiters>();
  waiters_->nobody_until(streaming::CommitWaiters::Clock::time_point::max());
  check_sessions(3);
}

TEST_F(ReceivePowerCut, HasWhatWasReportedAfterAKillOfTheFirstReceiver) {
  PowerCuts cuts(directory_.path());
  cuts.listen(promises_in);
  server_writes(300'000);
  cuts.record([&] { receive(directory_.path(), server_, kFirst + postgres::kWalBlockBytes); });
  server_writes(200'000);
  check_after_kills(cuts, {});
}

TEST_F(ReceivePowerCut, HasWhatWasReportedAfterAKillAtTheEndOfASegment) {
  server_writes(600'000);
  receive(directory_.path(), server_, kFirst + postgres::kWalBlockBytes);
  const auto before = reported_;
  PowerCuts cuts(directory_.path());
  cuts.listen(promises_in);
  server_writes(600'000);
  cuts.record([&] { receive(directory_.path()); });
  server_writes(100'000);
  check_after_kills(cuts, before);
}

TEST_F(ReceivePowerCut, HasTheHistoryOfATimelineBeforeItsFirstByteIsAskedFor) {
  server_writes(300'000);
  receive(directory_.path(), server_, kFirst + postgres::kWalBlockBytes);
  server_writes(900'000);
  server_.promote(kTwo);
  server_writes(300'000);
  const auto before = reported_;
  PowerCuts cuts(directory_.path());
  cuts.listen(promises_in);
  cuts.record([&] { receive(directory_.path()); });
  cuts.check([&](const Aftermath& left) {
    const bool asked = left.most(kAskedForTimeline) == kTwo.value();
    const auto history = asked ? archive(left.root()).read_history(kTwo) : server_.history_file(kTwo);
    EXPECT_EQ(history, server_.history_file(kTwo));
    require_that_it_goes_on(left, kFirst, before);
  });
}

TEST_F(ReceivePowerCut, RecordsAGapBeforeWhatFollowsIsAskedFor) {
  server_writes(300'000);
  receive(directory_.path(), server_, kFirst + postgres::kWalBlockBytes);
  server_writes(3'000'000);
  server_.begin_of_kept = kFirst + 2 * kSampleSegmentBytes;
  const catalog::WalRange lost{kOne, reported_, server_.begin_of_kept};
  PowerCuts cuts(directory_.path());
  cuts.listen(promises_in);
  cuts.record([&] { receive(directory_.path()); });
  ASSERT_TRUE(has_gap(directory_.path(), lost));
  cuts.check([&](const Aftermath& left) {
    EXPECT_TRUE(left.most(kAskedFrom) < lost.end.value() || has_gap(left.root(), lost));
    auto server = server_;
    receive(left.root(), server, server.end());
    EXPECT_TRUE(has_gap(left.root(), lost));
    require_held(archive(left.root()), lost.end, server.end());
  });
}

TEST_F(ReceivePowerCut, TakesBackWhatWasAnothersAndNothingElse) {
  server_writes(300'000);
  receive(directory_.path(), server_, kFirst + postgres::kWalBlockBytes);
  const WalSegment segment{kOne, 2};
  const Lsn end = kFirst + 100'000;
  const auto before = reported_;
  PowerCuts cuts(directory_.path());
  cuts.record([&] {
    catalog::cut_partial(layout(directory_.path()), segment, size_, end);
    DiskRecorder::note(kTakenBack);
  });
  cuts.check([&](const Aftermath& left) {
    const auto held = archive(left.root());
    require_held(held, kFirst, end);
    EXPECT_LE(held.partial_end(segment), left.promised(kTakenBack) ? end : before);
  });
}

/// What its index says is what the files say, whatever became of the index.
TEST_F(ReceivePowerCut, HasAnIndexThatTellsWhatIsThere) {
  server_writes(300'000);
  receive(directory_.path(), server_, kFirst + postgres::kWalBlockBytes);
  catalog::ServerCatalog::open(layout(directory_.path()));
  server_writes(3'000'000);
  PowerCuts cuts(directory_.path());
  cuts.record([&] { receive(directory_.path()); });
  cuts.check([](const Aftermath& left) {
    const auto told = catalog::ServerCatalog::open(layout(left.root())).dump();
    EXPECT_EQ(told, catalog::ServerCatalog::rebuild(layout(left.root())).dump());
  });
}

}  // namespace
}  // namespace pgkeep::test
