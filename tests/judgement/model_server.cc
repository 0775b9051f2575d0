#include "tests/judgement/model_server.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace pgkeep::test {
namespace {

using postgres::Lsn;
using postgres::TimelineId;

constexpr TimelineId kFirstTimeline{1};
constexpr Lsn kFirstByte{2 * kSampleSegmentBytes};

// Resource managers and what their records are (rmgrlist.h, pg_control.h, xact.h).
constexpr std::uint8_t kXlog = 0;
constexpr std::uint8_t kTransactions = 1;
constexpr std::uint8_t kHeap = 10;
constexpr std::uint8_t kOnlineCheckpoint = 0x10;
constexpr std::uint8_t kSwitch = 0x40;
constexpr std::uint8_t kBackupEnd = 0x50;
constexpr std::uint8_t kEndOfRecovery = 0x90;

constexpr std::uint64_t kUnlikeAnyOther = 0x9E3779B97F4A7C15;

ServerState mix(ServerState state, std::uint64_t with) {
  state = (state ^ with) * kUnlikeAnyOther;
  return state ^ (state >> 29);
}

/// The content of a record without blocks: its main data behind their length.
io::ByteVector main_data(io::ByteView data) {
  io::ByteVector content{std::byte{255}, static_cast<std::byte>(data.size())};
  content.insert(content.end(), data.begin(), data.end());
  return content;
}

template <typename T>
void append(io::ByteVector& bytes, T value) {
  bytes.resize(bytes.size() + sizeof(T));
  io::store_le(bytes.data() + bytes.size() - sizeof(T), value);
}

std::uint64_t moment(std::uint64_t unique) {
  const io::TimePoint begin(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20));
  return static_cast<std::uint64_t>(io::to_postgres_time(begin + std::chrono::milliseconds(unique)));
}

}  // namespace

ServerState state_after(ServerState before, Lsn begin, std::uint8_t manager, std::uint8_t info,
                        io::ByteView content) {
  return mix(mix(before, begin.value()),
             std::uint64_t{io::crc32c(content)} << 16 | std::uint64_t{manager} << 8 | info);
}

ModelServer::ModelServer(std::string name, KnownStates& known)
    : begin_of_kept(kFirstByte),
      name_(std::move(name)),
      known_(&known),
      wal_(kFirstByte),
      end_(kFirstByte),
      line_(kFirstTimeline) {}

std::optional<std::string> ModelServer::history_file(TimelineId timeline) const {
  const auto found = history_files_.find(timeline);
  return found == history_files_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<WrittenRecord> ModelServer::records_until(Lsn lsn) const {
  const auto end = std::ranges::find_if(records_, [lsn](const auto& record) { return record.end > lsn; });
  return {records_.begin(), end};
}

bool ModelServer::was_in(ServerState state) const {
  return std::ranges::find(records_, state, &WrittenRecord::state) != records_.end();
}

io::ByteView ModelServer::wal(Lsn from, std::uint64_t bytes, TimelineId timeline) const {
  const auto left_at = line_.end_of(timeline);
  if (before_ && left_at && *left_at < from + bytes) return before_->wal(from, bytes, timeline);
  const auto all = wal_.bytes().first(end_ - wal_.begin());
  const auto left = all.subspan(from - wal_.begin());
  return left.first(std::min<std::uint64_t>(left.size(), bytes));
}

std::vector<postgres::WalSegment> ModelServer::complete_segments() const {
  std::vector<postgres::WalSegment> segments;
  for (auto number = begin_of_kept.value() / kSampleSegmentBytes;
       (number + 1) * kSampleSegmentBytes <= end_.value(); ++number)
    segments.push_back({line_.timeline_at(Lsn((number + 1) * kSampleSegmentBytes - 1)), number});
  return segments;
}

io::ByteVector ModelServer::segment_file(std::uint64_t number) const {
  const auto written = wal(Lsn(number * kSampleSegmentBytes), kSampleSegmentBytes, timeline());
  io::ByteVector file(written.begin(), written.end());
  file.resize(kSampleSegmentBytes);
  return file;
}

void ModelServer::note(Lsn begin, std::uint8_t manager, std::uint8_t info, io::ByteView content) {
  end_ = wal_.begin() + wal_.written().size();
  const auto before = records_.empty() ? ServerState{} : records_.back().state;
  records_.push_back({begin, end_, state_after(before, begin, manager, info, content)});
  known_->add(records_.back().state, name_);
}

void ModelServer::add(std::uint8_t manager, std::uint8_t info, const io::ByteVector& content) {
  const auto begin = wal_.add(manager, info, content);
  note(begin, manager, info, content);
}

io::ByteVector ModelServer::row(std::uint64_t bytes) {
  io::ByteVector content(std::max<std::uint64_t>(bytes, sizeof(std::uint64_t)), std::byte{0x52});
  io::store_le(content.data(), known_->next_unique());
  return content;
}

void ModelServer::work(const Work& work) {
  switch (work.kind) {
    case Work::Kind::commit: {
      io::ByteVector time;
      append(time, moment(known_->next_unique()));
      return add(kTransactions, 0, main_data(time));
    }
    case Work::Kind::row:
      return add(kHeap, 0, row(work.bytes));
    case Work::Kind::plain:
      return add(kHeap, 0, io::ByteVector(work.bytes, std::byte{0x5A}));
    case Work::Kind::wal_switch: {
      const auto begin = wal_.switch_wal();
      return note(begin, kXlog, kSwitch, {});
    }
    case Work::Kind::fill_segment: {
      const Lsn end((wal_.position().value() / kSampleSegmentBytes + 1) * kSampleSegmentBytes);
      const auto room = wal_.room_to(end);
      if (room >= postgres::kWalRecordHeaderBytes + sizeof(std::uint64_t))
        add(kHeap, 0, row(room - postgres::kWalRecordHeaderBytes));
      return;
    }
  }
}

ModelServer::Checkpoint ModelServer::checkpoint(Lsn redo) {
  Checkpoint made{redo, {}, io::ByteVector(postgres::kCheckpointBytes)};
  io::store_le(made.content.data(), redo.value());
  io::store_le(made.content.data() + 8, timeline().value());
  io::store_le(made.content.data() + 12, timeline().value());
  io::store_le(made.content.data() + 64, moment(known_->next_unique()));
  add(kXlog, kOnlineCheckpoint, main_data(made.content));
  made.record = records_.back().begin;
  return made;
}

void ModelServer::end_backup(Lsn start) {
  io::ByteVector data;
  append(data, start.value());
  add(kXlog, kBackupEnd, main_data(data));
}

void ModelServer::go_back_to(std::size_t records) {
  if (records_[records - 1].end < line_.begin()) before_ = std::make_shared<const ModelServer>(*this);
  records_.resize(records);
  end_ = records_.back().end;
  begin_of_kept = std::min(begin_of_kept, Lsn(end_.value() / kSampleSegmentBytes * kSampleSegmentBytes));
  wal_.cut(records_.back().begin, end_);
  flushed = end_;
}

void ModelServer::promote(TimelineId timeline) {
  promote_along(*this, timeline);
}

void ModelServer::promote_along(const ModelServer& of, TimelineId timeline) {
  const auto parent = of.timeline();
  if (&of != this) history_files_ = of.history_files_;
  auto content = of.history_file(parent).value_or("");
  content += fmt::format("{}\t{}\tno recovery target specified\n", parent.to_string(), end_.to_string());
  line_ = postgres::TimelineHistory::parse(timeline, content);
  history_files_[timeline] = content;
  slot.reset();                           // a standby has no copy of it
  wal_.cut(records_.back().begin, end_);  // a page that was begun would be the old timeline's
  wal_.go_on_as(timeline);
  io::ByteVector data;
  append(data, moment(known_->next_unique()));
  append(data, timeline.value());
  append(data, parent.value());
  add(kXlog, kEndOfRecovery, main_data(data));
  flushed = end_;
}

}  // namespace pgkeep::test
