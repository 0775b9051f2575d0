// What pgkeep is asked in a story, and what its answers are held against.
#include <algorithm>
#include <utility>

#include "tests/judgement/story.h"

namespace pgkeep::test {
namespace {

using postgres::Lsn;
using postgres::TimelineId;

/// Up to where the two have the same history.
std::size_t same_records(const std::vector<WrittenRecord>& a, const std::vector<WrittenRecord>& b) {
  const auto differs = std::ranges::mismatch(a, b, {}, &WrittenRecord::state, &WrittenRecord::state);
  return static_cast<std::size_t>(differs.in1 - a.begin());
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

Sending Story::some_sending(bool to_the_end) {
  const auto begin = std::max(current_.flushed, current_.begin_of_kept);
  const auto some = [&](Lsn from) {
    const auto left = static_cast<int>((current_.end() - std::min(from, current_.end())) / 8);
    return from + 8 * static_cast<std::uint64_t>(chance_.number(0, left));
  };
  Sending sending{chance_.coin() ? current_.end() : some(begin), current_.end()};
  if (!to_the_end && chance_.number(1, 6) == 1) sending.flushed_then = some(sending.flushed);
  if (chance_.number(1, 5) == 1) sending.cut_after = static_cast<std::uint64_t>(chance_.number(0, 3'000'000));
  sending.message_bytes = 8192u << chance_.number(0, 4);
  return sending;
}

Followed Story::follow(const Sending& sending) {
  auto followed = pgkeep_.follow(current_, sending);
  if (followed.how == Followed::How::to_its_end) current_.flushed = sending.flushed_then;
  note_acknowledged(followed);
  return followed;
}

void Story::note_acknowledged(const Followed& followed) {
  const auto known = acknowledged_timeline_;
  if (followed.takes_its_wal && current_.timeline() > acknowledged_timeline_) {
    // It is another line's, which left that of the server before: what it does not have is left there.
    acknowledged_.resize(same_records(acknowledged_, current_.records()));
    acknowledged_timeline_ = current_.timeline();
  }
  if (followed.flushed == Lsn()) return;
  // Where a stream begins is reported too. Of a line that is taken where its WAL was removed nothing is held
  // yet.
  if (!followed.sent_wal && known != current_.timeline()) return;
  acknowledged_timeline_ = current_.timeline();
  acknowledged_ = current_.records_until(followed.flushed);
  tell("pgkeep has acknowledged {} of {}", followed.flushed.to_string(), current_.name());
}

/// True when the server that the conninfo leads to was followed, be it after a decision.
bool Story::follow_current(int ways_out_left) {
  const auto followed = follow(some_sending(ways_out_left < 3));
  switch (followed.how) {
    case Followed::How::to_its_end:
      tell("{} is followed up to {}", current_.name(), current_.flushed.to_string());
      count("followed");
      if (chance_.coin()) check_latest();
      return faults_.empty();
    case Followed::How::waits:
      tell("{} is waited for: {}", current_.name(), first_line(followed.reason));
      count("waited for");
      if (ways_out_left == 3 && chance_.coin()) {
        work(current_, 4);
        tell("{} goes on, up to {}", current_.name(), current_.end().to_string());
        return follow_current(ways_out_left - 1);
      }
      break;
    case Followed::How::refused:
      tell("{} is refused: {}", current_.name(), first_line(followed.reason));
      count("refused");
      if (ways_out_left == 3 && chance_.coin()) {
        work(current_, 4);
        tell("{} goes on, up to {}, and nobody decides", current_.name(), current_.end().to_string());
        return follow_current(ways_out_left - 1);
      }
      break;
  }
  if (followed.reason.empty()) fault("a refusal without its reason");
  if (chance_.coin()) check_latest();
  if (!faults_.empty()) return false;
  if (ways_out_left == 0) {
    fault("there is no way out: {}", followed.reason);
    return false;
  }
  find_a_way_out(ways_out_left - 1);
  return faults_.empty();
}

void Story::find_a_way_out(int ways_out_left) {
  const auto has_all = [&](const ModelServer& server) {
    return acknowledged_.empty() || server.was_in(acknowledged_.back().state);
  };
  if (other_ && has_all(*other_) && ways_out_left > 0 && chance_.coin()) {
    tell("{} was the right one", other_->name());
    auto right = std::move(*other_);
    replace_current(std::move(right), true);
    pgkeep_.keep_line();
    follow_current(ways_out_left);
    return;
  }
  const auto line = pgkeep_.set_aside();
  tell("what is held is set aside as line {}", line);
  count("set aside");
  set_aside_[line] = std::exchange(acknowledged_, {});
  acknowledged_timeline_ = TimelineId(1);
  if (follow_current(0)) take_backup();
}

/// A recovery must not give what no server had, nor lack what was acknowledged.
std::optional<Recovery> Story::examine(const RecoveryAnswer& answer, const std::string& of,
                                       const std::vector<WrittenRecord>& acknowledged,
                                       std::optional<unsigned> line) {
  if (!answer.recovery) {
    tell("recovering {} is refused: {}", of, first_line(answer.refusal));
    count("recovery refused");
    if (answer.refusal.empty()) fault("a refusal without its reason");
    return std::nullopt;
  }
  count("recovery");
  const auto& recovery = *answer.recovery;
  const auto* server = known_.server_in(recovery.states.back());
  const bool excused = weak_witness_ && pgkeep_.has_unproved_wal(line);
  const bool complete =
      acknowledged.empty() ||
      std::ranges::find(recovery.states, acknowledged.back().state) != recovery.states.end();
  if (excused && (server == nullptr || !complete)) {
    tell("recovering {} mixes histories that could not be told apart, as an event says", of);
    count("mix that could not be seen");
    return std::nullopt;
  }
  if (server == nullptr) {
    const auto first = std::ranges::find_if(
        recovery.states, [&](ServerState state) { return known_.server_in(state) == nullptr; });
    fault("recovering {} gives what no server ever was, from its record {} of {} on, up to {}", of,
          first - recovery.states.begin() + 1, recovery.states.size(), recovery.end.to_string());
    return std::nullopt;
  }
  tell("recovering {} from {} gives {} at {} ({})", of, recovery.backup, *server, recovery.end.to_string(),
       recovery.stopped_by);
  if (!complete) fault("it lacks what was acknowledged, up to {}", acknowledged.back().end.to_string());
  return recovery;
}

void Story::check_latest() {
  const auto mode = chance_.coin() ? recover::WalMode::lay_down : recover::WalMode::get_wal;
  examine(pgkeep_.recover(std::nullopt, mode),
          mode == recover::WalMode::lay_down ? "latest" : "latest with get-wal", acknowledged_, std::nullopt);
}

void Story::check_a_backup() {
  const auto backups = pgkeep_.backups();
  if (backups.empty()) return;
  const auto& backup =
      backups[static_cast<std::size_t>(chance_.number(0, static_cast<int>(backups.size()) - 1))];
  examine(pgkeep_.recover(backup), backup.to_string(), {}, std::nullopt);
}

void Story::settle_in_the_end() {
  tell("in the end:");
  work(current_, 3);
  if (!follow_current(2)) return;
  back_up(2);
  work(current_, 3);
  if (!faults_.empty() || !follow_current(2)) return;
  const auto answer = pgkeep_.recover(std::nullopt, recover::WalMode::lay_down);
  const auto latest = examine(answer, "latest", acknowledged_, std::nullopt);
  if (!faults_.empty()) return;
  if (!latest && !(weak_witness_ && pgkeep_.has_unproved_wal(std::nullopt)))
    return fault("it cannot be recovered in the end");
  for (const auto& [line, acknowledged] : set_aside_) {
    examine(pgkeep_.recover(line, recover::WalMode::lay_down), fmt::format("line {}", line), acknowledged,
            line);
    if (!faults_.empty()) return;
  }
  for (const auto& backup : pgkeep_.backups()) {
    examine(pgkeep_.recover(backup), backup.to_string(), {}, std::nullopt);
    if (!faults_.empty()) return;
  }
}

}  // namespace pgkeep::test
