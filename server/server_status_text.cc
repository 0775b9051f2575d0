#include <fmt/format.h>

#include "server/backup_facts.h"
#include "server/server_status.h"
#include "server/table_printer.h"

namespace pgkeep::server {
namespace {

void add_live(const ServerStatus& status, FactPrinter& facts) {
  if (!status.live) {
    facts.add("server", "not reached: " + status.unreachable);
    return;
  }
  const auto& live = *status.live;
  facts.add("server", fmt::format("PostgreSQL {} at {}, {}", live.version, live.peer,
                                  live.in_recovery ? "a standby" : "a primary"));
  facts.add("cluster", live.system.to_string());
  facts.add("position",
            fmt::format("{} on timeline {}", live.current_lsn.to_string(), live.timeline.to_string()));
  if (!live.slot) {
    facts.add("slot", status.config.slot + " does not exist");
    return;
  }
  facts.add("slot",
            fmt::format("{}, {}, {}{}", status.config.slot, live.slot->active ? "active" : "not active",
                        live.slot->wal_status.empty() ? "reserves nothing" : live.slot->wal_status,
                        live.slot->restart_lsn ? ", from " + live.slot->restart_lsn->to_string() : ""));
}

/// Bytes that the server has and we have not; nothing when one side is not known.
std::optional<std::uint64_t> lag_of(const ServerStatus& status) {
  if (!status.live) return std::nullopt;
  const auto current = status.live->current_lsn;
  // What was reported as flushed is exact; the file's own end is only known to its last byte that is not
  // zero.
  const auto& sender = status.live->sender;
  if (status.wal->receiver && sender && sender->flush_lsn && *sender->flush_lsn >= current) return 0;
  return wal_lag(*status.wal, current);
}

void add_stream(const ServerStatus& status, FactPrinter& facts) {
  const auto& wal = *status.wal;
  std::string receiver = "not running";
  if (wal.receiver) {
    const bool passing = wal.receiver->purpose == "backup";
    receiver = fmt::format("{} in process {} since {}",
                           passing ? "only for the backup that is running," : wal.receiver->purpose,
                           wal.receiver->pid, wal.receiver->since);
  }
  if (status.live && status.live->sender) {
    const auto& sender = *status.live->sender;
    receiver +=
        fmt::format(", {}{}{}", sender.state, sender.sync_state.empty() ? "" : ", ", sender.sync_state);
  }
  facts.add("receiver", receiver);
  if (!wal.received) {
    facts.add("received", "nothing");
    return;
  }
  auto received = fmt::format("up to {} on timeline {}", wal.received->lsn.to_string(),
                              wal.received->timeline.to_string());
  const auto lag = lag_of(status);
  if (lag) received += *lag == 0 ? ", all that there is" : fmt::format(", {} behind", io::format_bytes(*lag));
  facts.add("received", received);
}

void add_wal(const ServerStatus& status, FactPrinter& facts) {
  const auto& wal = *status.wal;
  auto stored =
      fmt::format("{}, {}", counted(wal.segments, "segment"), io::format_bytes(status.wal_stored_bytes));
  if (wal.newest_segment)
    stored += fmt::format(", last {}", wal.newest_segment->name(status.wal_segment_size));
  facts.add("WAL", stored);
  std::string ranges;
  for (const auto& range : wal.ranges) {
    ranges += fmt::format("{}timeline {}: {} to {}", ranges.empty() ? "" : "\n", range.timeline.to_string(),
                          range.begin.to_string(), range.end.to_string());
  }
  if (!ranges.empty()) facts.add("WAL ranges", ranges);
  for (const auto& hole : wal.holes) {
    facts.add("WAL MISSING", fmt::format("timeline {}: {} to {}", hole.timeline.to_string(),
                                         hole.begin.to_string(), hole.end.to_string()));
  }
}

void add_backups(const ServerStatus& status, FactPrinter& facts) {
  if (status.backups.empty()) {
    facts.add("backups", "none");
    return;
  }
  const auto& latest = status.backups.back();
  facts.add("backups",
            fmt::format("{}, oldest {}", status.backups.size(), status.backups.front().id.to_string()));
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(io::now() - latest.ended);
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

Json live_json(const LiveFacts& live) {
  Json json{{"version", live.version},
            {"major_version", live.major_version},
            {"system_identifier", live.system.to_string()},
            {"timeline", live.timeline.value()},
            {"in_recovery", live.in_recovery},
            {"current_lsn", live.current_lsn.to_string()},
            {"slot", nullptr},
            {"stream", nullptr}};
  const auto lsn = [](const std::optional<postgres::Lsn>& value) {
    return value ? Json(value->to_string()) : Json();
  };
  if (live.slot) {
    json["slot"] = {
        {"active", live.slot->active},
        {"wal_status", live.slot->wal_status},
        {"restart_lsn", lsn(live.slot->restart_lsn)},
        {"safe_wal_bytes", live.slot->safe_wal_bytes ? Json(*live.slot->safe_wal_bytes) : Json()}};
  }
  if (live.sender) {
    json["stream"] = {{"state", live.sender->state},
                      {"sync_state", live.sender->sync_state},
                      {"sent_lsn", lsn(live.sender->sent_lsn)},
                      {"flush_lsn", lsn(live.sender->flush_lsn)}};
  }
  return json;
}

template <typename Stretches>
Json stretches_json(const Stretches& stretches) {
  auto list = Json::array();
  for (const auto& stretch : stretches) {
    list.push_back({{"timeline", stretch.timeline.value()},
                    {"begin_lsn", stretch.begin.to_string()},
                    {"end_lsn", stretch.end.to_string()}});
  }
  return list;
}

Json wal_json(const ServerStatus& status) {
  const auto& wal = *status.wal;
  const auto name = [&](const std::optional<postgres::WalSegment>& segment) {
    return segment ? Json(segment->name(status.wal_segment_size)) : Json();
  };
  Json json{{"segments", wal.segments},
            {"stored_bytes", status.wal_stored_bytes},
            {"last_segment", name(wal.newest_segment)},
            {"partial", name(wal.partial)},
            {"received_lsn", wal.received ? Json(wal.received->lsn.to_string()) : Json()},
            {"received_timeline", wal.received ? Json(wal.received->timeline.value()) : Json()},
            {"lag_bytes", nullptr},
            {"ranges", stretches_json(wal.ranges)},
            {"holes", stretches_json(wal.holes)}};
  if (const auto lag = lag_of(status)) json["lag_bytes"] = *lag;
  return json;
}

}  // namespace

std::vector<std::string> describe(const ServerStatus& status) {
  FactPrinter facts;
  if (!status.config.description.empty()) facts.add("description", status.config.description);
  add_live(status, facts);
  if (status.wal) {
    add_stream(status, facts);
    add_wal(status, facts);
    add_backups(status, facts);
    add_failure(status, facts);
  } else {
    facts.add("stored", "nothing yet");
  }
  return facts.lines();
}

Json status_json(const ServerStatus& status) {
  Json json{{"server", status.config.name},
            {"description", status.config.description},
            {"active", status.config.active},
            {"reachable", status.live.has_value()},
            {"connection_error", status.live ? Json() : Json(status.unreachable)},
            {"live", status.live ? live_json(*status.live) : Json()},
            {"receiver", nullptr},
            {"wal", nullptr},
            {"backups", {{"count", status.backups.size()}, {"oldest", nullptr}, {"latest", nullptr}}},
            {"last_failed_run", nullptr}};
  if (!status.backups.empty()) {
    json["backups"]["oldest"] = status.backups.front().id.to_string();
    json["backups"]["latest"] = status.backups.back().id.to_string();
    json["backups"]["latest_ended"] = json_time(status.backups.back().ended);
  }
  if (status.wal) {
    json["wal"] = wal_json(status);
    if (const auto& receiver = status.wal->receiver)
      json["receiver"] = {
          {"process", receiver->pid}, {"purpose", receiver->purpose}, {"since", receiver->since}};
  }
  if (const auto& run = status.last_failed) {
    json["last_failed_run"] = {{"id", run->id},
                               {"kind", run->kind},
                               {"started", json_time(run->started)},
                               {"ended", json_time(run->ended)},
                               {"outcome", to_string(run->outcome)},
                               {"error", run->error}};
  }
  return json;
}

}  // namespace pgkeep::server
