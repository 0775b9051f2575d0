#include <algorithm>
#include <ranges>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/health/findings_parts.h"
#include "server/terminal/output.h"

namespace pgkeep::server {
namespace {

/// What a stream that runs has not brought by then, it will not bring soon.
constexpr std::chrono::hours kStreamBringsItIn{1};

std::chrono::milliseconds age_of(io::TimePoint at, io::TimePoint now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - at);
}

/// Only what is damaged is lost; what may not be opened is as it was once it is given back.
std::string hint_for_unread(const std::string& server, const std::vector<store::UnreadBackup>& unread) {
  const auto damaged = std::ranges::find(unread, false, &store::UnreadBackup::denied);
  if (damaged == unread.end()) {
    return "the backup is kept, and can be used again when its files belong to the owner of the repository; "
           "delete nothing for that";
  }
  return fmt::format(
      "the damaged backup cannot be used: bring its backup.json back from another copy of the repository, "
      "or give it up: `pgkeep delete {} {}`",
      server, damaged->id.to_string());
}

/// Since when PostgreSQL finds no damaged pages any more, or until when it found none; nothing while no
/// backup of the cluster has any. One for which it did not look tells nothing.
std::string since_sound(std::vector<store::BackupRecord> backups) {
  std::erase_if(backups, [system = backups.back().system](const auto& backup) {
    return backup.system != system || (!backup.has_sound_pages() && backup.checksum_failures == 0);
  });
  const auto is_sound = [](const store::BackupRecord& backup) { return backup.has_sound_pages(); };
  if (std::ranges::all_of(backups, is_sound)) return {};
  const auto of = [](const store::BackupRecord& backup) {
    return fmt::format("{} of {}", backup.id.to_string(),
                       io::format_time(std::chrono::floor<std::chrono::seconds>(backup.ended)));
  };
  if (is_sound(backups.back())) {
    const auto damaged = std::ranges::find_if_not(backups.rbegin(), backups.rend(), is_sound);
    return fmt::format("; no checksum failures since {}", of(*damaged.base()));
  }
  const auto sound = std::ranges::find_if(backups.rbegin(), backups.rend(), is_sound);
  return sound == backups.rend() ? "; no backup is without any"
                                 : fmt::format("; the last without any is {}", of(*sound));
}

/// When the last backup goes, where all have expired. One whose marks cannot be read has not.
std::optional<io::TimePoint> when_all_are_gone(const ServerConfig& server, const StoredFacts& stored) {
  std::optional<io::TimePoint> last;
  for (const auto& backup : stored.backups) {
    const auto marks = stored.marks.find(backup.id);
    if (marks == stored.marks.end() || !marks->second.expired) return std::nullopt;
    const auto goes = marks->second.expired->at + server.retention.grace;
    last = std::max(last.value_or(goes), goes);
  }
  return last;
}

Finding examine_backups(const ServerConfig& config, const StoredFacts& stored, io::TimePoint now) {
  const auto& server = config.name;
  Finding finding{.key = "backups", .severity = Severity::failed, .what = {}};
  if (const auto& unread = stored.unread_backups; !unread.empty()) {
    std::vector<std::string> lines;
    for (const auto& backup : unread) lines.push_back(describe(backup));
    finding.what = fmt::format("{}", fmt::join(lines, "; "));
    finding.hint = hint_for_unread(server, unread);
    return finding;
  }
  if (stored.backups.empty()) {
    finding.what = "none";
    finding.hint = fmt::format("take one: `pgkeep backup {}`", server);
    return finding;
  }
  const auto& latest = stored.backups.back();
  finding.what = fmt::format("{}; the latest, {}, is {} old", stored.backups.size(), latest.id.to_string(),
                             io::format_duration(age_of(latest.ended, now)));
  if (latest.checksum_failures != 0)
    finding.what += fmt::format(", with {} checksum failures", latest.checksum_failures);
  finding.what += since_sound(stored.backups);
  if (latest.checksum_failures == 0) {
    finding.severity = Severity::ok;
    if (const auto gone = when_all_are_gone(config, stored)) {
      finding.severity = Severity::warning;
      finding.what += fmt::format("; all have expired, so that it can be recovered only until {}",
                                  io::format_time(*gone));
      finding.hint = fmt::format("take a backup: `pgkeep backup {0}`, or keep one: `pgkeep undelete {0} {1}`",
                                 server, latest.id.to_string());
    }
    return finding;
  }
  finding.since = latest.ended;
  finding.hint =
      fmt::format("the server has damaged pages: `pgkeep show-backup {} latest` names them", server);
  return finding;
}

/// Nothing while the chain of records is whole.
std::optional<Finding> examine_chain(const std::string& server, const store::ChainReport& chain) {
  if (chain.is_sound()) return std::nullopt;
  std::vector<std::string> lines;
  std::vector<std::string> hints;
  for (const auto& missing : chain.missing) lines.push_back(describe(missing));
  for (const auto& replaced : chain.replaced) lines.push_back(describe(replaced));
  if (!chain.missing.empty()) {
    if (chain.unnumbered != 0)
      lines.push_back(fmt::format("{} of these may be those whose record cannot be read", chain.unnumbered));
    hints.push_back(
        fmt::format("bring the folders of backups that are missing back from another copy of the "
                    "repository, or give each up: `pgkeep delete {} --missing {}`",
                    server, chain.missing.front().first));
  }
  if (!chain.replaced.empty()) {
    hints.push_back(
        fmt::format("bring the record back from another copy of the repository, or give the "
                    "backup up: `pgkeep delete {} {}`",
                    server, chain.replaced.front().id.to_string()));
  }
  return Finding{.key = "backup_chain",
                 .severity = Severity::failed,
                 .what = fmt::format("{}", fmt::join(lines, "; ")),
                 .hint = fmt::format("{}", fmt::join(hints, "; "))};
}

std::string describe(const catalog::WalGap& gap) {
  return fmt::format("{} to {} of timeline {}{}", gap.range.begin.to_string(), gap.range.end.to_string(),
                     gap.range.timeline.to_string(), gap.event ? ": " + gap.event->cause : "");
}

/// Of a server with gaps, or backups from which no recovery comes to the end.
Finding examine_gaps(const std::string& server, const WalFacts& wal,
                     const std::vector<store::BackupRecord>& backups) {
  Finding finding{.key = "wal_continuous", .severity = Severity::warning, .what = {}};
  for (const auto& gap : wal.gaps) {
    finding.what += fmt::format("{}missing: {}", finding.what.empty() ? "" : "; ", describe(gap));
    if (gap.event) finding.since = gap.event->at;
  }
  if (finding.what.empty()) finding.what = "the WAL after a backup does not lead to the newest timeline";
  std::vector<std::string> cut_off;
  for (const auto& backup : backups)
    if (gap_after(wal, backup)) cut_off.push_back(backup.id.to_string());
  finding.hint = fmt::format("backups that reach no further than that: {}",
                             cut_off.empty() ? "none" : fmt::format("{}", fmt::join(cut_off, ", ")));
  if (backups.empty() || !gap_after(wal, backups.back())) return finding;
  finding.severity = Severity::failed;
  finding.hint = fmt::format(
      "no backup reaches the current WAL: take one by `pgkeep backup {}`, unless the daemon is at it",
      server);
  return finding;
}

/// Why no recovery comes to the end of the WAL though none is missing, as when the backup was deleted that
/// led on, or the server was put back to a time before all backups; empty when one comes to it, or without
/// backups.
std::string why_none_leads_to_the_end(const WalFacts& wal, const std::vector<store::BackupRecord>& backups) {
  if (!wal.newest || backups.empty()) return {};
  const auto& line = wal.newest->line();
  const auto is_on_line = [&](const store::BackupRecord& backup) {
    return line.contains(backup.start) && line.contains(backup.end);
  };
  if (std::ranges::none_of(backups, is_on_line))
    return fmt::format("all backups are of other branches than its timeline, {}",
                       line.timeline().to_string());
  const bool some_lead_on = std::ranges::any_of(backups, [&](const store::BackupRecord& backup) {
    return is_on_line(backup) && !is_consistent_only(wal, backup);
  });
  return some_lead_on ? "" : "its backups are consistent only";
}

/// What a recovery to the end needs is there for the newest backup, or nothing protects the server; that
/// older ones end at a gap is only to be known.
Finding examine_wal(const std::string& server, const WalFacts& wal,
                    const std::vector<store::BackupRecord>& backups) {
  Finding finding{.key = "wal_continuous", .severity = Severity::failed, .what = {}};
  if (!wal.received) {
    finding.what = "no WAL is stored";
    finding.hint = "start `pgkeep serve`";
    return finding;
  }
  if (!wal.unknown_history.empty()) {
    finding.what = wal.unknown_history;
    finding.hint = "the receiver fetches the history of its timeline when it starts again";
    return finding;
  }
  const bool whole = wal.gaps.empty() && std::ranges::none_of(backups, [&](const auto& backup) {
                       return gap_after(wal, backup).has_value();
                     });
  if (!whole) return examine_gaps(server, wal, backups);
  if (const auto why = why_none_leads_to_the_end(wal, backups); !why.empty()) {
    finding.what =
        fmt::format("no recovery comes to the end of the WAL, {}: {}", wal.received->lsn.to_string(), why);
    finding.hint = fmt::format("take a backup: `pgkeep backup {}`", server);
    return finding;
  }
  auto begin = backups.empty() ? wal.ranges.front().begin : backups.front().start.lsn;
  if (!wal.removed.empty()) begin = wal.removed.back().range.end;
  const auto alone = static_cast<std::size_t>(
      std::ranges::count_if(backups, [&](const auto& backup) { return is_consistent_only(wal, backup); }));
  finding.severity = Severity::ok;
  finding.what = fmt::format("from {} to {}", begin.to_string(), wal.received->lsn.to_string());
  if (alone != 0)
    finding.what += fmt::format(", and what makes {} consistent", counted(alone, "older backup"));
  return finding;
}

Finding examine_branches(const std::vector<catalog::Event>& events, io::TimePoint now) {
  if (const auto* open = catalog::undecided_rollback(events)) {
    return {.key = "branches",
            .severity = Severity::failed,
            .what = fmt::format("{}: {}", io::format_time(open->at), open->cause),
            .hint = "no WAL is received until you decide: see the runbook \"A server was put back\"",
            .since = open->at};
  }
  const auto alarms = late_alarms(events, now);
  const auto branch = std::ranges::find_if(alarms, [](const catalog::Event& event) {
    using Kind = catalog::EventKind;
    return event.kind == Kind::split_brain || event.kind == Kind::branch_left ||
           event.kind == Kind::rolled_back;
  });
  if (branch == alarms.end()) return {.key = "branches", .what = "no other branch in the last week"};
  const bool split = branch->kind == catalog::EventKind::split_brain;
  return {.key = "branches",
          .severity = split ? Severity::failed : Severity::warning,
          .what = fmt::format("{}: {}", io::format_time(branch->at), branch->cause),
          .hint = split ? "see the runbook \"Two servers claim to be the primary\"; said for a week" : "",
          .since = branch->at};
}

Finding examine_pushed(const std::string& server, const StoredFacts& stored, io::TimePoint now) {
  if (stored.wal_conflicts > 0) {
    return {.key = "wal_conflicts",
            .severity = Severity::failed,
            .what = fmt::format("{} differ from what is stored under the same name",
                                counted(stored.wal_conflicts, "file")),
            .hint = fmt::format("`pgkeep wal-conflicts {}` shows and settles them", server)};
  }
  const auto& waiting = stored.waiting;
  if (!waiting.oldest || now - *waiting.oldest < kStreamBringsItIn)
    return {.key = "wal_conflicts", .what = "nothing that differs"};
  return {.key = "wal_conflicts",
          .severity = Severity::warning,
          .what = fmt::format("{} that the stream has not brought, the oldest since {}, {} to {}",
                              counted(waiting.files, "segment"), io::format_time(*waiting.oldest),
                              waiting.first, waiting.last),
          .hint = fmt::format("no recovery takes them before `pgkeep adopt-wal {}` does; "
                              "`pgkeep pushed-wal {}` lists them",
                              server, server),
          .since = waiting.oldest};
}

/// Only where there is some.
void add_damage(const char* key, const std::vector<std::string>& damage, const char* hint,
                std::vector<Finding>& findings) {
  if (damage.empty()) return;
  findings.push_back({.key = key,
                      .severity = Severity::failed,
                      .what = fmt::format("{}", fmt::join(damage, "; ")),
                      .hint = hint});
}

/// Only where there is some: it tells what was lost, and that is not known.
void add_journal_damage(const std::vector<std::string>& damage, std::vector<Finding>& findings) {
  if (damage.empty()) return;
  findings.push_back(
      {.key = "journals",
       .severity = Severity::failed,
       .what = fmt::format("damaged, so that nobody knows what it told: {}", fmt::join(damage, "; ")),
       .hint =
           "put the line back from another copy of the repository. Where there is none, take it out (with "
           "`sed -i` while no pgkeep works on the server): no backup and no WAL is lost by that, but a "
           "backup that it said was deleted counts as missing, a gap as not recorded, and a job as not run"});
}

Finding examine_lag(const std::optional<std::uint64_t>& lag, postgres::WalSegmentSize size) {
  Finding finding{.key = "wal_lag",
                  .what = lag ? fmt::format("{} behind the server", io::format_bytes(*lag)) : "none"};
  // More than two segments: the stream is not keeping up, or there is none.
  if (lag && *lag <= std::uint64_t{2} * size.bytes()) return finding;
  finding.severity = Severity::failed;
  finding.hint = "what the server has written since would be lost with it; see the WAL receiver";
  return finding;
}

/// The lost WAL that keeps a recovery from a backup from coming to the end of what is held: the newest such
/// gap. Only what is known to be lost counts; what is missing otherwise may still come.
const catalog::WalGap* lost_after(const WalFacts& wal, const postgres::WalPosition& start) {
  for (const auto& gap : std::views::reverse(wal.gaps))
    if (gap.event && gap.range.end > start.lsn && gap.range.timeline >= start.timeline) return &gap;
  return nullptr;
}

}  // namespace

void examine_stored(const ServerFacts& facts, io::TimePoint now, std::vector<Finding>& findings) {
  if (!facts.stored) return;
  const auto& stored = *facts.stored;
  const auto& server = facts.config.name;
  const bool has_backups = !stored.backups.empty() || !stored.unread_backups.empty();
  if (facts.has_seen("backups") && (facts.config.active || has_backups))
    findings.push_back(examine_backups(facts.config, stored, now));
  if (auto finding = examine_chain(server, stored.chain)) findings.push_back(*std::move(finding));
  examine_damage(server, stored, findings);
  if (!facts.stream.own_backup.empty())
    findings.push_back({.key = "own_backup", .severity = Severity::warning, .what = facts.stream.own_backup});
  if (!stored.identity || !facts.has_seen("stored")) return;
  if (stored.wal)
    add_damage("histories", stored.wal->damaged_histories,
               "no recovery can follow that timeline until then; all others can", findings);
  add_damage("lines", stored.damaged_lines,
             "recoveries from the backups of all other lines are not concerned", findings);
  add_journal_damage(stored.damaged_journals, findings);
  if (facts.has_seen("wal_conflicts")) findings.push_back(examine_pushed(server, stored, now));
  if (!stored.wal) return;
  findings.push_back(examine_wal(server, *stored.wal, stored.backups));
  findings.push_back(examine_branches(stored.wal->events, now));
  if (facts.live && stored.wal->received)
    findings.push_back(examine_lag(facts.lag(), stored.identity->wal_segment_size));
}

std::optional<std::string> why_backup_is_needed(const StoredFacts& stored) {
  if (!stored.identity) return std::nullopt;
  if (stored.backups.empty() && stored.has_backups_aside)
    return "the WAL that the backups need was set aside as a line of its own, and the new line has no backup";
  const auto newest = std::ranges::find(stored.backups | std::views::reverse, stored.identity->system,
                                        &store::BackupRecord::system);
  if (newest == stored.backups.rend() || !stored.wal) return std::nullopt;
  const auto* gap = lost_after(*stored.wal, newest->start);
  if (gap == nullptr) return std::nullopt;
  return fmt::format(
      "WAL from {} to {} of timeline {} is lost, so that no recovery from the newest backup ({}) passes it",
      gap->range.begin.to_string(), gap->range.end.to_string(), gap->range.timeline.to_string(),
      newest->id.to_string());
}

}  // namespace pgkeep::server
