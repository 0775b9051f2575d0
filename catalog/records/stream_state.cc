#include "catalog/records/stream_state.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/json.h"

namespace pgkeep::catalog {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 5> kPhases{"stopped", "connecting", "streaming", "waiting", "blocked"};
constexpr std::uint64_t kMaxBytes = 64u << 10;
constexpr std::size_t kLongestText = 4096;  // of what a server said: the file stays readable

Json time_json(const std::optional<io::TimePoint>& time) {
  return time ? Json(io::format_rfc3339(*time)) : Json();
}

Json position_json(const std::optional<postgres::WalPosition>& position) {
  if (!position) return {};
  return {{"timeline", position->timeline.value()}, {"lsn", position->lsn.to_string()}};
}

template <typename T>
T require(std::optional<T> value, const char* item) {
  if (!value) throw Corruption(fmt::format("state of a stream: '{}' cannot be understood", item));
  return *value;
}

std::optional<io::TimePoint> read_time(const nlohmann::json& state, const char* item) {
  const auto& value = state.at(item);
  if (value.is_null()) return std::nullopt;
  return require(io::parse_rfc3339(value.get_ref<const std::string&>()), item);
}

std::optional<postgres::Lsn> read_lsn(const nlohmann::json& state, const char* item) {
  const auto& value = state.at(item);
  if (value.is_null()) return std::nullopt;
  return require(postgres::Lsn::parse(value.get_ref<const std::string&>()), item);
}

std::optional<postgres::WalPosition> read_position(const nlohmann::json& state, const char* item) {
  const auto& value = state.at(item);
  if (value.is_null()) return std::nullopt;
  return postgres::WalPosition{postgres::TimelineId(io::whole_number<std::uint32_t>(value.at("timeline"))),
                               require(read_lsn(value, "lsn"), item)};
}

StreamState read_state(const nlohmann::json& json) {
  StreamState state;
  state.phase = require(parse_stream_phase(json.at("phase").get_ref<const std::string&>()), "phase");
  state.since = require(read_time(json, "since"), "since");
  state.cause = json.at("cause").get<std::string>();
  state.next_try = read_time(json, "next_try");
  state.reconnects = io::whole_number<std::uint64_t>(json.at("reconnects"));
  state.last_error = json.at("last_error").get<std::string>();
  state.last_error_at = read_time(json, "last_error_at");
  state.peer = json.at("peer").get<std::string>();
  state.from_standby = json.at("from_standby").get<bool>();
  state.received = read_position(json, "received");
  state.flushed = read_position(json, "flushed");
  state.server_end = read_lsn(json, "server_end");
  state.last_message = read_time(json, "last_message");
  state.disk_busy_since = read_time(json, "disk_busy_since");
  state.process = json.at("process").get<std::string>();
  state.started = require(read_time(json, "started"), "started");
  state.written = require(read_time(json, "written"), "written");
  return state;
}

/// For the writers in one process: the name of the temporary file.
std::filesystem::path temporary(const std::filesystem::path& path) {
  return fmt::format("{}.{}.tmp", path.native(), ::getpid());
}

}  // namespace

std::string_view to_string(StreamPhase phase) {
  return kPhases.at(static_cast<std::size_t>(phase));
}

std::optional<StreamPhase> parse_stream_phase(std::string_view text) {
  const auto found = std::ranges::find(kPhases, text);
  if (found == kPhases.end()) return std::nullopt;
  return static_cast<StreamPhase>(found - kPhases.begin());
}

std::optional<std::uint64_t> StreamState::lag_bytes() const {
  if (!server_end || !flushed) return std::nullopt;
  return *server_end > flushed->lsn ? *server_end - flushed->lsn : 0;
}

std::string StreamState::to_json() const {
  const Json json{{"phase", to_string(phase)},
                  {"since", io::format_rfc3339(since)},
                  {"cause", cause.substr(0, kLongestText)},
                  {"next_try", time_json(next_try)},
                  {"reconnects", reconnects},
                  {"last_error", last_error.substr(0, kLongestText)},
                  {"last_error_at", time_json(last_error_at)},
                  {"peer", peer},
                  {"from_standby", from_standby},
                  {"received", position_json(received)},
                  {"flushed", position_json(flushed)},
                  {"server_end", server_end ? Json(server_end->to_string()) : Json()},
                  {"last_message", time_json(last_message)},
                  {"disk_busy_since", time_json(disk_busy_since)},
                  {"process", process},
                  {"started", io::format_rfc3339(started)},
                  {"written", io::format_rfc3339(written)}};
  // What a server says may be any bytes.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

StreamState StreamState::from_json(std::string_view text) {
  try {
    return read_state(io::parse_json(text));
  } catch (const Json::exception& error) {
    throw Corruption(fmt::format("state of a stream: {}", io::why_no_json(error)));
  }
}

void write_stream_state(const store::ServerLayout& layout, const StreamState& state) {
  const auto path = layout.stream_state();
  const auto tmp = temporary(path);
  io::remove_file(tmp);
  try {
    auto file = io::File::create(tmp);
    file.append(io::as_bytes(state.to_json() + "\n"));
    file.close();
  } catch (const StorageError&) {
    std::error_code ignored;
    std::filesystem::remove(tmp, ignored);
    throw;
  }
  io::rename_file(tmp, path);
}

std::optional<StreamState> read_stream_state(const store::ServerLayout& layout) {
  try {
    const auto content = io::read_file_if_exists(layout.stream_state(), kMaxBytes);
    if (content) return StreamState::from_json(io::as_text(*content));
  } catch (const Corruption&) {
    // Of a crash of the machine, say: the rename was kept and the content was not.
  } catch (const StorageError&) {
    // News, not truth: who asks goes on without.
  }
  return std::nullopt;
}

}  // namespace pgkeep::catalog
