#include "server/daemon/stream_recorder.h"

#include "catalog/records/process_identity.h"

namespace pgkeep::server {

using catalog::StreamPhase;

StreamRecorder::StreamRecorder(WalLog& log, Hooks hooks) : log_(&log), hooks_(std::move(hooks)) {
  state_.with([](auto& state) {
    state.started = state.since = io::now();
    state.process = catalog::this_process();
  });
}

catalog::StreamState StreamRecorder::state() const {
  auto state = state_.with([](const auto& kept) { return kept; });
  state.written = io::now();
  return state;
}

void StreamRecorder::enter(StreamPhase phase) {
  const bool another = state_.with([&](auto& state) {
    if (phase != StreamPhase::waiting && phase != StreamPhase::blocked) {
      state.cause.clear();
      state.next_try.reset();
    }
    if (state.phase == phase) return false;
    state.phase = phase;
    state.since = io::now();
    return true;
  });
  if (another) hooks_.changed();
}

/// A try after a failure is part of the same trouble: what it waits for, and since when, stays said until WAL
/// comes again.
void StreamRecorder::enter_connecting() {
  const auto phase = state_.with([](const auto& state) { return state.phase; });
  if (phase == StreamPhase::stopped || phase == StreamPhase::streaming) enter(StreamPhase::connecting);
}

void StreamRecorder::starting() {
  enter_connecting();
}

void StreamRecorder::stopped(const std::optional<postgres::WalPosition>& flushed) {
  enter(StreamPhase::stopped);
  log_->stopped(flushed);
}

void StreamRecorder::failed(const std::string& why) {
  state_.with([&](auto& state) {
    state.last_error = why;
    state.last_error_at = io::now();
  });
  enter(StreamPhase::stopped);
}

void StreamRecorder::from_standby(bool standby) {
  state_.with([&](auto& state) { state.from_standby = standby; });
}

void StreamRecorder::connected(const streaming::Connection& connection, const streaming::SystemInfo& system) {
  state_.with([&](auto& state) { state.peer = connection.peer(); });
  enter_connecting();
  log_->connected(connection, system);
}

void StreamRecorder::streaming_from(const postgres::WalPosition& position) {
  // Every timeline begins a stream of its own; what counts is that the server was away.
  const bool was_away = state_.with([](const auto& state) { return state.phase != StreamPhase::streaming; });
  if (was_away && has_streamed_.exchange(true)) state_.with([](auto& state) { ++state.reconnects; });
  enter(StreamPhase::streaming);
  log_->streaming_from(position);
}

void StreamRecorder::segment_archived(const catalog::SegmentFileHeader& segment) {
  log_->segment_archived(segment);
}

void StreamRecorder::synced(std::uint64_t bytes, std::chrono::microseconds took) {
  state_.with([&](auto& state) { state.syncs.add(bytes, took); });
}

void StreamRecorder::timeline_switched(postgres::TimelineId from, postgres::TimelineId to, postgres::Lsn at) {
  log_->timeline_switched(from, to, at);
}

void StreamRecorder::disconnected(const std::string& why, std::chrono::milliseconds retry_in,
                                  bool needs_attention) {
  const auto now = io::now();
  state_.with([&](auto& state) {
    state.cause = state.last_error = why;
    state.last_error_at = now;
    state.next_try = now + retry_in;
  });
  enter(needs_attention ? StreamPhase::blocked : StreamPhase::waiting);
  log_->disconnected(why, retry_in, needs_attention);
}

void StreamRecorder::event(const catalog::Event& event) {
  log_->event(event);
  if (hooks_.event) hooks_.event(event);
}

void StreamRecorder::warning(const std::string& what) {
  log_->warning(what);
}

catalog::StreamState with_progress(catalog::StreamState state, const streaming::WalProgress& progress) {
  if (progress.received) state.received = progress.received;
  if (progress.flushed) state.flushed = progress.flushed;
  if (progress.server_end) state.server_end = progress.server_end;
  if (progress.last_message) state.last_message = progress.last_message;
  state.disk_busy_since = progress.disk_busy_since;
  return state;
}

}  // namespace pgkeep::server
