#include "catalog/postgres/versions.h"
#include "catalog/records/json.h"
#include "catalog/store/json.h"
#include "server/fleet/backup_facts.h"
#include "server/health/findings.h"
#include "server/health/server_status.h"
#include "streaming/wire/json.h"

namespace pgkeep::server {
namespace {

Json live_json(const LiveFacts& live) {
  Json json{{"version", live.version},
            {"major_version", live.major_version},
            {"formats_known", postgres::formats_known(live.major_version)},
            {"system_identifier", live.system},
            {"timeline", live.timeline},
            {"commits_wait", live.ours.commits_wait},
            {"in_recovery", live.ours.is_standby},
            {"current_lsn", live.current_lsn},
            {"slot", nullptr},
            {"stream", nullptr}};
  if (const auto& slot = live.ours.slot) {
    json["slot"] = {{"active", slot->active},
                    {"wal_status", slot->wal_status.value_or(streaming::WalStatus::none)},
                    {"restart_lsn", slot->restart_lsn},
                    {"invalidation", slot->invalidation},
                    {"safe_wal_bytes", slot->safe_wal_bytes}};
  }
  if (const auto* sender = live.ours.user()) {
    json["stream"] = {{"state", sender->state},
                      {"sync_state", sender->sync_state},
                      {"sent_lsn", sender->sent_lsn},
                      {"flush_lsn", sender->flush_lsn},
                      {"flush_lag_seconds", sender->flush_lag_seconds}};
  }
  return json;
}

/// Of a slot that is there; the gravest of what is wrong with it.
std::string slot_warning(const ServerConfig& server, const SlotFacts& ours) {
  if (!ours.slot) return {};
  const auto found = problems(examine_slot(server, ours));
  return found.empty() ? "" : found.front().what;
}

Json slot_json(const ServerConfig& server, const SlotReport& report) {
  const auto slot = report.facts.slot.value_or(streaming::SlotView{});
  return {{"wal_status", slot.wal_status.value_or(streaming::WalStatus::none)},
          {"active", slot.active},
          {"restart_lsn", slot.restart_lsn},
          {"retained_bytes", slot.retained_bytes},
          {"safe_wal_bytes", slot.safe_wal_bytes},
          {"sync_state", slot.user ? slot.user->sync_state : ""},
          {"commits_wait", report.facts.commits_wait},
          {"seen", report.seen == io::TimePoint() ? Json() : Json(report.seen)},
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
  const auto time = [&](io::TimePoint at) { return stream.state ? Json(at) : Json(); };
  const auto lsn = [](const std::optional<postgres::WalPosition>& at) { return at ? Json(at->lsn) : Json(); };
  json["since"] = time(state.since);
  json["cause"] = state.cause;
  json["next_try"] = state.next_try;
  json["reconnects"] = state.reconnects;
  json["last_error"] = state.last_error;
  json["last_error_at"] = state.last_error_at;
  json["peer"] = state.peer;
  json["from_standby"] = state.from_standby;
  json["timeline"] = state.received ? Json(state.received->timeline) : Json();
  json["received_lsn"] = lsn(state.received);
  json["flushed_lsn"] = lsn(state.flushed);
  json["server_lsn"] = state.server_end;
  json["lag_bytes"] = state.lag_bytes();
  json["last_message"] = state.last_message;
  json["disk_busy_since"] = state.disk_busy_since;
  json["started"] = time(state.started);
  json["as_of"] = time(state.written);
  return json;
}

namespace {

Json gaps_json(const std::vector<catalog::WalGap>& gaps) {
  auto list = Json::array();
  for (const auto& gap : gaps) {
    Json json = gap.range;
    json["lost"] = gap.event.has_value();
    json["cause"] = gap.event ? gap.event->cause : "";
    list.push_back(std::move(json));
  }
  return list;
}

Json alarms_json(const std::vector<catalog::Event>& alarms) {
  auto list = Json::array();
  for (const auto& event : alarms) {
    list.push_back({{"at", event.at}, {"kind", event.kind}, {"cause", event.cause}, {"range", event.range}});
  }
  return list;
}

Json wal_json(const ServerStatus& status) {
  const auto& wal = *status.wal();
  const auto name = [&](const std::optional<postgres::WalSegment>& segment) {
    return segment ? Json(segment->name(status.facts.stored->identity->wal_segment_size)) : Json();
  };
  return {{"segments", wal.segments},
          {"stored_bytes", status.wal_stored_bytes},
          {"last_segment", name(wal.newest_segment)},
          {"partial", name(wal.partial)},
          {"received_lsn", wal.received ? Json(wal.received->lsn) : Json()},
          {"received_timeline", wal.received ? Json(wal.received->timeline) : Json()},
          {"lag_bytes", status.facts.lag()},
          {"ranges", wal.ranges},
          {"gaps", gaps_json(wal.gaps)}};
}

Json backups_json(const std::vector<store::BackupRecord>& backups) {
  Json json{{"count", backups.size()}, {"oldest", nullptr}, {"latest", nullptr}, {"latest_ended", nullptr}};
  if (backups.empty()) return json;
  json["oldest"] = backups.front().id;
  json["latest"] = backups.back().id;
  json["latest_ended"] = backups.back().ended;
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
            {"space", facts.space ? space_json(*facts.space, facts.config.reserve, now) : Json()},
            {"wal", status.wal() != nullptr ? wal_json(status) : Json()},
            {"backups", backups_json(stored.backups)},
            {"recoverable_from", status.recoverable_from},
            {"recoverable_until", status.recoverable_until},
            {"wal_conflicts", stored.wal_conflicts},
            {"alarms", alarms_json(status.alarms(now))},
            {"last_failed_run", nullptr}};
  if (const auto& receiver = facts.stream.receiver) {
    json["receiver"] = {
        {"process", receiver->pid}, {"purpose", receiver->purpose}, {"since", receiver->since}};
  }
  if (const auto& run = status.last_failed) {
    json["last_failed_run"] = {{"id", run->id},       {"kind", run->kind},       {"started", run->started},
                               {"ended", run->ended}, {"outcome", run->outcome}, {"error", run->error}};
  }
  return json;
}

}  // namespace pgkeep::server
