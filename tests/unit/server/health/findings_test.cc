#include "server/health/findings.h"

#include <algorithm>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/held_builder.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using catalog::Event;
using catalog::EventKind;
using catalog::StreamPhase;
using postgres::Lsn;
using postgres::SystemIdentifier;
using postgres::TimelineId;
using streaming::WalStatus;
using test::at;
using test::Held;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr io::TimePoint kNow{1'800'000'000s};
constexpr TimelineId kOne(1);
constexpr TimelineId kTwo(2);
constexpr SystemIdentifier kCluster(7);
constexpr std::uint64_t kMiB = 1 << 20;

store::BackupRecord backup(double start, io::TimePoint ended = kNow - 1h) {
  store::BackupRecord record{store::BackupId(ended)};
  record.system = kCluster;
  record.start = record.end = {kOne, at(start)};
  record.ended = ended;
  return record;
}

streaming::SlotView used_slot() {
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

constexpr io::DiskSpace kDisk{.total = std::uint64_t{4} << 40, .free = std::uint64_t{1} << 40};

/// Of a file system that fills by so much a day.
std::vector<store::SpaceSample> filling(std::uint64_t bytes_a_day) {
  std::vector<store::SpaceSample> samples;
  for (int day = 28; day > 0; --day)
    samples.push_back(
        {kNow - std::chrono::days(day),
         {.total = kDisk.total, .free = kDisk.free + static_cast<unsigned>(day) * bytes_a_day}});
  return samples;
}

/// A server that was looked at in every way, and is well.
ServerFacts well() {
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
  live.configuration.data_directory = "/data";
  live.configuration.config_file = "/data/postgresql.conf";
  live.ours.slot = used_slot();
  return facts;
}

Finding find(const std::vector<Finding>& findings, const std::string& key) {
  const auto found = std::ranges::find(findings, key, &Finding::key);
  return found == findings.end() ? Finding{.key = "none of that key", .what = {}} : *found;
}

Event event(EventKind kind, io::TimePoint at, std::optional<catalog::WalRange> range = {}) {
  return {at, kind, "what happened", range};
}

void hold(ServerFacts& facts, const Held& held) {
  facts.stored->wal = wal_facts(held.wal(), held.events);
}

TEST(ExamineTest, FindsNothingWrongWithAServerThatIsWell) {
  const auto findings = examine(well(), kNow);
  EXPECT_THAT(findings, Not(Contains(Field(&Finding::severity, Not(Severity::ok)))));
  EXPECT_THAT(findings, Not(Contains(Field(&Finding::hint, Not(IsEmpty())))));
  EXPECT_THAT(findings, Not(Contains(Field(&Finding::server, Not("main")))));
  std::vector<std::string> keys;
  for (const auto& finding : findings) keys.push_back(finding.key);
  EXPECT_THAT(
      keys, ElementsAre("configuration", "repository", "free_space", "space_forecast", "repository_files",
                        "sql_connection", "replication_connection", "version", "identity", "wal_level",
                        "max_wal_senders", "slot", "receiver", "configuration_files", "backups", "retention",
                        "schedule", "jobs", "wal_continuous", "branches", "wal_conflicts", "wal_lag"));
}

TEST(ExamineTest, FindsNothingWrongWhereRetentionLetWalGo) {
  auto facts = well();
  auto held = Held().segments(kOne, 1, 1).segments(kOne, 3, 4);
  held.recorded({kNow - 1h, catalog::EventKind::removed, "let go", test::range(kOne, 2, 3)});
  facts.stored->wal = wal_facts(held.wal(), held.events);
  facts.stored->backups = {backup(1.5), backup(3.5)};
  const auto found = find(examine(facts, kNow), "wal_continuous");
  EXPECT_EQ(found.severity, Severity::ok);
  EXPECT_EQ(found.what, fmt::format("from {} to {}, and what makes 1 older backup consistent",
                                    at(3).to_string(), at(5).to_string()));
  EXPECT_EQ(why_backup_is_needed(*facts.stored), std::nullopt);
  EXPECT_THAT(examine(facts, kNow), Not(Contains(Field(&Finding::severity, Not(Severity::ok)))));
}

TEST(ExamineTest, FailsWhereNoBackupLeadsToTheEndOfTheWalAnyMore) {
  auto facts = well();
  auto held = Held().segments(kOne, 1, 1).segments(kOne, 3, 4);
  held.recorded({kNow - 1h, catalog::EventKind::removed, "let go", test::range(kOne, 2, 3)});
  hold(facts, held);
  facts.stored->backups = {backup(1.5)};
  facts.stored->backups.front().end = {kOne, at(1.7)};
  const auto found = find(examine(facts, kNow), "wal_continuous");
  EXPECT_EQ(found.severity, Severity::failed);
  EXPECT_THAT(found.what, HasSubstr("no recovery comes to the end of the WAL"));
  EXPECT_THAT(found.hint, HasSubstr("`pgkeep backup main`"));
}

TEST(ExamineTest, FailsWhereAllBackupsAreOfAnotherBranchThanTheNewestTimeline) {
  auto facts = well();
  hold(facts, Held().segments(kOne, 1, 4).segments(kTwo, 2, 4).history(kTwo, test::left(kOne, 2.5)));
  facts.stored->backups = {backup(3.5)};
  const auto found = find(examine(facts, kNow), "wal_continuous");
  EXPECT_EQ(found.severity, Severity::failed);
  EXPECT_THAT(found.what, HasSubstr("all backups are of other branches than its timeline, 2"));
  EXPECT_THAT(found.hint, HasSubstr("`pgkeep backup main`"));
}

TEST(LagTest, IsTheStreamsWordWhileItFlowsAndNotKnownAfterwards) {
  auto facts = well();
  facts.live.reset();
  facts.stream.state->flushed = {kOne, at(5)};
  facts.stream.state->server_end = at(5);
  EXPECT_EQ(facts.lag(), 0u);
  auto waiting = facts;
  waiting.stream.state->phase = StreamPhase::waiting;
  EXPECT_EQ(waiting.lag(), std::nullopt);
  facts.stream.source = StreamFacts::Source::past;
  EXPECT_EQ(facts.lag(), std::nullopt);
}

catalog::DamageMark damage_mark() {
  return {.at = kNow - 1h, .why = "a verification found damage: page 7"};
}

TEST(ExamineTest, LeavesADamagedBackupAloneThatHasExpired) {
  auto facts = well();
  auto& marks = facts.stored->marks[facts.stored->backups.front().id];
  marks.damaged = damage_mark();
  marks.expired = catalog::ExpiryMark{.by = {}, .at = kNow, .why = "it is damaged"};
  facts.stored->backups.push_back(backup(2.5, kNow - 30min));
  EXPECT_EQ(find(examine(facts, kNow), "damage").key, "none of that key");
}

/// One thing that is wrong, and what is said of it.
struct Harm {
  const char* key;
  Severity severity;
  const char* what;
  std::function<void(ServerFacts&)> done;
};

void PrintTo(const Harm& harm, std::ostream* out) {
  *out << harm.key << ": " << harm.what;
}

class HarmTest : public ::testing::TestWithParam<Harm> {};

TEST_P(HarmTest, IsFoundUnderItsKeyAndUnderNoOther) {
  auto facts = well();
  GetParam().done(facts);
  const auto findings = examine(facts, kNow);
  const auto found = find(findings, GetParam().key);
  EXPECT_EQ(found.key, GetParam().key);
  EXPECT_EQ(found.severity, GetParam().severity);
  EXPECT_THAT(found.what + " / " + found.hint, HasSubstr(GetParam().what));
  for (const auto& finding : findings) {
    if (finding.key == GetParam().key) continue;
    EXPECT_EQ(finding.severity, Severity::ok) << describe(finding);
  }
}

const auto kFailed = Severity::failed;

INSTANTIATE_TEST_SUITE_P(
    Repository, HarmTest,
    ::testing::Values(Harm{"configuration", kFailed, "pgkeep.yaml:7",
                           [](auto& f) { f.repository->config_problem = "pgkeep.yaml:7"; }},
                      Harm{"repository", kFailed, "cannot be written",
                           [](auto& f) { f.repository->is_writable = false; }},
                      Harm{"repository", kFailed, "Permission denied",
                           [](auto& f) {
                             f.unseen.push_back({"repository", "Permission denied"});
                           }},
                      Harm{"free_space", kFailed, "less than the reserve of 205 GiB (5% of 4 TiB)",
                           [](auto& f) { f.space->disk.free = std::uint64_t{200} << 30; }},
                      Harm{"free_space", kFailed, "WAL that cannot be stored piles up",
                           [](auto& f) {
                             f.config.reserve = {};
                             f.space->disk.free = 1000;
                           }},
                      Harm{"space_forecast", Severity::warning, "full in 12 days",
                           [](auto& f) { f.space->samples = filling(kDisk.free / 25 * 2); }},
                      Harm{"space_forecast", kFailed, "full in 2 days",
                           [](auto& f) { f.space->samples = filling(kDisk.free / 5 * 2); }},
                      Harm{"repository_files", kFailed, "a is a symbolic link, and 1 more", [](auto& f) {
                             f.repository->unusable_files = {"a is a symbolic link", "b"};
                           }}));

INSTANTIATE_TEST_SUITE_P(
    LiveServer, HarmTest,
    ::testing::Values(
        Harm{"replication_connection", kFailed, "no pg_hba.conf entry",
             [](auto& f) { f.replication->error = "no pg_hba.conf entry"; }},
        Harm{"replication_connection", kFailed, "replication reaches cluster 8",
             [](auto& f) { f.replication->system = SystemIdentifier(8); }},
        Harm{"version", Severity::advice, "stored unchecked",
             [](auto& f) {
               f.live->major_version = 99;
               f.stored->identity->major_version = 99;
             }},
        Harm{"identity", kFailed, "the repository holds cluster 8",
             [](auto& f) { f.stored->identity->system = SystemIdentifier(8); }},
        Harm{"identity", kFailed, "PostgreSQL 18 now, 17 in the repository",
             [](auto& f) { f.stored->identity->major_version = 17; }},
        Harm{"wal_level", kFailed, "wal_level = replica", [](auto& f) { f.live->wal_level = "minimal"; }},
        Harm{"max_wal_senders", kFailed, "raise max_wal_senders",
             [](auto& f) { f.live->max_wal_senders = 1; }},
        Harm{"max_wal_senders", Severity::advice, "how many of 10 are in use is not shown",
             [](auto& f) { f.live->senders_are_hidden = true; }},
        Harm{"configuration_files", Severity::advice, "GRANT pg_monitor",
             [](auto& f) { f.live->configuration.config_file.clear(); }},
        Harm{"configuration_files", Severity::advice, "hba_file is /etc/pg_hba.conf",
             [](auto& f) { f.live->configuration.hba_file = "/etc/pg_hba.conf"; }},
        Harm{"summarize_wal", Severity::advice, "off", [](auto& f) { f.live->summarize_wal = false; }},
        Harm{"data_checksums", Severity::advice, "off", [](auto& f) { f.live->data_checksums = false; }},
        Harm{"wal_lag", kFailed, "3 MiB behind", [](auto& f) { f.live->current_lsn = at(8); }}));

INSTANTIATE_TEST_SUITE_P(
    Slot, HarmTest,
    ::testing::Values(Harm{"slot", kFailed, "has invalidated it",
                           [](auto& f) { f.live->ours.slot->wal_status = WalStatus::lost; }},
                      Harm{"slot", kFailed, "max_slot_wal_keep_size is passed",
                           [](auto& f) { f.live->ours.slot->wal_status = WalStatus::unreserved; }},
                      Harm{"slot", kFailed, "reserves nothing",
                           [](auto& f) { f.live->ours.slot->wal_status = WalStatus::none; }},
                      Harm{"slot", kFailed, "in use by another client: process 4711 of the server (pgkeep)",
                           [](auto& f) { f.stream.receiver.reset(); }},
                      Harm{"slot", Severity::warning, "it has grown",
                           [](auto& f) {
                             f.stream.slot.emplace().facts.grows = true;
                             f.live->ours.slot->wal_status = WalStatus::extended;
                           }},
                      Harm{"slot_keep_size", Severity::advice, "until its disk is full",
                           [](auto& f) { f.live->ours.slot->safe_wal_bytes.reset(); }},
                      Harm{"slot_idle_timeout", Severity::warning, "30 min",
                           [](auto& f) { f.live->ours.idle_timeout = 30min; }},
                      Harm{"slot_idle_timeout", Severity::advice, "loses the slot",
                           [](auto& f) { f.live->ours.idle_timeout = 48h; }},
                      Harm{"slot_limit", Severity::warning, "at 1.2 MiB the slot is dropped",
                           [](auto& f) { f.stream.slot.emplace().facts.limit = kMiB / 4 * 5 - 1; }},
                      Harm{"slot_limit", kFailed, "protect_primary allows 1 MiB",
                           [](auto& f) {
                             f.config.retain_at_most = kMiB;
                             f.stream.slot.emplace().facts.limit = kMiB;
                           }},
                      Harm{"slot_limit", Severity::warning, "has not made the slot", [](auto& f) {
                             auto& facts = f.stream.slot.emplace().facts;
                             facts.limit = kMiB;
                             facts.made_here = false;
                           }}));

catalog::StoredDamage pack_damage() {
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

INSTANTIATE_TEST_SUITE_P(Stream, HarmTest,
                         ::testing::Values(Harm{"receiver", kFailed, "connection refused",
                                                [](auto& f) {
                                                  f.stream.state->phase = StreamPhase::connecting;
                                                  f.stream.state->cause = "connection refused";
                                                  f.stream.source = StreamFacts::Source::past;
                                                  f.stream.way_out = "connection refused";
                                                }},
                                           Harm{"receiver", kFailed, "only for the backup",
                                                [](auto& f) { f.stream.receiver->purpose = "backup"; }},
                                           Harm{
                                               "receiver", kFailed, "has not answered for 12 s",
                                               [](auto& f) { f.stream.state->disk_busy_since = kNow - 12s; }},
                                           Harm{"receiver", kFailed, "knows no stream",
                                                [](auto& f) { f.live->ours.slot->user.reset(); }}));

TEST(ExamineTest, SaysDamageOnceThatBothKindsOfVerificationFound) {
  auto facts = well();
  const auto& id = facts.stored->backups.front().id;
  facts.stored->marks[id].damaged = damage_mark();
  auto& known = facts.stored->damage.emplace_back(DamageFacts{pack_damage(), true}).damage;
  known.backups = {id};
  EXPECT_THAT(find(examine(facts, kNow), "damage").what, Not(HasSubstr("page 7")));
}

INSTANTIATE_TEST_SUITE_P(
    Stored, HarmTest,
    ::testing::Values(
        Harm{"backups", kFailed, "take one: `pgkeep backup main`",
             [](auto& f) { f.stored->backups.clear(); }},
        Harm{"backups", kFailed, "with 3 checksum failures",
             [](auto& f) { f.stored->backups.back().checksum_failures = 3; }},
        Harm{"backups", kFailed, "with 3 checksum failures; no backup is without any",
             [](auto& f) {
               for (auto& backup : f.stored->backups) backup.checksum_failures = 3;
             }},
        Harm{"backups", kFailed, "with 3 checksum failures; the last without any is 202701",
             [](auto& f) {
               auto clean = f.stored->backups.back();
               clean.data_checksums = true;
               clean.id = store::BackupId(kNow - 30h);
               clean.ended = kNow - 29h;
               f.stored->backups.back().checksum_failures = 3;
               f.stored->backups.insert(f.stored->backups.end() - 1, clean);
             }},
        Harm{"backups", kFailed, "or give it up: `pgkeep delete main",
             [](auto& f) {
               f.stored->unread_backups.push_back({store::BackupId(kNow), "damaged", false});
             }},
        Harm{"backup_chain", kFailed, "backup number 7, taken before",
             [](auto& f) {
               f.stored->chain.missing.push_back({7, 7, {}, store::BackupId(kNow)});
             }},
        Harm{"backup_chain", kFailed, "`pgkeep delete main --missing 7`",
             [](auto& f) {
               f.stored->chain.missing.push_back({7, 9, {}, {}});
             }},
        Harm{"backup_chain", kFailed, "one of the two was changed or replaced",
             [](auto& f) {
               f.stored->chain.replaced.push_back({store::BackupId(kNow - 2h), store::BackupId(kNow)});
             }},
        Harm{"damage", kFailed,
             "pack 00000017: object 3 is damaged, needed by 1 backup for base/5/1259 and 39 more files",
             [](auto& f) {
               f.stored->damage.push_back({pack_damage(), true});
             }},
        Harm{"damage", kFailed, "which stores again what the server still has",
             [](auto& f) {
               f.stored->damage = {{pack_damage(), false}, {pack_damage(), true}};
             }},
        Harm{"damage", Severity::warning, "the newest backup is not concerned",
             [](auto& f) {
               f.stored->damage.push_back({pack_damage(), false});
             }},
        Harm{"damage", kFailed, "backup 20270115T070000Z: a verification found damage: page 7",
             [](auto& f) { f.stored->marks[f.stored->backups.back().id].damaged = damage_mark(); }},
        Harm{"damage", Severity::warning, "then `pgkeep verify-backup main",
             [](auto& f) {
               f.stored->marks[f.stored->backups.back().id].damaged = damage_mark();
               f.stored->backups.push_back(backup(2.5, kNow - 30min));
             }},
        Harm{"backups", Severity::warning, "can be recovered only until 2027-01-15 10:00:00 UTC",
             [](auto& f) {
               f.config.retention.grace = 3h;
               f.stored->marks[f.stored->backups.back().id].expired =
                   catalog::ExpiryMark{.by = {}, .at = kNow - 1h, .why = "asked for"};
             }},
        Harm{"marks", kFailed, "what was decided of 2 backups cannot be read: one; and 1 more",
             [](auto& f) {
               f.stored->unread_marks = {"one", "another"};
             }},
        Harm{"backups", kFailed, "delete nothing for that",
             [](auto& f) {
               f.stored->unread_backups.push_back({store::BackupId(kNow), "denied", true});
             }},
        Harm{"own_backup", Severity::warning, "being taken",
             [](auto& f) { f.stream.own_backup = "being taken"; }},
        Harm{"wal_continuous", kFailed, "00000002.history is missing",
             [](auto& f) { hold(f, Held().segments(kOne, 1, 4).segments(kTwo, 5, 5)); }},
        Harm{"wal_continuous", kFailed, "no backup reaches the current WAL",
             [](auto& f) { hold(f, Held().segments(kOne, 1, 1).segments(kOne, 3, 4)); }},
        Harm{"wal_continuous", Severity::warning, "backups that reach no further than that: 2027",
             [](auto& f) {
               hold(f, Held().segments(kOne, 1, 1).segments(kOne, 3, 4));
               f.stored->backups.push_back(backup(3.5));
             }},
        Harm{"branches", kFailed, "until you decide",
             [](auto& f) { f.stored->wal->events = {event(EventKind::rolled_back, kNow - 24h * 30)}; }},
        Harm{"branches", kFailed, "Two servers claim",
             [](auto& f) { f.stored->wal->events = {event(EventKind::split_brain, kNow - 24h)}; }},
        Harm{"branches", Severity::warning, "what happened",
             [](auto& f) { f.stored->wal->events = {event(EventKind::branch_left, kNow - 24h)}; }},
        Harm{"histories", kFailed, "no history",
             [](auto& f) { f.stored->wal->damaged_histories = {"no history"}; }},
        Harm{"lines", kFailed, "line 1", [](auto& f) { f.stored->damaged_lines = {"line 1"}; }},
        Harm{"wal_conflicts", kFailed, "`pgkeep wal-conflicts main`",
             [](auto& f) { f.stored->wal_conflicts = 1; }},
        Harm{"wal_conflicts", Severity::warning, "`pgkeep adopt-wal main`", [](auto& f) {
               f.stored->waiting.files = 1;
               f.stored->waiting.oldest = kNow - 2h;
             }}));

catalog::RunRecord run(const char* kind, io::TimePoint started, catalog::RunOutcome outcome) {
  catalog::RunRecord run;
  run.id = run.kind = kind;
  run.started = started;
  run.ended = started + 1min;
  run.outcome = outcome;
  if (outcome == catalog::RunOutcome::failed) run.error = "no room";
  return run;
}

JobTiming every_night() {
  std::string problem;
  return JobTiming::parse("02:00", problem).value();
}

INSTANTIATE_TEST_SUITE_P(
    Jobs, HarmTest,
    ::testing::Values(
        Harm{"retention", Severity::advice, "kept for ever", [](auto& f) { f.config.retention = {}; }},
        Harm{"retention", Severity::advice, "no `expire` in the last 8 days",
             [](auto& f) {
               f.stored->backups.insert(f.stored->backups.begin(), backup(1.25, kNow - 24h * 9));
               f.stored->runs->push_back(run("expire", kNow - 24h * 9, catalog::RunOutcome::succeeded));
             }},
        Harm{"schedule", Severity::advice, "no backup in the last 8 days",
             [](auto& f) {
               f.config.schedule.expire = every_night();
               f.stored->backups = {backup(1.5, kNow - 24h * 9)};
             }},
        Harm{"jobs", Severity::warning,
             "backup: 2 runs failed since 2027-01-15 05:00:00 UTC, the last: no room",
             [](auto& f) {
               const auto since = io::parse_rfc3339("2027-01-15T05:00:00Z").value();
               using enum catalog::RunOutcome;
               *f.stored->runs = {run("backup", since + 1h, failed), run("backup", since, failed),
                                  run("backup", since - 1h, succeeded), run("backup", since - 2h, failed),
                                  run("expire", since, succeeded)};
             }},
        Harm{"jobs", Severity::warning, "`pgkeep run-job main expire`",
             [](auto& f) {
               f.stored->runs->push_back(run("expire", kNow - 1h, catalog::RunOutcome::failed));
             }},
        Harm{"jobs", kFailed, "runs.jsonl", [](auto& f) {
               f.unseen.push_back({"jobs", "runs.jsonl: cannot read"});
               f.stored->runs.reset();
             }}));

TEST(ExamineTest, AsksForNoScheduleWhereBackupsComeWithoutOne) {
  auto facts = well();
  facts.stored->backups.insert(facts.stored->backups.begin(), backup(1.25, kNow - 24h * 9));
  facts.stored->runs->push_back(run("expire", kNow - 24h * 7, catalog::RunOutcome::succeeded));
  for (const auto* key : {"schedule", "retention", "jobs"})
    EXPECT_EQ(find(examine(facts, kNow), key).severity, Severity::ok) << key;
}

TEST(ExamineTest, SaysSinceWhenPagesAreSoundAgain) {
  auto facts = well();
  facts.stored->backups.back().data_checksums = true;
  auto damaged = facts.stored->backups.back();
  damaged.checksum_failures = 2;
  facts.stored->backups.insert(facts.stored->backups.begin(), damaged);
  const auto found = find(examine(facts, kNow), "backups");
  EXPECT_EQ(found.severity, Severity::ok);
  EXPECT_THAT(found.what,
              HasSubstr("; no checksum failures since " + facts.stored->backups.back().id.to_string()));
}

TEST(ExamineTest, TakesNoBackupForSoundOfWhichNobodyLookedAtThePages) {
  auto facts = well();
  auto damaged = facts.stored->backups.back();
  damaged.data_checksums = true;
  damaged.checksum_failures = 2;
  auto& unseen = facts.stored->backups.back();
  unseen.data_checksums = true;
  unseen.checksums_verified = false;
  facts.stored->backups.insert(facts.stored->backups.begin(), damaged);
  EXPECT_THAT(find(examine(facts, kNow), "backups").what, HasSubstr("; no backup is without any"));
}

TEST(ExamineTest, SaysSinceWhenAJobFails) {
  auto facts = well();
  facts.stored->runs->push_back(run("backup", kNow - 3h, catalog::RunOutcome::failed));
  EXPECT_EQ(find(examine(facts, kNow), "jobs").since, kNow - 3h);
  facts.config.active = false;
  EXPECT_EQ(find(examine(facts, kNow), "jobs").key, "none of that key") << "of a server out of service";
}

TEST(ExamineTest, LetsPushedWalWaitForTheStreamForAWhile) {
  auto facts = well();
  facts.stored->waiting.files = 1;
  facts.stored->waiting.oldest = kNow - 10min;
  EXPECT_EQ(find(examine(facts, kNow), "wal_conflicts").severity, Severity::ok);
}

TEST(ExamineTest, ForgetsAfterAWeekThatABranchWasLeft) {
  auto facts = well();
  facts.stored->wal->events = {event(EventKind::branch_left, kNow - 24h * 8)};
  EXPECT_EQ(find(examine(facts, kNow), "branches").severity, Severity::ok);
}

TEST(ExamineTest, SaysWhatCannotBeReached) {
  auto facts = well();
  facts.live.reset();
  facts.replication.reset();
  facts.sql = ConnectionFacts{.error = "connection refused", .lost = true, .peer = {}, .system = {}};
  const auto found = find(examine(facts, kNow), "sql_connection");
  EXPECT_EQ(found.severity, Severity::failed);
  EXPECT_THAT(found.hint, HasSubstr("is the server up"));
}

TEST(ExamineTest, SaysThatASlotDoesNotExistAndHowToMakeIt) {
  auto facts = well();
  facts.live->ours.slot.reset();
  facts.config.create_slot = false;
  const auto found = find(examine(facts, kNow), "slot");
  EXPECT_THAT(found.what, HasSubstr("slot pgkeep does not exist"));
  EXPECT_THAT(found.hint, HasSubstr("`pgkeep create-slot main`"));
}

TEST(ExamineTest, CallsALogicalSlotThat) {
  auto facts = well();
  facts.live->ours.slot->physical = false;
  const auto found = find(examine(facts, kNow), "slot");
  EXPECT_EQ(found.severity, Severity::failed);
  EXPECT_THAT(found.hint, HasSubstr("pgkeep is a logical slot; choose another name"));
}

TEST(ExamineTest, LooksAtCommitsOnlyWhereTheyMayWaitForUs) {
  auto facts = well();
  facts.live->ours.commits_wait = true;
  EXPECT_EQ(find(examine(facts, kNow), "synchronous").severity, Severity::ok);
  facts.live->ours.slot->user.reset();
  const auto found = find(examine(facts, kNow), "synchronous");
  EXPECT_EQ(found.severity, Severity::failed);
  EXPECT_THAT(found.hint, HasSubstr("ALTER SYSTEM RESET synchronous_standby_names"));
}

TEST(ExamineTest, TakesTheWordOfTheDaemonForASlotThatNobodyElseLookedAt) {
  auto facts = well();
  facts.live.reset();
  auto& report = facts.stream.slot.emplace();
  report.facts.slot = used_slot();
  report.facts.slot->wal_status = WalStatus::unreserved;
  EXPECT_EQ(find(examine(facts, kNow), "slot").severity, Severity::failed);
  report.problem = "connection refused";
  const auto findings = examine(facts, kNow);
  EXPECT_EQ(find(findings, "slot").key, "none of that key") << "what was seen is old";
  EXPECT_EQ(find(findings, "slot_watch").severity, Severity::warning);
  EXPECT_THAT(find(findings, "slot_watch").what, HasSubstr("connection refused"));
}

TEST(ExamineTest, SaysThatTheDaemonCannotLookThoughTheCommandCan) {
  auto facts = well();
  facts.stream.slot.emplace().problem = "connection refused";
  const auto findings = examine(facts, kNow);
  EXPECT_EQ(find(findings, "slot").severity, Severity::ok);
  EXPECT_THAT(find(findings, "slot_watch").what, HasSubstr("connection refused"));
}

/// The daemon's look may be as old as its watch_interval, and the state of the stream is of now.
TEST(ExamineTest, ConcludesNothingFromAnOldLookAndANewStateOfTheStream) {
  auto facts = well();
  facts.live.reset();
  auto& seen = facts.stream.slot.emplace().facts;
  seen.slot = used_slot();
  seen.commits_wait = true;
  seen.slot->user.reset();  // or the role may not see it
  facts.stream.state->phase = StreamPhase::waiting;
  auto findings = examine(facts, kNow);
  EXPECT_EQ(find(findings, "slot").severity, Severity::ok);
  EXPECT_EQ(find(findings, "synchronous").key, "none of that key");
  seen.slot.reset();  // before the receiver made it
  findings = examine(facts, kNow);
  EXPECT_EQ(find(findings, "slot").key, "none of that key");
}

TEST(ExamineTest, DoesNotThreatenASlotThatItMayNotDrop) {
  auto facts = well();
  auto& ours = facts.live->ours;
  ours.slot->retained_bytes = kMiB - 1;
  facts.config.retain_at_most = ours.limit = kMiB;
  ours.made_here = false;
  EXPECT_EQ(find(examine(facts, kNow), "slot_limit").severity, Severity::ok);
  ours.made_here = true;
  EXPECT_THAT(find(examine(facts, kNow), "slot_limit").what, HasSubstr("is dropped to protect the server"));
}

TEST(ExamineTest, TellsTheLimitThatIsConfiguredOfASlotThatIsAllowedMore) {
  auto facts = well();
  facts.config.retain_at_most = kMiB;
  facts.live->ours.limit = 3 * kMiB;
  facts.live->ours.slot->retained_bytes = 3 * kMiB;
  EXPECT_THAT(find(examine(facts, kNow), "slot_limit").what, HasSubstr("protect_primary allows 1 MiB"));
}

TEST(ExamineTest, SaysOnlyOfAnExtendedSlotThatItHasGrown) {
  auto facts = well();
  facts.live->ours.grows = true;
  EXPECT_EQ(find(examine(facts, kNow), "slot").severity, Severity::ok);
  facts.live->ours.slot->wal_status = WalStatus::extended;
  EXPECT_THAT(find(examine(facts, kNow), "slot").what, HasSubstr("and it has grown"));
}

TEST(ExamineTest, SaysSinceWhen) {
  auto facts = well();
  facts.stream.state->phase = StreamPhase::waiting;
  EXPECT_EQ(find(examine(facts, kNow), "receiver").since, kNow - 1h);
  facts.stored->wal->events = {event(EventKind::split_brain, kNow - 3h)};
  EXPECT_EQ(find(examine(facts, kNow), "branches").since, kNow - 3h);
}

TEST(ExamineTest, LeavesAServerOutOfServiceAlone) {
  ServerFacts facts;
  facts.config.active = false;
  facts.stored.emplace();
  EXPECT_THAT(examine(facts, kNow), IsEmpty());
}

TEST(ExamineTest, SaysNothingOfWhatNobodyLookedAt) {
  ServerFacts facts;
  facts.config.active = true;
  EXPECT_THAT(examine(facts, kNow), ElementsAre(Field(&Finding::key, "receiver")));
}

// ------------------------------------------------------------------------- lists of findings

Finding of(const char* key, Severity severity) {
  return {.key = key, .severity = severity, .what = "seen"};
}

TEST(ProblemsTest, AreTheWorstFirst) {
  const auto found = problems({of("slot", Severity::warning), of("version", Severity::advice),
                               of("backups", Severity::failed), of("identity", Severity::ok)});
  EXPECT_THAT(found, ElementsAre(Field(&Finding::key, "backups"), Field(&Finding::key, "slot")));
}

TEST(ChangesTest, AreWhatIsNewOrGoneOrOtherwiseGrave) {
  const std::vector before{of("slot", Severity::failed), of("slot_limit", Severity::warning),
                           of("slot_idle_timeout", Severity::advice)};
  const std::vector now{of("slot", Severity::ok), of("slot_limit", Severity::failed),
                        of("receiver", Severity::failed)};
  const auto key_is = [](const char* key, Severity severity) {
    return AllOf(Field(&Finding::key, key), Field(&Finding::severity, severity));
  };
  EXPECT_THAT(changes(before, now),
              ElementsAre(key_is("slot", Severity::ok), key_is("slot_limit", Severity::failed),
                          key_is("receiver", Severity::failed), key_is("slot_idle_timeout", Severity::ok)));
  EXPECT_THAT(changes(now, now), IsEmpty());
  EXPECT_THAT(changes({}, {of("slot", Severity::ok)}), IsEmpty()) << "nothing is said of what is well";
}

// ------------------------------------------------------------------------- whether a backup is due

StoredFacts stored_with(const Held& held, std::vector<store::BackupRecord> backups) {
  auto facts = well();
  hold(facts, held);
  facts.stored->backups = std::move(backups);
  return *facts.stored;
}

Held cut(const std::vector<Event>& events) {
  auto held = Held().segments(kOne, 1, 1).segments(kOne, 3, 3).segments(kOne, 5, 5);
  held.events = events;
  return held;
}

TEST(BackupNeedTest, ComesFromALostStretchAfterTheNewestBackup) {
  const auto held = cut({test::gap(kOne, 2, 3)});
  EXPECT_THAT(why_backup_is_needed(stored_with(held, {backup(1.5)})).value_or(""),
              HasSubstr("WAL from 0/200000 to 0/300000 of timeline 1 is lost"));
  EXPECT_EQ(why_backup_is_needed(stored_with(held, {backup(1.5), backup(3.5)})), std::nullopt);
}

TEST(BackupNeedTest, DoesNotComeFromWalThatMayStillArrive) {
  EXPECT_EQ(why_backup_is_needed(stored_with(cut({}), {backup(1.5)})), std::nullopt);
}

TEST(BackupNeedTest, NamesTheNewestOfSeveralGaps) {
  const auto held = cut({test::gap(kOne, 2, 3), test::gap(kOne, 4, 5)});
  EXPECT_THAT(why_backup_is_needed(stored_with(held, {backup(1.5)})).value_or(""), HasSubstr("0/400000"));
}

TEST(BackupNeedTest, ComesFromALineWhoseBackupsWereAllSetAside) {
  auto stored = stored_with(Held().segments(kOne, 1, 4), {});
  EXPECT_EQ(why_backup_is_needed(stored), std::nullopt) << "there was never one";
  stored.has_backups_aside = true;
  EXPECT_THAT(why_backup_is_needed(stored).value_or(""), HasSubstr("set aside"));
}

}  // namespace
}  // namespace pgkeep::server
