#include "catalog/postgres/versions.h"
#include "server/fleet/backup_facts.h"
#include "server/health/findings.h"
#include "server/health/server_status.h"

namespace pgkeep::server {
namespace {

Json live_json(const LiveFacts& live) {
  Json json{{"version", live.version},
            {"major_version", live.major_version},
            {"formats_known", postgres::formats_known(live.major_version)},
            {"system_identifier", live.system.to_string()},
            {"timeline", live.timeline.value()},
            {"commits_wait", live.ours.commits_wait},
            {"in_recovery", live.ours.is_standby},
            {"current_lsn", live.current_lsn.to_string()},
            {"slot", nullptr},
            {"stream", nullptr}};
  const auto lsn = [](const std::optional<postgres::Lsn>& value) {
    return value ? Json(value->to_string()) : Json();
  };
  if (const auto& slot = live.ours.slot) {
    json["slot"] = {{"active", slot->active},
                    {"wal_status", to_string(slot->wal_status.value_or(streaming::WalStatus::none))},
                    {"restart_lsn", lsn(slot->restart_lsn)},
                    {"invalidation", slot->invalidation},
                    {"safe_wal_bytes", slot->safe_wal_bytes ? Json(*slot->safe_wal_bytes) : Json()}};
  }
  if (const auto* sender = live.ours.user()) {
    json["stream"] = {
        {"state", sender->state},
        {"sync_state", sender->sync_state},
        {"sent_lsn", lsn(sender->sent_lsn)},
        {"flush_lsn", lsn(sender->flush_lsn)},
        {"flush_lag_seconds", sender->flush_lag_seconds ? Json(*sender->flush_lag_seconds) : Json()}};
  }
  return json;
}

Json lsn_json(const std::optional<postgres::WalPosition>& position) {
  return position ? Json(position->lsn.to_string()) : Json();
}

/// Of a slot that is there; the gravest of what is wrong with it.
std::string slot_warning(const ServerConfig& server, const SlotFacts& ours) {
  if (!ours.slot) return {};
  const auto found = problems(examine_slot(server, ours));
  return found.empty() ? "" : found.front().what;
}

Json slot_json(const ServerConfig& server, const SlotReport& report) {
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
          {"warning", slot_warning(server, report.facts)},
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

Json stream_json(const StreamFacts& stream, const ServerConfig& server) {
  Json json{{"source", to_string(stream.source)}, {"phase", stream_word(stream)}};
  json["slot"] = stream.slot ? slot_json(server, *stream.slot) : Json();
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

namespace {

Json range_json(const catalog::WalRange& range) {
  return {{"timeline", range.timeline.value()},
          {"begin_lsn", range.begin.to_string()},
          {"end_lsn", range.end.to_string()}};
}

Json ranges_json(const std::vector<catalog::WalRange>& ranges) {
  auto list = Json::array();
  for (const auto& range : ranges) list.push_back(range_json(range));
  return list;
}

Json gaps_json(const std::vector<catalog::WalGap>& gaps) {
  auto list = Json::array();
  for (const auto& gap : gaps) {
    auto json = range_json(gap.range);
    json["lost"] = gap.event.has_value();
    json["cause"] = gap.event ? gap.event->cause : "";
    list.push_back(std::move(json));
  }
  return list;
}

Json alarms_json(const std::vector<catalog::Event>& alarms) {
  auto list = Json::array();
  for (const auto& event : alarms) {
    list.push_back({{"at", json_time(event.at)},
                    {"kind", to_string(event.kind)},
                    {"cause", event.cause},
                    {"range", event.range ? range_json(*event.range) : Json()}});
  }
  return list;
}

Json wal_json(const ServerStatus& status) {
  const auto& wal = *status.wal();
  const auto name = [&](const std::optional<postgres::WalSegment>& segment) {
    return segment ? Json(segment->name(status.facts.stored->identity->wal_segment_size)) : Json();
  };
  Json json{{"segments", wal.segments},
            {"stored_bytes", status.wal_stored_bytes},
            {"last_segment", name(wal.newest_segment)},
            {"partial", name(wal.partial)},
            {"received_lsn", wal.received ? Json(wal.received->lsn.to_string()) : Json()},
            {"received_timeline", wal.received ? Json(wal.received->timeline.value()) : Json()},
            {"lag_bytes", nullptr},
            {"ranges", ranges_json(wal.ranges)},
            {"gaps", gaps_json(wal.gaps)}};
  if (const auto lag = status.facts.lag()) json["lag_bytes"] = *lag;
  return json;
}

Json backups_json(const std::vector<store::BackupRecord>& backups) {
  Json json{{"count", backups.size()}, {"oldest", nullptr}, {"latest", nullptr}, {"latest_ended", nullptr}};
  if (backups.empty()) return json;
  json["oldest"] = backups.front().id.to_string();
  json["latest"] = backups.back().id.to_string();
  json["latest_ended"] = json_time(backups.back().ended);
  return json;
}

Json problems_json(const ServerFacts& facts, io::TimePoint now) {
  auto list = Json::array();
  for (const auto& finding : problems(examine(facts, now))) list.push_back(describe(finding));
  return list;
}

}  // namespace

Json status_json(const ServerStatus& status, io::TimePoint now) {
  const auto& facts = status.facts;
  const auto stored = facts.stored.value_or(StoredFacts{});
  Json json{{"server", facts.config.name},
            {"description", facts.config.description},
            {"active", facts.config.active},
            {"reachable", facts.live.has_value()},
            {"connection_error", facts.live ? Json() : Json(status.why_not_reached())},
            {"live", facts.live ? live_json(*facts.live) : Json()},
            {"problems", problems_json(facts, now)},
            {"stream", stream_json(facts.stream, facts.config)},
            {"receiver", nullptr},
            {"wal", status.wal() != nullptr ? wal_json(status) : Json()},
            {"backups", backups_json(stored.backups)},
            {"recoverable_from", json_time(status.recoverable_from)},
            {"recoverable_until", json_time(status.recoverable_until)},
            {"wal_conflicts", stored.wal_conflicts},
            {"alarms", alarms_json(status.alarms(now))},
            {"last_failed_run", nullptr}};
  if (const auto& receiver = facts.stream.receiver) {
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
