#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "server/health/findings.h"
#include "tests/support/held_builder.h"

namespace pgkeep::server {

// A server that is well, and what goes wrong with one.

using namespace std::chrono_literals;
using catalog::Event;
using catalog::EventKind;
using catalog::StreamPhase;
using postgres::SystemIdentifier;
using postgres::TimelineId;
using streaming::WalStatus;
using test::at;
using test::Held;

inline constexpr io::TimePoint kNow{1'800'000'000s};
inline constexpr TimelineId kOne(1);
inline constexpr TimelineId kTwo(2);
inline constexpr SystemIdentifier kCluster(7);
inline constexpr std::uint64_t kMiB = 1 << 20;

inline store::BackupRecord backup(double start, io::TimePoint ended = kNow - 1h) {
  store::BackupRecord record{store::BackupId(ended)};
  record.system = kCluster;
  record.start = record.end = {kOne, at(start)};
  record.ended = ended;
  return record;
}

inline streaming::SlotView used_slot() {
  streaming::SlotView slot;
  slot.wal_status = WalStatus::reserved;
  slot.restart_lsn = at(4);
  slot.active = true;
  slot.active_pid = "4711";
  slot.retained_bytes = kMiB;
  slot.safe_wal_bytes = 100 * kMiB;
  auto& user = slot.user.emplace();
  user.sync_state = "async";
  user.flush_lsn = at(5);
  user.application = "pgkeep";
  return slot;
}

inline constexpr io::DiskSpace kDisk{.total = std::uint64_t{4} << 40, .free = std::uint64_t{1} << 40};

/// Of a file system that fills by so much a day.
inline std::vector<store::SpaceSample> filling(std::uint64_t bytes_a_day) {
  std::vector<store::SpaceSample> samples;
  for (int day = 28; day > 0; --day)
    samples.push_back(
        {kNow - std::chrono::days(day),
         {.total = kDisk.total, .free = kDisk.free + static_cast<unsigned>(day) * bytes_a_day}});
  return samples;
}

/// A server that was looked at in every way, and is well.
inline ServerFacts well() {
  ServerFacts facts;
  facts.config = default_server_config();
  facts.config.name = "main";
  facts.config.slot = "pgkeep";
  facts.config.active = true;
  facts.config.retention.redundancy = 3;
  auto& repository = facts.repository.emplace();
  repository.config_file = "/etc/pgkeep.yaml";
  repository.root = "/repository";
  repository.is_there = repository.is_writable = true;
  facts.space = SpaceFacts{.root = "/repository", .disk = kDisk, .samples = {}};
  auto& stored = facts.stored.emplace();
  stored.identity = catalog::ServerIdentity{kCluster, 18, test::kHeldSize, 8192};
  stored.backups = {backup(1.5)};
  stored.runs.emplace();
  stored.wal = wal_facts(Held().segments(kOne, 1, 4).wal(), {});
  facts.stream.source = StreamFacts::Source::daemon;
  facts.stream.receiver = io::LockOwner{.pid = 1, .purpose = "serve", .since = {}};
  auto& state = facts.stream.state.emplace();
  state.phase = StreamPhase::streaming;
  state.since = kNow - 1h;
  facts.sql = ConnectionFacts{.error = {}, .lost = false, .peer = {"pg1", "5432"}, .system = kCluster};
  facts.replication = facts.sql;
  auto& live = facts.live.emplace();
  live.version = "18.1";
  live.major_version = 18;
  live.system = kCluster;
  live.timeline = kOne;
  live.current_lsn = at(5);
  live.wal_level = "replica";
  live.max_wal_senders = 10;
  live.wal_senders_used = 1;
  live.summarize_wal = true;
  live.data_checksums = true;
  live.clock_ahead = std::chrono::milliseconds(0);
  live.configuration.data_directory = "/data";
  live.configuration.config_file = "/data/postgresql.conf";
  live.ours.slot = used_slot();
  return facts;
}

inline Finding find(const std::vector<Finding>& findings, const std::string& key) {
  const auto found = std::ranges::find(findings, key, &Finding::key);
  return found == findings.end() ? Finding{.key = "none of that key", .what = {}} : *found;
}

inline Event event(EventKind kind, io::TimePoint at, std::optional<catalog::WalRange> range = {}) {
  return {at, kind, "what happened", range};
}

inline void hold(ServerFacts& facts, const Held& held) {
  facts.stored->wal = wal_facts(held.wal(), held.events);
}

inline catalog::DamageMark damage_mark() {
  return {.at = kNow - 1h, .why = "a verification found damage: page 7"};
}

inline catalog::StoredDamage pack_damage() {
  return {.kind = catalog::StoredKind::pack,
          .name = "00000017",
          .line = {},
          .what = "object 3 is damaged",
          .since = kNow - 1h,
          .objects = {{17, 3}},
          .attributed = true,
          .backups = {store::BackupId(kNow - 2h)},
          .files = {"base/5/1259"},
          .file_count = 40};
}

inline catalog::RunRecord run(const char* kind, io::TimePoint started, catalog::RunOutcome outcome) {
  catalog::RunRecord run;
  run.id = run.kind = kind;
  run.started = started;
  run.ended = started + 1min;
  run.outcome = outcome;
  if (outcome == catalog::RunOutcome::failed) run.error = "no room";
  return run;
}

inline JobTiming every_night() {
  std::string problem;
  return JobTiming::parse("02:00", problem).value();
}

}  // namespace pgkeep::server
