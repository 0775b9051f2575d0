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

std::string describe_stream(const StreamFacts& stream, io::TimePoint now, Advice advice) {
  if (stream.source != StreamFacts::Source::past)
    return stream.state ? describe_phase(*stream.state, now)
                        : "a receiver runs that has not said anything yet";
  std::string text = "nobody receives";
  if (stream.state) text += " since " + io::format_time(stream.state->written);
  if (advice == Advice::given) text += "; " + stream.way_out;
  if (stream.state && !stream.state->last_error.empty())
    text += fmt::format("\nthe last trouble was: {}", stream.state->last_error);
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

}  // namespace pgkeep::server
