#include "recover/plan/replay_notes.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/number.h"
#include "catalog/postgres/versions.h"
#include "catalog/records/identity.h"
#include "catalog/wal/wal_archive.h"
#include "recover/plan/plan_tablespaces.h"
#include "recover/plan/plan_time.h"

namespace pgkeep::recover {
namespace {

using postgres::Lsn;
using postgres::WalSegment;

/// Of several files of a segment PostgreSQL replays the newest timeline's.
std::map<std::uint64_t, PlannedWal> replayed_files(const RecoveryPlan& plan) {
  std::map<std::uint64_t, PlannedWal> files;
  for (const auto& file : plan.replayed) files.insert_or_assign(file.segment.number, file);
  return files;
}

/// Where replay stops at the latest.
Lsn replay_end(const RecoveryPlan& plan) {
  const auto& target = plan.request.target;
  if (std::holds_alternative<Immediate>(target.where)) return plan.backup.end.lsn;
  // An inclusive one stops after the first record that begins at the target or after it: wanted_record().
  if (const auto* lsn = std::get_if<TargetLsn>(&target.where); lsn != nullptr && !target.inclusive)
    return lsn->lsn;
  return plan.wal_end.lsn;
}

/// Reads a segment's records; nothing when not all of them can be read.
std::optional<catalog::WalContents> contents_of(const catalog::WalArchive& archive,
                                                const RecoveryFacts& facts, const WalSegment& segment,
                                                const catalog::WantedRecord& wanted = {}) {
  try {
    auto contents = catalog::read_wal_contents(archive, segment, facts.wal.file_of(segment)->end, wanted);
    return contents && contents->notes.complete ? std::move(contents) : std::nullopt;
  } catch (const Corruption&) {
    return std::nullopt;
  }
}

/// The same for its notes alone, which the header of an archived one has.
std::optional<catalog::WalContents> notes_of(const catalog::WalArchive& archive, const RecoveryFacts& facts,
                                             const WalSegment& segment) {
  try {
    const auto file = facts.wal.received().contains(segment) ? std::nullopt : archive.open_segment(segment);
    if (file && file->header().notes.complete)
      return catalog::WalContents{.commits = {}, .restore_points = {}, .notes = file->header().notes};
  } catch (const Corruption&) {
    return std::nullopt;
  }
  return contents_of(archive, facts, segment);
}

bool ends_transaction(const postgres::WalMoment& moment) {
  return moment.kind == postgres::WalMoment::Kind::commit || moment.kind == postgres::WalMoment::Kind::abort;
}

/// The target, when it is a restore point or a transaction: one record has it, and PostgreSQL fails when it
/// does not come to that. Empty: another target, or WAL will come that is not here yet.
std::string named_target(const RecoveryPlan& plan) {
  const auto& where = plan.request.target.where;
  if (plan.request.wal_mode == WalMode::get_wal) return {};
  if (const auto* name = std::get_if<TargetName>(&where))
    return fmt::format("restore point '{}'", name->name);
  if (const auto* xid = std::get_if<TargetXid>(&where)) return "transaction " + xid->xid;
  return {};
}

/// As PostgreSQL reads it: without the epoch.
std::optional<std::uint32_t> number_of(const TargetXid& target) {
  const auto number = postgres::parse_number<std::uint64_t>(target.xid);
  return number ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

/// The record at which replay stops, as the target alone tells it; one that looks for nothing when it is not
/// to be found by its records.
catalog::WantedRecord wanted_record(const RecoveryPlan& plan) {
  const auto& target = plan.request.target;
  if (const auto* lsn = std::get_if<TargetLsn>(&target.where); lsn != nullptr && target.inclusive)
    return {.from = lsn->lsn};
  if (std::holds_alternative<TargetTime>(target.where)) {
    return {.moment = [target](const postgres::WalMoment& moment) {
      return ends_transaction(moment) && stops_at(target, moment.time);
    }};
  }
  if (named_target(plan).empty()) return {};
  if (const auto* name = std::get_if<TargetName>(&target.where)) {
    return {.moment = [name = name->name](const postgres::WalMoment& moment) {
      return moment.kind == postgres::WalMoment::Kind::restore_point && moment.name == name;
    }};
  }
  return {.moment = [xid = number_of(std::get<TargetXid>(target.where))](const postgres::WalMoment& moment) {
    return xid && moment.xid == xid;
  }};
}

/// Whether replay may stop in that segment. When the time of a target lies in one was found out before.
bool may_stop_in(const RecoveryPlan& plan, const WalSegment& segment) {
  if (const auto* lsn = std::get_if<TargetLsn>(&plan.request.target.where))
    return segment.end(plan.backup.wal_segment_size) > lsn->lsn;
  return !std::holds_alternative<TargetTime>(plan.request.target.where) ||
         segment.number == plan.replayed.back().segment.number;
}

/// In the segments that replay does not come to: on another line, or before the backup.
void find_elsewhere(const catalog::WalArchive& archive, const RecoveryFacts& facts, const RecoveryPlan& plan,
                    ReplayNotes& found) {
  const auto wanted = wanted_record(plan);
  for (const auto* list : {&facts.wal.names().segments, &facts.wal.names().partials}) {
    for (const auto& segment : *list) {
      const auto contents = contents_of(archive, facts, segment, wanted);
      if (contents && contents->wanted) found.elsewhere.push_back({segment.timeline, *contents->wanted});
    }
  }
}

std::string name_of(std::uint32_t oid, std::span<const store::BackupRecord> backups) {
  for (const auto& backup : backups) {
    const auto known = std::ranges::find(backup.tablespaces, oid, &store::TablespaceRecord::oid);
    if (known != backup.tablespaces.end() && !known->name.empty()) return known->name;
  }
  return {};
}

std::string ways_out(const CreatedTablespace& created) {
  return fmt::format(
      "recover from a backup that was taken after that, to a target before it (--target-lsn {} --exclusive), "
      "or on a host where {} is free",
      created.lsn.to_string(), created.location);
}

bool is_asked_to_move(const CreatedTablespace& created, const RecoveryRequest& request) {
  return std::ranges::any_of(request.tablespaces, [&](const auto& relocation) {
    const auto& key = relocation.first;
    return key == std::to_string(created.oid) || (!created.name.empty() && key == created.name) ||
           normal_path(key) == created.location;
  });
}

void add_created(const CreatedTablespace& created, RecoveryPlan& plan) {
  const auto of_backup = std::ranges::find(plan.tablespaces, created.oid, &PlannedTablespace::oid);
  const bool moved = of_backup != plan.tablespaces.end() && of_backup->location != created.location;
  if (moved || is_asked_to_move(created, plan.request)) {
    throw Refused(fmt::format(
        "tablespace {} cannot go elsewhere: it was created at {}, which is after the start of backup {}, "
        "and replay creates it again in {}; {}",
        created.describe(), created.lsn.to_string(), plan.backup.id.to_string(), created.location,
        ways_out(created)));
  }
  if (of_backup == plan.tablespaces.end()) plan.created_tablespaces.push_back(created);
}

/// PostgreSQL fails at the end of the WAL when it has not come to the target, and at the target when the
/// backup is not consistent yet.
void settle_named_target(const ReplayNotes& notes, RecoveryPlan& plan) {
  const auto target = named_target(plan);
  if (target.empty()) return;
  const auto& backup = plan.backup;
  if (notes.stop && *notes.stop < backup.end.lsn) {
    throw Refused(
        fmt::format("{} lies at {}, and backup {} is consistent from {} on only: choose an older backup",
                    target, notes.stop->to_string(), backup.id.to_string(), backup.end.lsn.to_string()));
  }
  if (notes.stop) {
    const auto last =
        notes.stop->value() / backup.wal_segment_size.bytes() + 1;  // the record may continue there
    std::erase_if(plan.wal, [last](const PlannedWal& file) { return file.segment.number > last; });
    plan.wal_bytes = plan.wal.size() * std::uint64_t{backup.wal_segment_size.bytes()};
    return;
  }
  if (!notes.formats_known || !notes.unread.empty() || notes.may_be_prepared) return;  // it may be there
  const auto line = plan.timeline.to_string();
  if (notes.elsewhere.empty())
    throw Refused(fmt::format("there is no {} in the WAL that is held of the server", target));
  const auto& [timeline, lsn] = notes.elsewhere.back();
  if (lsn < backup.start.lsn) {
    throw Refused(
        fmt::format("{} lies at {} on timeline {}, before the start of backup {}: choose an older backup",
                    target, lsn.to_string(), timeline.to_string(), backup.id.to_string()));
  }
  throw Refused(fmt::format("{} lies at {} on timeline {}, on a line that timeline {} left: --target-tli {}",
                            target, lsn.to_string(), timeline.to_string(), line, timeline.to_string()));
}

}  // namespace

ReplayNotes read_replay_notes(const store::ServerLayout& layout, const RecoveryFacts& facts,
                              const RecoveryPlan& plan) {
  ReplayNotes found;
  const auto identity = catalog::read_identity(layout);
  if (!identity) return found;
  found.formats_known = identity->formats_known();
  if (!found.formats_known) return found;
  const catalog::WalArchive archive(layout, *identity);
  const auto wanted = wanted_record(plan);
  const bool by_number = std::holds_alternative<TargetXid>(plan.request.target.where);
  const auto end = replay_end(plan);
  for (const auto& [number, file] : replayed_files(plan)) {
    if (file.segment.begin(facts.wal.segment_size()) >= end || found.stop) break;
    const auto is_replayed = [&plan, end, fork = file.fork](Lsn lsn) {
      return lsn >= plan.backup.start.lsn && lsn < end && (!fork || lsn < *fork);
    };
    catalog::WantedRecord here{.from = wanted.from};
    if (wanted.moment) {
      here.moment = [&](const postgres::WalMoment& moment) {
        if (!is_replayed(moment.begin)) return false;
        found.may_be_prepared |= by_number && ends_transaction(moment) && !moment.xid;
        return wanted.moment(moment);
      };
    }
    const bool looks = (wanted.from || wanted.moment) && may_stop_in(plan, file.segment);
    const auto contents =
        looks ? contents_of(archive, facts, file.segment, here) : notes_of(archive, facts, file.segment);
    if (!contents) {
      found.unread.push_back(file.segment.name(facts.wal.segment_size()));
      continue;
    }
    if (contents->wanted && is_replayed(*contents->wanted)) found.stop = contents->wanted;
    std::ranges::copy_if(contents->notes.parameters, std::back_inserter(found.parameters),
                         [&](const auto& noted) { return is_replayed(noted.begin); });
    std::ranges::copy_if(contents->notes.tablespaces, std::back_inserter(found.tablespaces),
                         [&](const auto& noted) { return is_replayed(noted.begin); });
  }
  if (found.stop) {
    const auto is_after = [&found](const auto& noted) { return noted.begin > *found.stop; };
    std::erase_if(found.parameters, is_after);
    std::erase_if(found.tablespaces, is_after);
  } else if (!named_target(plan).empty()) {
    find_elsewhere(archive, facts, plan, found);
  }
  return found;
}

void add_replay_notes(const ReplayNotes& notes, std::span<const store::BackupRecord> backups,
                      RecoveryPlan& plan) {
  settle_named_target(notes, plan);
  for (const auto& parameters : notes.parameters) plan.least.demand(parameters);
  for (const auto& change : notes.tablespaces) {
    if (!change.path || !change.path->starts_with('/')) continue;  // dropped, or in the data directory
    add_created({.oid = change.oid,
                 .name = name_of(change.oid, backups),
                 .location = normal_path(*change.path),
                 .lsn = change.begin},
                plan);
  }
  if (!notes.formats_known) {
    plan.remarks.push_back(fmt::format(
        "{}: what its WAL and its pg_control say is not known. "
        "Before the copy is started, give it the max_connections, max_worker_processes, max_wal_senders, "
        "max_prepared_transactions and max_locks_per_transaction of the server; "
        "replay may create a tablespace where it was on the server",
        postgres::why_not_known(plan.backup.major_version)));
  }
  for (const auto& segment : notes.unread) {
    plan.remarks.push_back(
        fmt::format("what WAL segment {} says of tablespaces and settings is not known: "
                    "replay may create a tablespace where it was on the server",
                    segment));
  }
}

std::string CreatedTablespace::describe() const {
  return name.empty() ? std::to_string(oid) : fmt::format("{} ({})", name, oid);
}

std::string why_created(const CreatedTablespace& created) {
  return fmt::format("replay creates tablespace {} there, as the server did at {}: {}", created.describe(),
                     created.lsn.to_string(), ways_out(created));
}

}  // namespace pgkeep::recover
