#include "tests/judgement/backup_side.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <tuple>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/verify/backup_checkpoint.h"
#include "catalog/wal/pushed_wal.h"
#include "catalog/wal/set_aside_line.h"
#include "recover/wal_delivery.h"
#include "streaming/receive/wal_receiver.h"

namespace pgkeep::test {
namespace {

using namespace std::chrono_literals;
using postgres::Lsn;
using postgres::WalSegment;

/// So often a stream that breaks off is tried again.
constexpr int kPatience = 6;
/// Nothing here takes so long.
constexpr auto kHangs = 30s;

class ByteVectorSink final : public io::ByteSink {
 public:
  explicit ByteVectorSink(io::ByteVector& bytes) : bytes_(&bytes) {}
  void write(io::ByteView bytes) override { bytes_->insert(bytes_->end(), bytes.begin(), bytes.end()); }

 private:
  io::ByteVector* bytes_;
};

class ByteViewSource final : public io::ByteSource {
 public:
  explicit ByteViewSource(io::ByteView bytes) : left_(bytes) {}
  std::size_t read(io::ByteSpan into) override {
    const auto piece = left_.first(std::min(into.size(), left_.size()));
    std::ranges::copy(piece, into.begin());
    left_ = left_.subspan(piece.size());
    return piece.size();
  }

 private:
  io::ByteView left_;
};

/// Ends a receiver that finds no server to stay with.
class Patience final : public streaming::WalReceiverObserver {
 public:
  Patience(postgres::TimelineId timeline, std::stop_source& stop) : timeline_(timeline), stop_(&stop) {}
  bool takes_wal_of_timeline() const { return takes_wal_; }
  const std::string& ended_by() const { return ended_by_; }

 private:
  void connected(const streaming::Connection& /*connection*/,
                 const streaming::SystemInfo& /*system*/) override {}
  void streaming_from(const postgres::WalPosition& position) override {
    takes_wal_ = takes_wal_ || position.timeline == timeline_;
  }
  void segment_archived(const catalog::SegmentFileHeader& /*segment*/) override {}
  void timeline_switched(postgres::TimelineId /*from*/, postgres::TimelineId /*to*/, Lsn /*at*/) override {}
  void disconnected(const std::string& why, std::chrono::milliseconds /*retry_in*/,
                    bool /*needs_attention*/) override {
    if (++broken_ < kPatience) return;
    ended_by_ = why;
    stop_->request_stop();
  }
  void event(const catalog::Event& /*event*/) override {}
  void warning(const std::string& /*what*/) override {}

  postgres::TimelineId timeline_;
  std::stop_source* stop_;
  int broken_ = 0;
  bool takes_wal_ = false;
  std::string ended_by_;
};

recover::RecoveryRequest request_for_main() {
  recover::RecoveryRequest request;
  request.server = "main";
  request.destination = "/somewhere";
  return request;
}

}  // namespace

store::ServerLayout BackupSide::layout(std::optional<unsigned> line) const {
  return line ? layout_.of_line(*line) : layout_;
}

catalog::WalArchive BackupSide::archive(const store::ServerLayout& layout) {
  return {layout, catalog::read_identity(layout).value()};
}

Followed BackupSide::follow(ModelServer& server, const Sending& sending) {
  std::stop_source stop;
  std::atomic<bool> caught_up = false;
  Patience observer(server.timeline(), stop);
  walsender_.serve(server, sending, [&] {
    caught_up = true;
    stop.request_stop();
  });
  streaming::WalReceiverSettings settings{.connection = {.conninfo = walsender_.conninfo()},
                                          .slot = "pgkeep"};
  settings.first_retry = settings.longest_retry = 1ms;
  std::atomic<bool> hangs = false;
  const std::jthread watch([&](const std::stop_token& done) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, done, kHangs, [] { return false; });
    if (done.stop_requested()) return;
    hangs = true;
    stop.request_stop();
  });
  Followed followed{Followed::How::to_its_end};
  try {
    streaming::WalReceiver(layout_, settings, observer, *workers_).run(stop.get_token());
    if (!caught_up) followed = {Followed::How::waits, observer.ended_by()};
  } catch (const Error& refusal) {
    followed = {Followed::How::refused, refusal.what()};
  }
  if (hangs) throw std::logic_error(fmt::format("the receiver of {} hangs", server.name()));
  std::tie(followed.flushed, followed.sent_wal) = walsender_.end();
  followed.takes_its_wal = observer.takes_wal_of_timeline();
  return followed;
}

std::string BackupSide::push(const std::string& name, io::ByteView content) {
  ByteViewSource source(content);
  auto own = archive(layout_);
  try {
    return std::string(to_string(catalog::PushedWal(own).take(name, source, {}).outcome));
  } catch (const Error& refusal) {
    return fmt::format("refused: {}", refusal.what());
  }
}

std::optional<std::string> BackupSide::keep(const BaseBackup& backup) {
  const auto own = archive(layout_);
  const auto line = own.history(backup.end.timeline);
  if (!line || !catalog::HeldWal::read(own).along(*line).covers(backup.start.lsn, backup.end.lsn))
    return "its WAL is not held";
  postgres::BackupLabel label;
  label.start = backup.start;
  label.checkpoint = backup.checkpoint.record;
  postgres::ControlFile control;
  control.checkpoint = backup.checkpoint.record;
  control.checkpoint_content = backup.checkpoint.content;
  if (auto problem = catalog::checkpoint_problem(own, *line, label, control)) return problem;

  const io::TimePoint first(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20));
  store::BackupRecord record{store::BackupId(first + std::chrono::minutes(bases_.size()))};
  record.server = "main";
  record.system = own.identity().system;
  record.server_version = "18.6";
  record.major_version = own.identity().major_version;
  record.wal_segment_size = own.identity().wal_segment_size;
  record.block_bytes = own.identity().block_bytes;
  record.start = backup.start;
  record.end = backup.end;
  record.started = record.ended = first + std::chrono::minutes(bases_.size());
  io::make_directories(layout_.backup(record.id));
  io::write_file_durably(layout_.record(record.id), io::as_bytes(record.to_json()));
  bases_.emplace(record.id.to_string(), backup);
  return std::nullopt;
}

unsigned BackupSide::set_aside() {
  const auto receiver = io::FileLock::acquire(layout_.receiver_lock(), "new-line");
  const auto writer = io::FileLock::acquire(layout_.writer_lock(), "new-line");
  return catalog::set_line_aside(layout_, "asked for by the story").number;
}

bool BackupSide::keep_line() {
  catalog::EventJournal journal(layout_);
  const auto events = journal.read();
  const auto* open = catalog::undecided_rollback(events);
  if (open == nullptr) return false;
  journal.append(
      {io::now(), catalog::EventKind::line_kept, "what is held was decided to be right", open->range});
  return true;
}

RecoveryAnswer BackupSide::recover(std::optional<unsigned> line, recover::WalMode mode) {
  auto request = request_for_main();
  request.wal_mode = mode;
  return recover(layout(line), request);
}

std::vector<store::BackupId> BackupSide::backups() const {
  auto records = store::list_backup_records(layout_).backups;
  catalog::keep_only_own(layout_, records);
  std::vector<store::BackupId> ids;
  for (const auto& record : records) ids.push_back(record.id);
  return ids;
}

RecoveryAnswer BackupSide::recover(const store::BackupId& backup) {
  auto request = request_for_main();
  request.backup = backup;
  return recover(layout_, request);
}

RecoveryAnswer BackupSide::recover(const store::ServerLayout& layout,
                                   const recover::RecoveryRequest& request) {
  try {
    return {replay(layout, recover::make_plan(request, recover::gather_facts(layout))), {}};
  } catch (const Error& refusal) {
    return {{}, refusal.what()};
  }
}

Recovery BackupSide::replay(const store::ServerLayout& layout, const recover::RecoveryPlan& plan) {
  const auto held = archive(layout);
  const auto size = held.identity().wal_segment_size;
  const auto open = [&](const WalSegment& segment) -> std::optional<io::ByteVector> {
    io::ByteVector bytes;
    ByteVectorSink sink(bytes);
    if (plan.request.wal_mode == recover::WalMode::get_wal) {
      if (recover::deliver_wal(held, segment.name(size), sink) == recover::WalAnswer::not_there)
        return std::nullopt;
    } else {
      const auto planned = std::ranges::find(plan.wal, segment, &recover::PlannedWal::segment);
      if (planned == plan.wal.end()) return std::nullopt;
      recover::deliver_planned(held, *planned, sink);
    }
    return bytes;
  };
  const auto& base = bases_.at(plan.backup.id.to_string());
  Recovery recovery{plan.backup.id.to_string(), {}, {}, {}};
  for (const auto& record : base.before) recovery.states.push_back(record.state);
  const auto line = held.history(plan.timeline).value();
  const auto replayed = WalReplay(line, open).run(base.start.lsn, recovery.states.back());
  if (replayed.end < base.end.lsn) {
    throw std::logic_error(
        fmt::format("a recovery of {} was accepted that ends at {}, before it is consistent ({})",
                    recovery.backup, replayed.end.to_string(), replayed.stopped_by));
  }
  recovery.states.insert(recovery.states.end(), replayed.states.begin(), replayed.states.end());
  recovery.end = replayed.end;
  recovery.stopped_by = replayed.stopped_by;
  return recovery;
}

std::size_t BackupSide::records_of(const std::string& backup) const {
  return bases_.at(backup).records;
}

postgres::TimelineId BackupSide::newest_timeline() const {
  postgres::TimelineId newest(1);
  const auto wal = archive(layout_).inventory();
  for (const auto& segment : wal.segments) newest = std::max(newest, segment.timeline);
  for (const auto& [timeline, history] : wal.histories) newest = std::max(newest, timeline);
  return newest;
}

bool BackupSide::has_unproved_wal(std::optional<unsigned> line) const {
  const auto events = catalog::EventJournal(layout(line)).read();
  return std::ranges::find(events, catalog::EventKind::unproved, &catalog::Event::kind) != events.end();
}

}  // namespace pgkeep::test
