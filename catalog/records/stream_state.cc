#include "catalog/records/stream_state.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <tuple>
#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/sealed_json.h"
#include "catalog/records/json.h"

namespace pgkeep::catalog {
namespace {

constexpr std::array<std::string_view, 5> kPhases{"stopped", "connecting", "streaming", "waiting", "blocked"};
constexpr std::uint64_t kMaxBytes = 64u << 10;
constexpr std::size_t kLongestText = 4096;  // of what a server said: the file stays readable

constexpr std::tuple kItems{std::pair{"phase", &StreamState::phase},
                            std::pair{"since", &StreamState::since},
                            std::pair{"cause", &StreamState::cause},
                            std::pair{"next_try", &StreamState::next_try},
                            std::pair{"reconnects", &StreamState::reconnects},
                            std::pair{"last_error", &StreamState::last_error},
                            std::pair{"last_error_at", &StreamState::last_error_at},
                            std::pair{"peer", &StreamState::peer},
                            std::pair{"from_standby", &StreamState::from_standby},
                            std::pair{"received", &StreamState::received},
                            std::pair{"flushed", &StreamState::flushed},
                            std::pair{"server_end", &StreamState::server_end},
                            std::pair{"last_message", &StreamState::last_message},
                            std::pair{"disk_busy_since", &StreamState::disk_busy_since},
                            std::pair{"syncs", &StreamState::syncs},
                            std::pair{"process", &StreamState::process},
                            std::pair{"started", &StreamState::started},
                            std::pair{"written", &StreamState::written}};

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

void to_json(nlohmann::ordered_json& json, const StreamState& state) {
  io::write_items(json, state, kItems);
  json["cause"] = state.cause.substr(0, kLongestText);
  json["last_error"] = state.last_error.substr(0, kLongestText);
}

void from_json(const nlohmann::json& json, StreamState& state) {
  io::read_items(json, state, kItems);
}

std::string format_stream_state(const StreamState& state) {
  // What a server says may be any bytes.
  using Json = nlohmann::ordered_json;
  return io::seal_json(Json(state).dump(-1, ' ', false, Json::error_handler_t::replace));
}

StreamState parse_stream_state(std::string_view text) {
  return io::from_sealed_json("state of a stream", text, {},
                              [](const nlohmann::json& json) { return json.get<StreamState>(); });
}

void write_stream_state(const store::ServerLayout& layout, const StreamState& state) {
  const auto path = layout.stream_state();
  const auto tmp = temporary(path);
  io::remove_file(tmp);
  try {
    auto file = io::File::create(tmp);
    file.append(io::as_bytes(format_stream_state(state) + "\n"));
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
    if (content) return parse_stream_state(io::as_text(*content));
  } catch (const Corruption&) {
    // Of a crash of the machine, say: the rename was kept and the content was not.
  } catch (const StorageError&) {
    // News, not truth: who asks continues without.
  }
  return std::nullopt;
}

}  // namespace pgkeep::catalog
