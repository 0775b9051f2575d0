// Everything that can be wrong with a server, one thing after the other: it is found, and nothing else is.
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/health/findings_fixture.h"

namespace pgkeep::server {
namespace {

using postgres::Lsn;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace pgkeep::server
