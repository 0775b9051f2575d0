#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "catalog/io/units.h"
#include "catalog/postgres/endpoint.h"
#include "catalog/postgres/timeline.h"
#include "catalog/records/sync_counters.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

enum class StreamPhase : std::uint8_t {
  stopped,     // nobody receives
  connecting,  // looking for the server, or finding out where to continue
  streaming,
  waiting,  // broken off; tried again at next_try
  blocked,  // the same, but somebody has to do something first: `cause` says what
};
std::string_view to_string(StreamPhase phase);
std::optional<StreamPhase> parse_stream_phase(std::string_view text);

/// How the WAL stream of one server stands. Times are ours.
struct StreamState {
  StreamPhase phase = StreamPhase::stopped;
  io::TimePoint since;  // of the phase
  std::string cause;    // of waiting and blocked
  std::optional<io::TimePoint> next_try;
  std::uint64_t reconnects = 0;  // since `started`
  std::string last_error;        // stays when the stream is up again
  std::optional<io::TimePoint> last_error_at;
  postgres::Endpoint peer;  // that is or was streamed from
  bool from_standby = false;
  std::optional<postgres::WalPosition> received;
  std::optional<postgres::WalPosition> flushed;
  std::optional<postgres::Lsn> server_end;       // as the server said last
  std::optional<io::TimePoint> last_message;     // from the server
  std::optional<io::TimePoint> disk_busy_since;  // an fsync or write that has not come back
  SyncCounters syncs;                            // since `started`
  std::string process;                           // of who receives: as RunRecord::process
  io::TimePoint started;
  io::TimePoint written;  // when this was said

  /// Bytes that the server has and that are not durable here; nothing before the first message.
  std::optional<std::uint64_t> lag_bytes() const;
  bool operator==(const StreamState&) const = default;
};

void to_json(nlohmann::ordered_json& json, const StreamState& state);
/// Throws nlohmann::json::exception.
void from_json(const nlohmann::json& json, StreamState& state);

/// The text of stream.json, sealed (io/sealed_json.h).
std::string format_stream_state(const StreamState& state);
/// Throws Corruption.
StreamState parse_stream_state(std::string_view text);

/// stream.json: the state as the receiver reported it last, replaced by rename without fsync: it is news, not
/// truth. What is exact now, the daemon tells (server/health/control.h).
void write_stream_state(const store::ServerLayout& layout, const StreamState& state);
/// Nothing when there is none or it cannot be understood.
std::optional<StreamState> read_stream_state(const store::ServerLayout& layout);

}  // namespace pgkeep::catalog
