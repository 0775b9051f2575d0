// What happens in a story.
#include "tests/judgement/story.h"

#include <algorithm>
#include <span>
#include <utility>

namespace pgkeep::test {

using postgres::Lsn;
using postgres::TimelineId;

Story::Story(unsigned seed, streaming::WalWorkers& workers, Tally& tally)
    : chance_(seed), tally_(&tally), pgkeep_(workers), current_(next_name(), known_) {}

std::string Story::told() const {
  std::string text;
  for (std::size_t i = 0; i < told_.size(); ++i) text += fmt::format("{}. {}\n", i + 1, told_[i]);
  return text;
}

void Story::run(int steps) {
  begin();
  for (int i = 0; i < steps && faults_.empty(); ++i) happen();
  if (faults_.empty()) settle_in_the_end();
}

void Story::begin() {
  work(current_, 2);
  tell("{} begins, up to {}", current_.name(), current_.end().to_string());
  follow_current();
  take_backup();
}

void Story::happen() {
  const std::vector<std::pair<int, Step>> steps = {
      {6, &Story::work_and_follow},
      {2, &Story::take_backup},
      {1, &Story::lose_tail},
      {snapshots_.size() < 3 ? 3 : 0, &Story::take_snapshot},
      {snapshots_.empty() ? 0 : 4, &Story::put_back},
      {2, &Story::fail_over},
      {2, &Story::fork},
      {3, &Story::do_it_again},
      {other_ ? 3 : 0, &Story::other_takes_over},
      {acknowledged_.empty() ? 0 : 3, &Story::go_back_in_time},
      {1, &Story::lose_wal},
      {2, &Story::push_ahead},
      {3, &Story::push_from_a_clone},
      {1, &Story::check_latest},
      {1, &Story::check_a_backup},
  };
  (this->*chance_.one_of(steps))();
}

std::string Story::next_name() {
  return fmt::format("server {}", ++names_);
}

// ------------------------------------------------------------------------------------- what it is made of

Work Story::some_work() {
  const auto kind = chance_.number(1, 10);
  if (kind <= 4) return {Work::Kind::commit};
  if (kind <= 6) return {Work::Kind::row, static_cast<std::uint32_t>(chance_.number(8, 20'000))};
  if (kind == 7) return {Work::Kind::row, static_cast<std::uint32_t>(chance_.number(60'000, 400'000))};
  if (kind == 8) return {Work::Kind::wal_switch};
  return {Work::Kind::plain, static_cast<std::uint32_t>(chance_.number(8, kind == 9 ? 2'000 : 40'000))};
}

void Story::work(ModelServer& server, int records) {
  for (; records > 0; --records) {
    work_.push_back(some_work());
    server.work(work_.back());
  }
}

std::vector<Work> Story::some_works(int number) {
  std::vector<Work> works;
  for (; number > 0; --number) works.push_back(some_work());
  return works;
}

/// What differs from the history before need not be in what was written last.
void Story::work_again() {
  for (const auto& work : work_) current_.work(work);
  weak_witness_ = true;
  tell("{} does the same work again, up to {}", current_.name(), current_.end().to_string());
}

void Story::end_segment(ModelServer& server) {
  if (chance_.coin()) {
    work_.push_back({Work::Kind::plain, 40'000});
    server.work(work_.back());
  }
  work_.push_back({chance_.coin() ? Work::Kind::wal_switch : Work::Kind::fill_segment});
  server.work(work_.back());
}

/// One that may lack the newest records.
ModelServer Story::standby_of(const ModelServer& primary) {
  auto standby = primary;
  const auto lacks = chance_.coin() ? chance_.number(0, 4) : 0;
  const auto records = standby.records().size();
  if (static_cast<std::size_t>(lacks) < records)
    standby.go_back_to(records - static_cast<std::size_t>(lacks));
  standby.rename(next_name());
  return standby;
}

void Story::replace_current(ModelServer server, bool keep_old) {
  other_.reset();
  std::swap(current_, server);
  if (keep_old) other_.emplace(std::move(server));
}

void Story::push(const ModelServer& from, const postgres::WalSegment& segment) {
  const auto name = segment.name(sample_segment_size());
  const auto answer = pgkeep_.push(name, from.segment_file(segment.number));
  tell("{} pushes {}: {}", from.name(), name, answer);
  count("pushed: " + answer.substr(0, answer.find(':')));
}

void Story::push_history(const ModelServer& from, TimelineId timeline) {
  if (const auto content = from.history_file(timeline)) {
    const auto answer = pgkeep_.push(timeline.history_file(), io::as_bytes(*content));
    tell("{} pushes {}: {}", from.name(), timeline.history_file(), answer);
  }
}

// ------------------------------------------------------------------------------------------- what happens

void Story::work_and_follow() {
  work(current_, chance_.number(1, 8));
  if (chance_.number(1, 4) == 1) end_segment(current_);
  tell("{} works, up to {}", current_.name(), current_.end().to_string());
  if (chance_.number(1, 3) > 1) follow_current();
}

void Story::take_backup() {
  back_up(3);
}

BaseBackup Story::base_backup(ModelServer& server, const std::vector<Work>& meanwhile) {
  BaseBackup backup;
  backup.before = server.records();
  backup.start = {server.timeline(), server.position()};
  backup.checkpoint = server.checkpoint(backup.start.lsn);
  for (const auto& work : meanwhile) server.work(work);
  server.end_backup(backup.start.lsn);
  backup.end = {server.timeline(), server.end()};
  backup.records = server.records().size();
  return backup;
}

void Story::back_up(int ways_out_left) {
  const auto backup = base_backup(current_, some_works(chance_.number(0, 3)));
  current_.work({Work::Kind::wal_switch});
  tell("{} is backed up, from {} to {}", current_.name(), backup.start.lsn.to_string(),
       backup.end.lsn.to_string());
  if (!follow_current(ways_out_left)) return;
  if (acknowledged_.empty() || acknowledged_.back().end < backup.end.lsn) return;
  keep(backup);
}

void Story::keep(const BaseBackup& backup) {
  if (const auto problem = pgkeep_.keep(backup)) {
    tell("the backup is not kept: {}", *problem);
    count("backup not kept");
  } else {
    tell("the backup is kept");
    count("backup kept");
  }
}

void Story::lose_tail() {
  const auto own = std::ranges::count_if(current_.records(), [this](const auto& record) {
    return record.begin >= current_.line().begin();  // a promotion is not lost again
  });
  const auto lost = static_cast<std::size_t>(chance_.number(1, 8));
  if (lost >= static_cast<std::size_t>(own)) return;
  const auto before = current_.name();
  current_.go_back_to(current_.records().size() - lost);
  current_.rename(next_name());
  tell("{} crashes, loses its last {} records though it had flushed them, goes on at {} and is {}", before,
       lost, current_.end().to_string(), current_.name());
  work(current_, chance_.number(0, 6));
  follow_current();
}

void Story::take_snapshot() {
  if (chance_.coin()) end_segment(current_);
  snapshots_.push_back(current_);
  work_.clear();
  tell("a snapshot of {} is taken at {}", current_.name(), current_.end().to_string());
}

void Story::put_back() {
  const auto& snapshot =
      snapshots_[static_cast<std::size_t>(chance_.number(0, static_cast<int>(snapshots_.size()) - 1))];
  auto next = snapshot;
  next.flushed = next.end();
  next.rename(next_name());
  const bool beside = chance_.number(1, 3) == 1;
  tell("the snapshot of {} at {} is put back{}, and is {}", snapshot.name(), next.end().to_string(),
       beside ? fmt::format(" beside {}", current_.name()) : "", next.name());
  replace_current(std::move(next), beside);
  if (chance_.coin()) work_again();
  work(current_, chance_.number(0, 8));
  tell("{} is at {}", current_.name(), current_.end().to_string());
  follow_current();
}

void Story::fail_over() {
  auto standby = standby_of(current_);
  const auto at = standby.end();
  const auto from = standby.timeline();
  const auto newest = std::max(from, pgkeep_.newest_timeline());
  standby.promote(TimelineId((chance_.coin() ? from : newest).value() + 1));
  if (chance_.number(1, 4) == 1) standby.promote(TimelineId(standby.timeline().value() + 1));
  tell("the standby {} of {} is promoted at {}, and is on timeline {}", standby.name(), current_.name(),
       at.to_string(), standby.timeline().to_string());
  replace_current(std::move(standby), true);
  if (chance_.coin()) work(*other_, 2);
  work(current_, chance_.number(0, 4));
  follow_current();
}

void Story::fork() {
  if (chance_.coin()) end_segment(current_);
  auto standby = standby_of(current_);
  auto twin = standby;
  twin.rename(next_name());
  const TimelineId next(std::max(standby.timeline(), pgkeep_.newest_timeline()).value() + 1);
  tell("two copies of a standby of {} are promoted at {} to timeline {}: {}, which is followed, and {}",
       current_.name(), standby.end().to_string(), next.to_string(), standby.name(), twin.name());
  standby.promote(next);
  twin.promote(next);
  replace_current(std::move(standby), false);
  other_.emplace(std::move(twin));
  if (chance_.coin()) work(*other_, chance_.number(1, 8));
  if (chance_.coin()) work(current_, chance_.number(1, 8));
  follow_current();
}

/// What differs most is what is most alike: a server that is put back to where it was a moment ago, and
/// writes records of the same places or ones that end with the same segment, or has removed what could be
/// compared.
void Story::do_it_again() {
  const auto before = current_;
  auto works = some_works(chance_.number(0, 3));
  works.push_back({Work::Kind::commit});
  if (chance_.coin())
    works.push_back({Work::Kind::plain, static_cast<std::uint32_t>(chance_.number(8, 60'000))});
  const bool ends_segment = chance_.number(1, 4) > 1;
  const Work end{chance_.coin() ? Work::Kind::wal_switch : Work::Kind::fill_segment};
  base_backup(current_, works);
  if (ends_segment) current_.work(end);
  tell("{} works, up to {}", current_.name(), current_.end().to_string());
  if (!follow_current(2) || current_.timeline() != before.timeline()) return;
  const auto reached = current_.end();

  auto again = before;
  again.flushed = again.end();
  again.rename(next_name());
  const bool same_places = chance_.coin();
  std::optional<BaseBackup> backup;
  if (same_places) {
    backup = base_backup(again, works);
    if (ends_segment) again.work(end);
  } else {
    for (const auto& work : some_works(chance_.number(1, 6))) again.work(work);
    while (ends_segment && again.end() < reached) again.work(end);
  }
  tell("{} is put back to {} and does {}, up to {}: {}", current_.name(), before.end().to_string(),
       same_places ? "the same again" : "other work", again.end().to_string(), again.name());
  const Lsn last_segment(reached.value() / kSampleSegmentBytes * kSampleSegmentBytes);
  if (chance_.number(1, 4) == 1 && again.end() >= last_segment) {
    again.begin_of_kept = last_segment;
    again.slot.reset();
    weak_witness_ = weak_witness_ || same_places;
    tell("{} has removed its WAL before {}", again.name(), last_segment.to_string());
  }
  replace_current(std::move(again), chance_.coin());
  if (backup && chance_.coin()) keep(*backup);
  work(current_, chance_.number(0, 4));
  follow_current();
}

void Story::other_takes_over() {
  if (chance_.coin()) work(*other_, chance_.number(1, 8));
  tell("the conninfo leads to {} at {} of timeline {} in place of {}", other_->name(),
       other_->end().to_string(), other_->timeline().to_string(), current_.name());
  auto next = std::move(*other_);
  replace_current(std::move(next), true);
  if (chance_.coin()) work(*other_, chance_.number(1, 4));
  follow_current();
}

void Story::go_back_in_time() {
  const auto answer = pgkeep_.recover(std::nullopt, recover::WalMode::lay_down);
  const auto recovery = examine(answer, "latest", acknowledged_, std::nullopt);
  if (!recovery || !current_.was_in(recovery->states.back())) return;
  const auto& records = current_.records();
  const auto last = std::ranges::find(records, recovery->states.back(), &WrittenRecord::state);
  const auto reached = static_cast<int>(last - records.begin()) + 1;
  const auto least = static_cast<int>(pgkeep_.records_of(recovery->backup));
  if (least >= reached) return;
  auto restored = current_;
  restored.go_back_to(static_cast<std::size_t>(chance_.number(least, reached)));
  restored.rename(next_name());
  const auto at = restored.end();
  restored.promote_along(current_,
                         TimelineId(std::max(current_.timeline(), pgkeep_.newest_timeline()).value() + 1));
  tell("{} is recovered to {} and takes the place of {}, on timeline {}", restored.name(), at.to_string(),
       current_.name(), restored.timeline().to_string());
  replace_current(std::move(restored), true);
  work(current_, chance_.number(0, 4));
  follow_current();
}

void Story::lose_wal() {
  const bool pushes = chance_.coin();
  current_.slot.reset();
  work(current_, chance_.number(0, 3));
  for (int i = chance_.number(1, 3); i > 0; --i) {
    work(current_, 1);
    current_.work({Work::Kind::wal_switch});
  }
  const auto segments = current_.complete_segments();
  current_.begin_of_kept = Lsn(current_.end().value() / kSampleSegmentBytes * kSampleSegmentBytes);
  for (const auto& segment : std::span(segments).last(std::min<std::size_t>(segments.size(), 4)))
    if (pushes) push(current_, segment);
  if (chance_.coin()) work(current_, 2);
  tell("{} has lost the slot and removed its WAL before {}", current_.name(),
       current_.begin_of_kept.to_string());
  follow_current();
}

void Story::push_ahead() {
  work(current_, chance_.number(1, 4));
  end_segment(current_);
  work(current_, chance_.number(0, 2));
  push_history(current_, current_.timeline());
  const auto segments = current_.complete_segments();
  const auto pushed = std::min<std::size_t>(segments.size(), static_cast<std::size_t>(chance_.number(1, 3)));
  for (const auto& segment : std::span(segments).last(pushed))
    if (chance_.number(1, 4) > 1) push(current_, segment);
  if (chance_.number(1, 3) > 1) follow_current();
}

/// What comes from there has the names of the server's own WAL, and is another history.
void Story::push_from_a_clone() {
  const auto& origin = snapshots_.empty() || chance_.coin() ? current_ : snapshots_.back();
  auto clone = standby_of(origin);
  const auto begun = clone.end();
  tell("{} is a copy of {} at {}, and has its archive_command", clone.name(), origin.name(),
       begun.to_string());
  if (chance_.number(1, 3) == 1) clone.promote(TimelineId(clone.timeline().value() + 1));
  work(clone, chance_.number(1, 6));
  for (int i = chance_.number(1, 2); i > 0; --i) end_segment(clone);
  push_history(clone, clone.timeline());
  for (const auto& segment : clone.complete_segments()) {
    if (segment.end(sample_segment_size()) > begun && chance_.number(1, 4) > 1) push(clone, segment);
  }
  if (chance_.coin()) check_latest();
  if (chance_.coin()) follow_current();
}

}  // namespace pgkeep::test
