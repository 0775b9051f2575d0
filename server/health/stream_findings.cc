#include <algorithm>

#include <fmt/format.h>

#include "server/health/findings_parts.h"

namespace pgkeep::server {
namespace {

// How the receiver's lock names a backup that receives its own WAL.
constexpr std::string_view kBackup = "backup";

/// Whether another client has our slot in use: it is active, and our receiver, if there is one, gets nothing.
/// One that has just begun is given the time to say.
bool is_used_by_another(const ServerFacts& facts, const streaming::SlotView& slot) {
  if (!slot.active || !facts.has_seen("receiver")) return false;
  const auto& stream = facts.stream;
  if (!stream.receiver) return true;
  using catalog::StreamPhase;
  if (stream.receiver->purpose == kBackup || !stream.state) return false;
  return stream.state->phase == StreamPhase::waiting || stream.state->phase == StreamPhase::blocked;
}

std::string describe_user(const streaming::SlotView& slot) {
  auto text = fmt::format("in use by another client: process {} of the server", slot.active_pid);
  const auto& user = slot.user;
  if (!user || user->application.empty()) return text;
  return text +
         fmt::format(" ({}{}{})", user->application, user->address.empty() ? "" : " from ", user->address);
}

/// From the server itself where it was asked, with what the daemon knows from earlier looks; else what the
/// daemon saw last. Nothing when neither has seen it.
std::optional<SlotFacts> slot_facts(const ServerFacts& facts) {
  const auto& report = facts.stream.slot;
  if (!facts.live) return report && report->problem.empty() ? std::optional(report->facts) : std::nullopt;
  auto ours = facts.live->ours;
  if (report) {
    ours.grows = report->facts.grows;
    ours.made_here = report->facts.made_here;
    ours.limit = report->facts.limit;
  }
  return ours;
}

void add_slot(const ServerFacts& facts, const SlotFacts& ours, std::vector<Finding>& findings) {
  auto about_slot = examine_slot(facts.config, ours);
  auto& slot = about_slot.front();
  if (facts.live && ours.slot && is_used_by_another(facts, *ours.slot)) {
    slot.what += "; " + describe_user(*ours.slot);
    if (slot.severity < Severity::failed) {
      slot.severity = Severity::failed;
      slot.hint =
          "pgkeep receives nothing before that one ends: stop it, or give it a slot of its own. "
          "A connection of pgkeep that broke off is ended by the server after wal_sender_timeout";
    }
  }
  std::ranges::move(about_slot, std::back_inserter(findings));
}

Finding examine_receiver(const ServerFacts& facts, io::TimePoint now) {
  const auto& stream = facts.stream;
  const auto& receiver = stream.receiver;
  Finding finding{.key = "receiver", .severity = Severity::failed, .what = describe_stream(stream, now, Advice::left_out)};
  if (stream.state)
    finding.since = stream.source == StreamFacts::Source::past ? stream.state->written : stream.state->since;
  if (receiver && receiver->purpose == kBackup) {
    finding.what = fmt::format("only for the backup that is running (process {}, since {})", receiver->pid,
                               receiver->since);
    finding.hint = "nobody receives WAL once it is done: start `pgkeep serve`";
  } else if (const auto disk = disk_trouble(stream, now)) {
    finding.what = *disk;
    finding.since = stream.state->disk_busy_since;
    finding.hint = "see what is wrong with it: WAL piles up on the server, and commits that wait for us hang";
  } else if (stream_word(stream) != "streaming") {
    finding.hint = stream.source == StreamFacts::Source::past ? stream.way_out : "";
  } else if (facts.live && facts.live->ours.user() == nullptr) {
    finding.what += ", but the server knows no stream for the slot";
    finding.hint = "does conninfo lead to the same server for SQL and for replication?";
  } else {
    finding.severity = Severity::ok;
  }
  return finding;
}

/// Only for a server whose commits may wait for us.
Finding examine_synchronous(const SlotFacts& ours) {
  if (const auto* user = ours.user())
    return {.key = "synchronous", .what = fmt::format("we are {}", user->sync_state)};
  return {.key = "synchronous",
          .severity = Severity::failed,
          .what = "we stand in synchronous_standby_names and there is no stream: commits may be waiting",
          .hint =
              "start the receiver; to let commits go on without it: "
              "ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();"};
}

}  // namespace

void examine_stream(const ServerFacts& facts, io::TimePoint now, std::vector<Finding>& findings) {
  if (!facts.config.active) return;
  if (facts.has_seen("receiver")) findings.push_back(examine_receiver(facts, now));
  const auto ours = slot_facts(facts);
  // What the daemon saw is older than the stream: it may have looked before the receiver made the slot, or
  // had it in use. Only a look of now tells the two together.
  if (ours && (facts.live || ours->slot)) add_slot(facts, *ours, findings);
  if (facts.live && ours->commits_wait) findings.push_back(examine_synchronous(*ours));
  const auto& report = facts.stream.slot;
  if (!report || report->problem.empty()) return;
  findings.push_back({.key = "slot_watch",
                      .severity = Severity::warning,
                      .what = fmt::format("the slot cannot be looked at: {}", report->problem),
                      .hint = "a lost slot is noticed late, and protect_primary protects nothing meanwhile"});
}

}  // namespace pgkeep::server
