#include "server/health/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/health/findings_fixture.h"

namespace pgkeep::server {
namespace {

using postgres::Lsn;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(ExamineTest, FindsNothingWrongWithAServerThatIsWell) {
  const auto findings = examine(well(), kNow);
  EXPECT_THAT(findings, Not(Contains(Field(&Finding::severity, Not(Severity::ok)))));
  EXPECT_THAT(findings, Not(Contains(Field(&Finding::hint, Not(IsEmpty())))));
  EXPECT_THAT(findings, Not(Contains(Field(&Finding::server, Not("main")))));
  std::vector<std::string> keys;
  for (const auto& finding : findings) keys.push_back(finding.key);
  EXPECT_THAT(keys, ElementsAre("configuration", "repository", "free_space", "space_forecast",
                                "repository_files", "sql_connection", "replication_connection", "version",
                                "identity", "clock", "wal_level", "max_wal_senders", "slot", "receiver",
                                "configuration_files", "backups", "verification", "retention", "schedule",
                                "jobs", "wal_continuous", "branches", "wal_conflicts", "wal_lag"));
}

TEST(ExamineTest, WarnsOfClocksThatDoNotAgree) {
  auto facts = well();
  facts.live->clock_ahead = 9s;
  EXPECT_EQ(find(examine(facts, kNow), "clock").severity, Severity::ok);
  facts.live->clock_ahead = 90s;
  EXPECT_EQ(find(examine(facts, kNow), "clock").severity, Severity::warning);
  EXPECT_EQ(find(examine(facts, kNow), "clock").what, "1 min 30 s ahead of the one here");
  facts.live->clock_ahead = -90s;
  EXPECT_EQ(find(examine(facts, kNow), "clock").what, "1 min 30 s behind the one here");
}

TEST(ExamineTest, AdvisesToReadBackWhatHasLainForLong) {
  auto facts = well();
  facts.stored->backups = {backup(1.5, kNow - std::chrono::days(61)), backup(3.5)};
  EXPECT_EQ(find(examine(facts, kNow), "verification").severity, Severity::advice);
  facts.stored->runs = {run("verify", kNow - std::chrono::days(59), catalog::RunOutcome::succeeded)};
  EXPECT_EQ(find(examine(facts, kNow), "verification").severity, Severity::ok);
  facts.stored->runs = {run("verify", kNow - std::chrono::days(61), catalog::RunOutcome::succeeded),
                        run("verify", kNow - 1h, catalog::RunOutcome::failed)};
  EXPECT_EQ(find(examine(facts, kNow), "verification").severity, Severity::advice);
}

TEST(ExamineTest, FindsThatNobodyIsReached) {
  auto facts = well();
  EXPECT_EQ(find(examine(facts, kNow), "notifications").key, "none of that key");
  facts.repository->notifications.emplace();
  facts.repository->report.emplace();
  EXPECT_EQ(find(examine(facts, kNow), "notifications").severity, Severity::ok);
  facts.repository->notifications = {{"webhook: not taken", kNow}};
  facts.repository->report = {{"not sent", kNow}};
  for (const auto* key : {"notifications", "report_mail"}) {
    EXPECT_EQ(find(examine(facts, kNow), key).severity, Severity::warning);
    EXPECT_TRUE(find(examine(facts, kNow), key).is_of_repository());
  }
}

TEST(ExamineTest, FindsHooksThatCannotBeRun) {
  auto facts = well();
  facts.hook_faults.emplace();
  EXPECT_EQ(find(examine(facts, kNow), "hooks").severity, Severity::ok);
  facts.hook_faults = {"before_backup: /x is missing", "after_backup: /y is missing"};
  EXPECT_EQ(find(examine(facts, kNow), "hooks").severity, Severity::failed);
  EXPECT_THAT(find(examine(facts, kNow), "hooks").what, HasSubstr("/x is missing, and 1 more"));
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

TEST(ExamineTest, LeavesADamagedBackupAloneThatHasExpired) {
  auto facts = well();
  auto& marks = facts.stored->marks[facts.stored->backups.front().id];
  marks.damaged = damage_mark();
  marks.expired = catalog::ExpiryMark{.by = {}, .at = kNow, .why = "it is damaged"};
  facts.stored->backups.push_back(backup(2.5, kNow - 30min));
  EXPECT_EQ(find(examine(facts, kNow), "damage").key, "none of that key");
}

TEST(ExamineTest, SaysDamageOnceThatBothKindsOfVerificationFound) {
  auto facts = well();
  const auto& id = facts.stored->backups.front().id;
  facts.stored->marks[id].damaged = damage_mark();
  auto& known = facts.stored->damage.emplace_back(DamageFacts{pack_damage(), true}).damage;
  known.backups = {id};
  EXPECT_THAT(find(examine(facts, kNow), "damage").what, Not(HasSubstr("page 7")));
}

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
