#include <fmt/format.h>

#include "catalog/postgres/versions.h"
#include "server/fleet/backup_facts.h"
#include "server/health/server_status.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

void add_live(const ServerStatus& status, FactPrinter& facts) {
  if (!status.facts.live) {
    facts.add("server", "not reached: " + status.why_not_reached());
    return;
  }
  const auto& live = *status.facts.live;
  facts.add("server", fmt::format("PostgreSQL {} at {}, {}", live.version, live.peer,
                                  live.ours.is_standby ? "a standby" : "a primary"));
  if (!postgres::formats_known(live.major_version))
    facts.add("UNCHECKED",
              postgres::why_not_known(live.major_version) + ": WAL and backups are stored as they come");
  facts.add("cluster", live.system.to_string());
  facts.add("position",
            fmt::format("{} on timeline {}", live.current_lsn.to_string(), live.timeline.to_string()));
  if (!live.ours.slot) {
    facts.add("slot", status.facts.config.slot + " does not exist");
    return;
  }
  const auto& slot = *live.ours.slot;
  auto shown =
      fmt::format("{}, {}, {}", status.facts.config.slot, slot.active ? "active" : "not active",
                  slot.is(streaming::WalStatus::none) ? "reserves nothing" : to_string(*slot.wal_status));
  if (!slot.invalidation.empty()) shown += fmt::format(" ({})", slot.invalidation);
  if (slot.retained_bytes && slot.restart_lsn)
    shown += fmt::format(", the server keeps {} for it from {} on", io::format_bytes(*slot.retained_bytes),
                         slot.restart_lsn->to_string());
  if (slot.safe_wal_bytes)
    shown += fmt::format(", {} more until it gives up", io::format_bytes(*slot.safe_wal_bytes));
  facts.add("slot", shown);
}

void add_stream(const ServerStatus& status, io::TimePoint now, FactPrinter& facts) {
  const auto& stream = status.facts.stream;
  auto text = describe_stream(stream, now);
  const auto& receiver = stream.receiver;
  if (receiver && receiver->pid != 0)
    text += fmt::format("\n{} in process {}", receiver->purpose, receiver->pid);
  if (stream.source != StreamFacts::Source::past && stream.state && stream.state->reconnects > 0)
    text += fmt::format(", {} since {}", counted(stream.state->reconnects, "reconnect"),
                        io::format_time(stream.state->started));
  facts.add("stream", text);
  if (status.facts.live && status.facts.live->ours.commits_wait) {
    const auto* sender = status.facts.live->ours.user();
    facts.add("synchronous", sender ? fmt::format("commits may wait for us ({})", sender->sync_state)
                                    : "we are in synchronous_standby_names, and there is no stream");
  }
}

void add_received(const ServerStatus& status, io::TimePoint now, FactPrinter& facts) {
  if (!status.wal()->received) {
    facts.add("received", "nothing");
    return;
  }
  auto received = fmt::format("up to {} on timeline {}", status.wal()->received->lsn.to_string(),
                              status.wal()->received->timeline.to_string());
  const auto lag = status.facts.lag();
  if (lag) received += *lag == 0 ? ", all that there is" : fmt::format(", {} behind", io::format_bytes(*lag));
  facts.add("received", received);
  const auto& stream = status.facts.stream;
  if (stream.state && stream.state->last_message)
    facts.add("last heard",
              fmt::format("{} ago", io::format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        now - *stream.state->last_message))));
  if (!status.recoverable_from && !status.recoverable_until) return;
  auto window = status.recoverable_until ? fmt::format("until {}, the last commit that is held",
                                                       io::format_time(*status.recoverable_until))
                                         : std::string("on, since when no commit is known");
  if (status.recoverable_from)
    window = fmt::format("from {} {}", io::format_time(*status.recoverable_from), window);
  facts.add("recoverable", window);
}

void add_wal(const ServerStatus& status, FactPrinter& facts) {
  const auto& wal = *status.wal();
  auto stored =
      fmt::format("{}, {}", counted(wal.segments, "segment"), io::format_bytes(status.wal_stored_bytes));
  if (wal.newest_segment)
    stored +=
        fmt::format(", last {}", wal.newest_segment->name(status.facts.stored->identity->wal_segment_size));
  facts.add("WAL", stored);
  std::string ranges;
  for (const auto& range : wal.ranges) {
    ranges += fmt::format("{}timeline {}: {} to {}", ranges.empty() ? "" : "\n", range.timeline.to_string(),
                          range.begin.to_string(), range.end.to_string());
  }
  if (!ranges.empty()) facts.add("WAL ranges", ranges);
  for (const auto& gap : wal.gaps) {
    facts.add("WAL MISSING", fmt::format("timeline {}: {} to {}{}", gap.range.timeline.to_string(),
                                         gap.range.begin.to_string(), gap.range.end.to_string(),
                                         gap.event ? "; " + gap.event->cause : ""));
  }
}

void add_backups(const ServerStatus& status, io::TimePoint now, FactPrinter& facts) {
  const auto& backups = status.facts.stored->backups;
  if (backups.empty()) {
    const auto unread = status.facts.stored->unread_backups.size();
    facts.add("backups", unread == 0 ? "none" : fmt::format("none that can be read, {} that cannot", unread));
    return;
  }
  const auto& latest = backups.back();
  facts.add("backups", fmt::format("{}, oldest {}", backups.size(), backups.front().id.to_string()));
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - latest.ended);
  facts.add("latest",
            fmt::format("{}, {} ago, {}, {} stored", latest.id.to_string(), io::format_duration(age),
                        io::format_bytes(latest.data_bytes), io::format_bytes(stored_bytes(latest))));
}

void add_failure(const ServerStatus& status, FactPrinter& facts) {
  if (!status.last_failed) return;
  const auto& run = *status.last_failed;
  facts.add("last failure",
            fmt::format("{} at {}: {}", run.kind, io::format_time(run.ended.value_or(run.started)),
                        run.error.empty() ? to_string(run.outcome) : run.error));
}

void add_alarms(const ServerStatus& status, io::TimePoint now, FactPrinter& facts) {
  std::string alarms;
  for (const auto& event : status.alarms(now))
    alarms += fmt::format("{}{}  {}: {}", alarms.empty() ? "" : "\n", io::format_time(event.at),
                          to_string(event.kind), event.cause);
  if (!alarms.empty()) facts.add("happened", alarms);
  const auto& state = status.facts.stream.state;
  if (state && !state->last_error.empty() && state->last_error_at)
    facts.add("last trouble",
              fmt::format("{}: {}", io::format_time(*state->last_error_at), state->last_error));
}

}  // namespace

std::vector<std::string> describe(const ServerStatus& status, io::TimePoint now) {
  FactPrinter facts;
  if (!status.facts.config.description.empty()) facts.add("description", status.facts.config.description);
  add_live(status, facts);
  add_stream(status, now, facts);
  if (status.wal() != nullptr) {
    add_received(status, now, facts);
    add_wal(status, facts);
    add_backups(status, now, facts);
    add_failure(status, facts);
  } else {
    facts.add("stored", "nothing yet");
  }
  if (const auto& space = status.facts.space)
    facts.add("disk", describe(*space, status.facts.config.reserve, now));
  add_alarms(status, now, facts);
  return facts.lines();
}

}  // namespace pgkeep::server
