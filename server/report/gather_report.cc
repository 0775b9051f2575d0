#include "server/report/gather_report.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/records/newest_runs.h"
#include "catalog/verify/damaged_backups.h"
#include "server/fleet/at_once.h"
#include "server/fleet/backup_facts.h"
#include "server/fleet/fleet.h"
#include "server/fleet/stored_records.h"
#include "server/fleet/unfinished_backup.h"
#include "server/health/findings.h"
#include "server/health/report_record.h"
#include "server/report/server_changes.h"
#include "server/terminal/version.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kAtOnce = 16;
/// More than a month of the runs of any server whose jobs are a few an hour.
constexpr std::size_t kRunsToLookAt = 3000;

/// One server on the way into a report.
class Gathering {
 public:
  Gathering(const ServerConfig& server, const ReportTimes& times) : server_(&server), times_(times) {
    auto& reported = gathered_.server;
    reported.name = server.name;
    reported.description = server.description;
    reported.active = server.active;
  }

  void add(const ServerFacts& facts) {
    facts_ = &facts;
    findings_ = examine(facts, times_.now);
    auto& reported = gathered_.server;
    reported.stream = server_->active ? stream_word(facts.stream) : "out of service";
    reported.lag_bytes = facts.lag();
    add_live(facts);
    reported.known.backups = facts.stored && facts.has_seen("backups");
    if (reported.known.backups && facts.has_seen("identity") && !facts.stored->identity)
      reported.known = Known::all();  // that nothing was stored yet
    const bool seen = facts.stored && facts.has_seen("backups") && facts.has_seen("identity") &&
                      facts.has_seen("stored") && facts.has_seen("wal_continuous") &&
                      facts.has_seen("damage");
    if (!seen) return;  // unknown
    const bool expected = server_->active || !facts.stored->backups.empty() ||
                          !facts.stored->unread_backups.empty() || facts.stored->has_backups_aside;
    reported.recoverable = expected ? Recoverable::no : Recoverable::unused;
  }

  /// Where there was no contact yet, nothing is stored.
  void add_stored(const store::ServerLayout& layout) {
    if (facts_ == nullptr || !facts_->stored || !facts_->stored->identity) return;
    ServerRecords records;
    records.backups = facts_->stored->backups;
    if (facts_->stored->wal) records.events = facts_->stored->wal->events;
    records.marks = facts_->stored->marks;
    tell("what was deleted", [&] { read_deletions(layout, records); });
    std::optional<StoredRecords> index;
    tell("its index", [&] {
      index.emplace(*server_, layout,
                    [this](const std::string& warning) { gathered_.warnings.push_back(warning); });
    });
    tell("its runs", [&] { read_runs(layout, index, records); });
    settle(read_wal(layout, index, records), layout, records);
    add_backups(records);
    auto& reported = gathered_.server;
    reported.wal_bytes = records.wal.stored_bytes;
    reported.last_attempt = last_attempt_of(records.runs);
    tell("whether a backup is being taken",
         [&] { reported.backup_runs = read_unfinished_backup(layout).has_value(); });
    if (facts_->has_seen("damage")) reported.damaged = facts_->stored->damage.size();
    reported.proof = newest_proof(records.runs, damaged_since());
    reported.known.proof = records.has_all_runs || reported.proof;
    if (server_->active) reported.service = service_of(records, times_.now);
    reported.changes = changes_since(records, times_.since);
  }

  /// To be called in the end.
  GatheredServer take() {
    if (auto need = why_not_recoverable(gathered_.server, findings_)) findings_.push_back(*std::move(need));
    gathered_.server.findings = findings_;
    for (auto& finding : problems(findings_))
      (finding.is_of_repository() ? gathered_.repository_problems : gathered_.server.problems)
          .push_back(std::move(finding));
    return std::move(gathered_);
  }

  /// What `read` throws is a finding: it says what the report lacks. What one says already is not said again.
  /// False when it threw.
  bool tell(std::string_view what, const std::function<void()>& read) {
    try {
      read();
      return true;
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      const std::string why = error.what();
      if (std::ranges::none_of(findings_,
                               [&](const Finding& one) { return one.what.find(why) != one.what.npos; }))
        findings_.push_back({.key = "report",
                             .severity = Severity::failed,
                             .what = fmt::format("{} cannot be told: {}", what, why),
                             .server = server_->name});
      return false;
    }
  }

 private:
  void add_live(const ServerFacts& facts) {
    auto& reported = gathered_.server;
    if (facts.stream.source != StreamFacts::Source::past) reported.stream_state = facts.stream.state;
    if (facts.sql) reported.answers = facts.sql->error.empty();
    // What the watch saw before the server went away is no figure of now.
    if (facts.stream.slot && facts.stream.slot->problem.empty())
      reported.slot = facts.stream.slot->facts.slot;
    if (!facts.live) return;
    reported.server_version = facts.live->version;
    reported.slot = facts.live->ours.slot;
  }

  /// A deletion is noted before it is done: what was cut then is still there.
  static void read_deletions(const store::ServerLayout& layout, ServerRecords& records) {
    records.deletions = store::read_deletions(layout);
    std::erase_if(records.deletions, [&](const store::Deletion& deletion) {
      return deletion.id && io::is_there(layout.record(*deletion.id));
    });
  }

  void read_runs(const store::ServerLayout& layout, std::optional<StoredRecords>& index,
                 ServerRecords& records) {
    if (index) {
      records.runs = index->runs(kRunsToLookAt);
    } else {
      records.runs = catalog::newest_runs(layout, kRunsToLookAt);
      std::ranges::reverse(records.runs);
    }
    records.has_all_runs = records.runs.size() < kRunsToLookAt;
    gathered_.server.known.runs = records.has_all_runs || records.runs.back().started <= times_.since;
  }

  /// The window is nothing without any WAL; nothing of either where it cannot be told.
  using ToldWindow = std::optional<std::optional<catalog::RecoveryWindow>>;
  ToldWindow read_wal(const store::ServerLayout& layout, std::optional<StoredRecords>& index,
                      ServerRecords& records) {
    ToldWindow told;
    tell("its WAL", [&] {
      const auto archive = open_archive(*server_, layout);
      const auto held = catalog::HeldWal::read(archive);
      // Without the index no commit is known; what can be recovered is.
      const auto partials = index && index->has_index() ? catalog::read_partial_commits(archive, held)
                                                        : catalog::PartialCommits();
      const auto look = [&](catalog::StoredSegments& segments) {
        records.wal = wal_growth(segments, times_.since, times_.now);
        gathered_.server.known.wal = true;
        return catalog::examine_recovery_window(records.backups, held, segments, partials, records.events);
      };
      if (index) {
        told = index->of_segments(archive, held.names(), look);
      } else {
        catalog::SegmentFiles files(archive, held.names().segments);
        told = look(files);
      }
    });
    return told;
  }

  /// The newest damage that is known and was not mended, of what backups need that have not expired.
  std::optional<io::TimePoint> damaged_since() const {
    std::optional<io::TimePoint> newest;
    const auto add = [&](io::TimePoint at) { newest = std::max(newest.value_or(at), at); };
    for (const auto& one : facts_->stored->damage) add(one.damage.since);
    for (const auto& [id, marks] : facts_->stored->marks)
      if (marks.damaged && !marks.expired) add(marks.damaged->at);
    return newest;
  }

  /// Whether it can be recovered, and to when: from backups in the window that no verification has found
  /// damaged. It cannot be told where the window cannot, or which backups are damaged.
  void settle(const ToldWindow& told, const store::ServerLayout& layout, const ServerRecords& records) {
    auto& reported = gathered_.server;
    std::map<store::BackupId, catalog::KnownDamage> damaged;
    const bool known = tell("which backups are damaged", [&] {
      if (!facts_->stored->damage.empty()) damaged = catalog::damaged_backups(layout);
    });
    const auto is_sound = [&](const catalog::BackupReach& reach) {
      const auto marks = records.marks.find(reach.backup);
      return marks != records.marks.end() && !marks->second.damaged && !damaged.contains(reach.backup);
    };
    reported.known.stretches = told && known && facts_->has_seen("wal_continuous");
    if (reported.known.stretches && *told) {
      auto window = **told;
      std::erase_if(window.backups, std::not_fn(is_sound));
      reported.stretches = stretches_of(window);
    }
    if (reported.recoverable != Recoverable::no) return;
    if (!reported.stretches.empty())
      reported.recoverable = Recoverable::yes;
    else if (!told || !known || records.marks.size() < records.backups.size())
      reported.recoverable = Recoverable::unknown;
  }

  void add_backups(const ServerRecords& records) {
    for (const auto& backup : records.backups) {
      const auto marks = records.marks.find(backup.id);
      gathered_.server.backups.push_back({.id = backup.id.to_string(),
                                          .started = backup.started,
                                          .ended = backup.ended,
                                          .data_bytes = backup.data_bytes,
                                          .stored_bytes = stored_bytes(backup),
                                          .checksum_failures = backup.checksum_failures,
                                          .is_going = marks != records.marks.end() && marks->second.expired});
    }
  }

  const ServerConfig* server_;
  ReportTimes times_;
  const ServerFacts* facts_ = nullptr;
  std::vector<Finding> findings_;
  GatheredServer gathered_;
};

std::string line_about(const AskedDaemon& asked) {
  if (!asked.why_unknown.empty())
    return fmt::format("whether a daemon serves this repository cannot be told: {}", asked.why_unknown);
  const auto& daemon = asked.report;
  if (!daemon) return "no daemon serves this repository; `pgkeep serve` receives WAL for all servers";
  return fmt::format("pgkeep serve: process {} since {}, {}", daemon->pid, io::format_time(daemon->started),
                     counted(daemon->servers.size(), "server"));
}

void add_space(const Config& config, const std::vector<const ServerConfig*>& servers,
               const std::optional<store::Repository>& repository, FleetReport& report, const Warn& warn) {
  report.repository = config.repository;
  if (!repository || servers.empty()) return;
  try {
    report.space = read_space_facts(*repository);
  } catch (const StorageError& error) {
    warn(fmt::format("how full the disk is cannot be told: {}", error.what()));
    return;
  }
  const auto reserve = [&](const ServerConfig* server) {
    return server->reserve.bytes_of(report.space->disk);
  };
  report.space_text =
      describe(*report.space, (*std::ranges::max_element(servers, {}, reserve))->reserve, report.now);
}

/// The same file system is looked at for each server; what differs is how much each leaves for WAL.
void add_repository_problems(std::vector<Finding> found, FleetReport& report) {
  for (auto& finding : found) {
    const auto known = std::ranges::find(report.repository_problems, finding.key, &Finding::key);
    if (known == report.repository_problems.end())
      report.repository_problems.push_back(std::move(finding));
    else if (known->severity < finding.severity)
      *known = std::move(finding);
  }
}

std::vector<GatheredServer> gather_all(const Config& config, const std::vector<const ServerConfig*>& servers,
                                       const std::optional<store::Repository>& repository,
                                       const std::optional<DaemonReport>& daemon, const ReportTimes& times,
                                       const std::stop_token& stop) {
  std::vector<GatheredServer> gathered(servers.size());
  for_each_at_once(servers, {.servers = kAtOnce}, [&](std::size_t i) {
    try {
      gathered[i] = gather_server(config, *servers[i], repository, daemon, times, stop);
    } catch (const Interrupted&) {
      return;  // thrown below
    } catch (const std::exception& failure) {
      gathered[i].server.name = servers[i]->name;
      gathered[i].server.problems = {{.key = "report",
                                      .severity = Severity::failed,
                                      .what = failure.what(),
                                      .server = servers[i]->name}};
      gathered[i].server.findings = gathered[i].server.problems;
    }
  });
  if (stop.stop_requested()) throw Interrupted("the report was stopped");
  return gathered;
}

/// Nothing as well where the repository cannot be opened, which each server's findings say: `why` then.
std::optional<store::Repository> repository_of(const Config& config, std::string& why) {
  try {
    return open_repository_if_there(config);
  } catch (const Refused&) {
    throw;
  } catch (const Error& error) {
    why = error.what();
    return std::nullopt;
  }
}

AskedDaemon ask(const std::optional<store::Repository>& repository, const std::string& why_no_repository) {
  if (!repository) return {.report = {}, .why_unknown = why_no_repository};
  try {
    return {.report = ask_daemon(*repository), .why_unknown = {}};
  } catch (const Error& error) {
    return {.report = {}, .why_unknown = fmt::format("it does not answer: {}", error.what())};
  }
}

}  // namespace

std::optional<Finding> why_not_recoverable(const ReportedServer& server,
                                           const std::vector<Finding>& findings) {
  constexpr std::array<std::string_view, 9> kTheyTell{"repository", "backups",        "backup_chain",
                                                      "damage",     "marks",          "identity",
                                                      "stored",     "wal_continuous", "report"};
  if (server.recoverable == Recoverable::yes || server.recoverable == Recoverable::unused)
    return std::nullopt;
  const bool told = std::ranges::any_of(findings, [&](const Finding& finding) {
    return finding.severity == Severity::failed &&
           std::ranges::find(kTheyTell, finding.key) != kTheyTell.end();
  });
  if (told) return std::nullopt;
  Finding need{.key = "report", .severity = Severity::failed, .what = {}, .server = server.name};
  need.what =
      server.recoverable == Recoverable::no
          ? "no time was found that it can be recovered to: no backup that is sound has the WAL that it needs"
          : "whether it can be recovered cannot be told";
  need.hint = fmt::format("`pgkeep list-backups {0}` tells of each backup; take one: `pgkeep backup {0}`",
                          server.name);
  return need;
}

GatheredServer gather_server(const Config& config, const ServerConfig& server,
                             const std::optional<store::Repository>& repository,
                             const std::optional<DaemonReport>& daemon, const ReportTimes& times,
                             const std::stop_token& stop) {
  Gathering gathering(server, times);
  ServerFacts facts;
  gathering.tell("how it is", [&] {
    facts = gather_facts(config, server, daemon, until_stopped(stop));
    gathering.add(facts);
  });
  if (repository)
    gathering.tell("what is stored", [&] { gathering.add_stored(repository->server(server.name)); });
  return gathering.take();
}

FleetReport gather_report(const Config& config, const std::vector<const ServerConfig*>& servers,
                          const std::optional<store::Repository>& repository, const AskedDaemon& daemon,
                          const ReportTimes& times, const Warn& warn, const std::stop_token& stop) {
  FleetReport report;
  report.now = times.now;
  report.since = times.since;
  report.version = kVersion;
  report.daemon = line_about(daemon);
  add_space(config, servers, repository, report, warn);
  for (auto& gathered : gather_all(config, servers, repository, daemon.report, times, stop)) {
    for (const auto& warning : gathered.warnings) warn(fmt::format("{}: {}", gathered.server.name, warning));
    add_repository_problems(std::move(gathered.repository_problems), report);
    report.servers.push_back(std::move(gathered.server));
  }
  if (repository && config.schedule.report.is_set()) {
    try {
      if (const auto record = read_report_record(*repository)) report.report_sent = record->sent;
    } catch (const Error& error) {
      warn(error.what());
    }
  }
  std::ranges::stable_sort(report.repository_problems, std::ranges::greater(), &Finding::severity);
  return report;
}

FleetReport report_now(const Config& config, const std::vector<const ServerConfig*>& servers,
                       std::chrono::milliseconds back, const Warn& warn, const std::stop_token& stop) {
  std::string why_no_repository;
  const auto repository = repository_of(config, why_no_repository);
  const auto daemon = ask(repository, why_no_repository);
  if (!daemon.why_unknown.empty()) warn(daemon.why_unknown);
  const auto now = io::now();
  return gather_report(config, servers, repository, daemon, {now, now - back}, warn, stop);
}

}  // namespace pgkeep::server
