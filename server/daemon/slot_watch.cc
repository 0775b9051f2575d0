#include "server/daemon/slot_watch.h"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog/io/error.h"
#include "catalog/io/units.h"
#include "server/daemon/give_up_slot.h"
#include "server/daemon/streamed_node.h"

namespace pgkeep::server {
namespace {

constexpr int kThreads = 3;  // for those that answer; one more for the others
constexpr std::chrono::seconds kIdle{60};

}  // namespace

SlotWatch::SlotWatch(std::function<void(const std::string& server)> looked) : looked_(std::move(looked)) {
  for (int i = 0; i <= kThreads; ++i) {
    const auto lane = i < kThreads ? Lane::answering : Lane::silent;
    threads_.emplace_back([this, lane](const std::stop_token& stop) { work(lane, stop); });
  }
}

SlotWatch::~SlotWatch() {
  for (auto& thread : threads_) thread.request_stop();  // all at once; they are joined one by one
}

void SlotWatch::follow(const std::vector<Supervised>& servers) {
  {
    const std::scoped_lock lock(mutex_);
    std::map<std::string, Watched> followed;
    for (const auto& server : servers) {
      auto& entry = followed[server.config.name];
      const auto known = watched_.find(server.config.name);
      if (known != watched_.end()) entry = std::move(known->second);
      entry.server = server;
      entry.next = std::min(entry.next, Clock::now() + server.config.watch_interval);
    }
    watched_ = std::move(followed);
  }
  changed_.notify_all();
}

std::optional<SlotReport> SlotWatch::report(const std::string& server) const {
  const std::scoped_lock lock(mutex_);
  const auto found = watched_.find(server);
  return found == watched_.end() ? std::nullopt : found->second.report;
}

/// Of those that are due the one that streams first: it is the likeliest to answer. Nothing: none before
/// `wake`.
SlotWatch::Watched* SlotWatch::next_due(Lane lane, Clock::time_point& wake) {
  const auto now = Clock::now();
  wake = now + kIdle;
  Watched* chosen = nullptr;
  bool chosen_streams = false;
  for (auto& [name, watched] : watched_) {
    if (watched.in_hand || watched.silent != (lane == Lane::silent)) continue;
    if (watched.next > now) {
      wake = std::min(wake, watched.next);
      continue;
    }
    const bool streams = watched.server.stream->state().phase == catalog::StreamPhase::streaming;
    const bool better = chosen == nullptr || (streams && !chosen_streams) ||
                        (streams == chosen_streams && watched.next < chosen->next);
    if (!better) continue;
    chosen = &watched;
    chosen_streams = streams;
  }
  return chosen;
}

void SlotWatch::work(Lane lane, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::optional<Supervised> server;
    {
      std::unique_lock lock(mutex_);
      Clock::time_point wake;
      if (auto* due = next_due(lane, wake)) {
        due->in_hand = true;
        server = due->server;
      } else {
        changed_.wait_until(lock, stop, wake, [] { return false; });
        continue;
      }
    }
    look(*server, stop);
    {
      const std::scoped_lock lock(mutex_);
      const auto found = watched_.find(server->config.name);
      if (found != watched_.end()) {
        found->second.in_hand = false;
        found->second.next = Clock::now() + found->second.server.config.watch_interval;
      }
    }
    changed_.notify_all();
    looked_(server->config.name);
  }
}

void SlotWatch::look(const Supervised& server, const std::stop_token& stop) {
  try {
    const auto peer = server.stream->state().peer;
    auto sql = open_streamed_node(server.config, peer, streaming::ConnectionKind::sql, stop);
    note(server, ask_slot(sql, server.config));
  } catch (const Interrupted&) {
    // The end of the program.
  } catch (const std::exception& failure) {
    note_silence(server.config.name, failure.what());
  }
}

void SlotWatch::note(const Supervised& server, const SlotAnswer& answer) {
  SlotVerdict verdict;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = watched_.find(server.config.name);
    if (found == watched_.end()) return;
    auto& watched = found->second;
    watched.silent = false;
    verdict = judge_slot(answer, watched.server.config.retain_at_most, watched.memory);
    watched.report = answer.report;
    watched.report->warning = verdict.warning;
  }
  const auto& stream = server.stream;
  const auto& log = stream->log();
  stream->from_standby(answer.from_standby);
  for (const auto& line : verdict.lines)
    log->log(line.grave ? spdlog::level::err : spdlog::level::warn, "{}", line.text);
  // Without a stream the receiver will see for itself.
  if (verdict.lost && stream->state().phase == catalog::StreamPhase::streaming) {
    log->error(
        "the server has invalidated the slot{}: it keeps no WAL for pgkeep; beginning anew with another",
        answer.invalidation.empty() ? "" : fmt::format(" ({})", answer.invalidation));
    stream->reconnect();
  }
  if (verdict.give_up) {
    log->error("{}; giving up the slot", *verdict.give_up);
    stream->between_runs(
        {"give up the slot", [config = server.config, peer = stream->state().peer, layout = stream->layout(),
                              log, cause = *verdict.give_up](const std::stop_token& stop) {
           give_up_slot(config, peer, layout, cause, stop);
           log->warn("the slot is given up: {}", cause);
         }});
  }
}

void SlotWatch::note_silence(const std::string& name, const std::string& why) {
  const std::scoped_lock lock(mutex_);
  const auto found = watched_.find(name);
  if (found == watched_.end()) return;
  auto& watched = found->second;
  watched.silent = true;
  if (!watched.report) watched.report.emplace();
  watched.report->problem = why;
}

}  // namespace pgkeep::server
