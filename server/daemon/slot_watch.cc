#include "server/daemon/slot_watch.h"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog/io/error.h"
#include "catalog/records/identity.h"
#include "server/daemon/give_up_slot.h"
#include "server/health/findings.h"
#include "server/health/streamed_node.h"

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
  stop();  // all at once; they are joined one by one
}

void SlotWatch::stop() noexcept {
  for (auto& thread : threads_) thread.request_stop();
}

bool SlotWatch::finish(Clock::time_point until) {
  stop();
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until, [this] { return ended_ == static_cast<int>(threads_.size()); });
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
      if (!entry.given_up) entry.given_up = std::make_shared<std::atomic<bool>>(false);
      entry.next = std::min(entry.next, Clock::now() + server.config.watch_interval);
    }
    watched_ = std::move(followed);
  }
  tell_change();
}

void SlotWatch::tell_change() {
  {
    const std::scoped_lock lock(mutex_);
    ++changes_;
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
        changed_.wait_until(lock, stop, wake, [this, seen = changes_] { return changes_ != seen; });
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
    tell_change();
    looked_(server->config.name);
  }
  {
    const std::scoped_lock lock(mutex_);
    ++ended_;
  }
  changed_.notify_all();
}

void SlotWatch::look(const Supervised& server, const std::stop_token& stop) {
  try {
    // Before the question: what was dropped after it would be taken for the slot that came afterwards.
    const auto dropped = given_up(server.config.name);
    const bool is_dropped = dropped && dropped->exchange(false);
    try {
      note(server, ask(server, stop), is_dropped);
    } catch (...) {  // thrown on: the next look has to know
      if (is_dropped) *dropped = true;
      throw;
    }
  } catch (const Interrupted&) {
    // The end of the program.
  } catch (const std::exception& failure) {
    note_silence(server.config.name, failure.what());
  }
}

std::shared_ptr<std::atomic<bool>> SlotWatch::given_up(const std::string& name) const {
  const std::scoped_lock lock(mutex_);
  const auto found = watched_.find(name);
  return found == watched_.end() ? nullptr : found->second.given_up;
}

SlotWatch::Look SlotWatch::ask(const Supervised& server, const std::stop_token& stop) const {
  const auto& config = server.config;
  const auto peer = server.stream->state().peer;
  auto sql = open_streamed_node(config, peer, streaming::ConnectionKind::sql, stop);
  Look seen{ask_slot_facts(sql, config), sql.peer()};
  const auto& slot = seen.facts.slot;
  // Only then, so that a disk that hangs does not hold up the looks.
  const bool may_be_given_up = config.retain_at_most > 0 && slot && slot->physical &&
                               slot->retained_bytes.value_or(0) >= config.retain_at_most / 2;
  if (may_be_given_up) {
    const auto& layout = server.stream->layout();
    const auto identity = catalog::read_identity(layout);
    seen.facts.made_here = identity && made_here(config, layout, identity->system, seen.peer);
  }
  return seen;
}

void SlotWatch::note(const Supervised& server, Look seen, bool given_up) {
  auto& facts = seen.facts;
  bool lost = false;
  std::vector<Finding> changed;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = watched_.find(server.config.name);
    if (found == watched_.end()) return;
    auto& watched = found->second;
    watched.silent = false;
    auto& memory = watched.memory;
    memory.given_up = memory.given_up || given_up;
    memory.see(facts, watched.server.config.retain_at_most);
    lost = memory.loss_to_act_on;
    watched.report = {.facts = facts, .seen = io::now(), .problem = {}};
    if (facts.slot) {  // one that is not there is the receiver's to make, which says so
      auto findings = examine_slot(watched.server.config, facts);
      changed = changes(memory.findings, findings);
      memory.findings = std::move(findings);
    }
  }
  const auto& stream = server.stream;
  stream->from_standby(facts.is_standby);
  const auto* user = facts.user();
  stream->no_commit_waits(user != nullptr && user->sync_state == "async");
  log_changes(server, changed);
  if (lost) act_on_loss(server);
  if (is_to_be_dropped(facts)) give_up(server, seen.peer, why_to_be_dropped(server.config, facts));
}

void SlotWatch::log_changes(const Supervised& server, const std::vector<Finding>& changed) {
  const auto& log = server.stream->log();
  for (const auto& finding : changed) {
    const auto text =
        finding.hint.empty() ? describe(finding) : fmt::format("{}; {}", describe(finding), finding.hint);
    if (finding.severity == Severity::failed) {
      log->error("{}", text);
    } else if (!finding.is_problem()) {
      log->info("{}", text);
    } else {
      log->warn("{}", text);
    }
  }
}

/// Without a stream the receiver will see for itself; but it may have looked just before the loss, and 16 and
/// 17 let it stream with a lost slot. So the loss is kept in mind until it streams, or there is another slot.
void SlotWatch::act_on_loss(const Supervised& server) {
  if (server.stream->state().phase != catalog::StreamPhase::streaming) return;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = watched_.find(server.config.name);
    if (found != watched_.end()) found->second.memory.loss_to_act_on = false;
  }
  server.stream->log()->warn(
      "the slot that the server has invalidated is left; beginning again with another");
  server.stream->reconnect();
}

/// Only on the host that was looked at: after a failover the slot of that name is another one.
void SlotWatch::give_up(const Supervised& server, const postgres::Endpoint& peer, const std::string& cause) {
  const auto& log = server.stream->log();
  log->warn("giving up the slot to protect the server");
  auto* stream = server.stream.get();  // it owns the job
  auto work = [stream, config = server.config, peer, cause,
               dropped = given_up(server.config.name)](const std::stop_token& stop) {
    const auto now = stream->state().peer;
    if (now.is_known() && now != peer) {
      throw Refused(
          fmt::format("the slot that kept too much is on {}, and WAL comes from {} by now", peer, now));
    }
    if (!give_up_slot(config, peer, stream->layout(), cause, stop)) {
      stream->log()->info("the slot keeps less by now, so it is not given up");
      return;
    }
    if (dropped) *dropped = true;
    stream->log()->warn("the slot is given up: {}", cause);
  };
  stream->between_runs({"give up the slot", std::move(work)});
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
