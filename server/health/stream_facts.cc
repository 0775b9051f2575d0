#include "server/health/stream_facts.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/units.h"

namespace pgkeep::server {
namespace {

using catalog::StreamPhase;
using std::chrono::milliseconds;

// A disk under load may take a second; this is none of that.
constexpr milliseconds kSlowDisk{5000};

milliseconds between(io::TimePoint earlier, io::TimePoint later) {
  return std::max(std::chrono::duration_cast<milliseconds>(later - earlier), milliseconds(0));
}

std::string describe_phase(const catalog::StreamState& state, io::TimePoint now) {
  const auto for_how_long = io::format_duration(between(state.since, now));
  switch (state.phase) {
    case StreamPhase::streaming:
      return fmt::format("streaming from {}{} for {}", state.peer, state.from_standby ? ", a standby," : "",
                         for_how_long);
    case StreamPhase::connecting:
      return fmt::format("connecting for {}", for_how_long);
    case StreamPhase::waiting:
    case StreamPhase::blocked:
      return fmt::format(
          "{} for {}: {}{}", state.phase == StreamPhase::blocked ? "NEEDS ATTENTION" : "waiting",
          for_how_long, state.cause,
          state.next_try ? fmt::format("; next try in {}", io::format_duration(between(now, *state.next_try)))
                         : "");
    case StreamPhase::stopped:
      break;
  }
  return fmt::format("stopped {} ago", for_how_long);
}

Json lsn_json(const std::optional<postgres::WalPosition>& position) {
  return position ? Json(position->lsn.to_string()) : Json();
}

Json slot_json(const SlotReport& report) {
  const auto number = [](const std::optional<std::uint64_t>& value) { return value ? Json(*value) : Json(); };
  const auto slot = report.facts.slot.value_or(streaming::SlotView{});
  return {{"wal_status", to_string(slot.wal_status.value_or(streaming::WalStatus::none))},
          {"active", slot.active},
          {"restart_lsn", slot.restart_lsn ? Json(slot.restart_lsn->to_string()) : Json()},
          {"retained_bytes", number(slot.retained_bytes)},
          {"safe_wal_bytes", number(slot.safe_wal_bytes)},
          {"sync_state", slot.user ? slot.user->sync_state : ""},
          {"commits_wait", report.facts.commits_wait},
          {"seen", report.seen == io::TimePoint() ? Json() : json_time(report.seen)},
          {"warning", report.warning},
          {"problem", report.problem}};
}

std::string_view to_string(StreamFacts::Source source) {
  switch (source) {
    case StreamFacts::Source::daemon:
      return "daemon";
    case StreamFacts::Source::file:
      return "file";
    case StreamFacts::Source::past:
      break;
  }
  return "past";
}

}  // namespace

std::optional<DaemonReport> find_daemon(const std::optional<store::Repository>& repository, Output& out) {
  if (!repository) return std::nullopt;
  try {
    return ask_daemon(*repository);
  } catch (const Error& error) {
    out.warning(
        fmt::format("the daemon does not answer, so what is shown of it may be old: {}", error.what()));
    return std::nullopt;
  }
}

StreamFacts read_stream_facts(const std::string& server, const store::ServerLayout& layout,
                              const std::optional<DaemonReport>& daemon) {
  StreamFacts facts;
  facts.receiver = io::FileLock::holder(layout.receiver_lock());
  if (daemon) {
    const auto report = std::ranges::find(daemon->servers, server, &ServerReport::name);
    if (report != daemon->servers.end()) {
      facts.source = StreamFacts::Source::daemon;
      facts.state = report->stream;
      facts.slot = report->slot;
      facts.own_backup = report->backup;
      return facts;
    }
    facts.way_out = "the daemon does not know the server yet: `pgkeep reload`";
  }
  facts.state = catalog::read_stream_state(layout);
  if (facts.receiver) facts.source = StreamFacts::Source::file;
  return facts;
}

postgres::Endpoint streamed_peer(const StreamFacts& stream) {
  return stream.state && stream.source != StreamFacts::Source::past ? stream.state->peer
                                                                    : postgres::Endpoint();
}

std::string describe_stream(const StreamFacts& stream, io::TimePoint now) {
  if (!stream.state) {
    return stream.source == StreamFacts::Source::past ? "nobody receives; " + stream.way_out
                                                      : "a receiver runs that has not said anything yet";
  }
  const auto& state = *stream.state;
  if (stream.source != StreamFacts::Source::past) return describe_phase(state, now);
  auto text = fmt::format("nobody receives since {}; {}", io::format_time(state.written), stream.way_out);
  if (!state.last_error.empty()) text += fmt::format("\nthe last trouble was: {}", state.last_error);
  return text;
}

std::string stream_word(const StreamFacts& stream) {
  if (stream.source == StreamFacts::Source::past || !stream.state) return "not running";
  return std::string(catalog::to_string(stream.state->phase));
}

std::optional<std::string> disk_trouble(const StreamFacts& stream, io::TimePoint now) {
  if (stream.source == StreamFacts::Source::past || !stream.state || !stream.state->disk_busy_since)
    return std::nullopt;
  const auto busy = between(*stream.state->disk_busy_since, now);
  if (busy < kSlowDisk) return std::nullopt;
  return fmt::format("the repository's disk has not answered for {}", io::format_duration(busy));
}

Json stream_json(const StreamFacts& stream) {
  Json json{{"source", to_string(stream.source)}, {"phase", stream_word(stream)}};
  json["slot"] = stream.slot ? slot_json(*stream.slot) : Json();
  json["own_backup"] = stream.own_backup;
  // Every key always: nothing is known where nobody ever received.
  const auto state = stream.state.value_or(catalog::StreamState{});
  const auto time = [&](io::TimePoint at) { return stream.state ? json_time(at) : Json(); };
  json["since"] = time(state.since);
  json["cause"] = state.cause;
  json["next_try"] = json_time(state.next_try);
  json["reconnects"] = state.reconnects;
  json["last_error"] = state.last_error;
  json["last_error_at"] = json_time(state.last_error_at);
  json["peer"] = state.peer.to_string();
  json["from_standby"] = state.from_standby;
  json["timeline"] = state.received ? Json(state.received->timeline.value()) : Json();
  json["received_lsn"] = lsn_json(state.received);
  json["flushed_lsn"] = lsn_json(state.flushed);
  json["server_lsn"] = state.server_end ? Json(state.server_end->to_string()) : Json();
  const auto lag = state.lag_bytes();
  json["lag_bytes"] = lag ? Json(*lag) : Json();
  json["last_message"] = json_time(state.last_message);
  json["disk_busy_since"] = json_time(state.disk_busy_since);
  json["started"] = time(state.started);
  json["as_of"] = time(state.written);
  return json;
}

}  // namespace pgkeep::server
