#include "catalog/postgres/versions.h"
#include "server/fleet/backup_facts.h"
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
            {"ranges", ranges_json(wal.ranges)},
            {"gaps", gaps_json(wal.gaps)}};
  if (const auto lag = lag_of(status)) json["lag_bytes"] = *lag;
  return json;
}

}  // namespace

Json status_json(const ServerStatus& status, io::TimePoint now) {
  Json json{{"server", status.config.name},
            {"description", status.config.description},
            {"active", status.config.active},
            {"reachable", status.live.has_value()},
            {"connection_error", status.live ? Json() : Json(status.unreachable)},
            {"live", status.live ? live_json(*status.live) : Json()},
            {"problems", problems(status, now)},
            {"stream", stream_json(status.stream)},
            {"receiver", nullptr},
            {"wal", nullptr},
            {"backups",
             {{"count", status.backups.size()},
              {"oldest", nullptr},
              {"latest", nullptr},
              {"latest_ended", nullptr}}},
            {"recoverable_from", json_time(status.recoverable_from)},
            {"recoverable_until", json_time(status.recoverable_until)},
            {"wal_conflicts", status.wal_conflicts},
            {"alarms", alarms_json(status.alarms)},
            {"last_failed_run", nullptr}};
  if (!status.backups.empty()) {
    json["backups"]["oldest"] = status.backups.front().id.to_string();
    json["backups"]["latest"] = status.backups.back().id.to_string();
    json["backups"]["latest_ended"] = json_time(status.backups.back().ended);
  }
  if (const auto& receiver = status.stream.receiver) {
    json["receiver"] = {
        {"process", receiver->pid}, {"purpose", receiver->purpose}, {"since", receiver->since}};
  }
  if (status.wal) {
    json["wal"] = wal_json(status);
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
