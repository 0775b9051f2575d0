#include "server/health/server_facts.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <span>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/journal.h"
#include "catalog/io/user.h"
#include "catalog/verify/concerned_backups.h"
#include "catalog/verify/verification_memory.h"
#include "catalog/wal/set_aside_line.h"
#include "catalog/wal/wal_conflicts.h"
#include "server/fleet/fleet.h"
#include "server/fleet/run_facts.h"
#include "server/health/notification_record.h"
#include "server/health/report_record.h"
#include "server/health/repository_files.h"
#include "server/hooks/hooks.h"
#include "streaming/wire/replication.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kMostLinesShown = 5;

using Keys = std::initializer_list<const char*>;

/// Where `see` throws, that is a fact about what it would have told. Only Interrupted passes.
void look(ServerFacts& facts, Keys keys, const std::function<void()>& see) {
  try {
    see();
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    for (const auto* key : keys) facts.unseen.push_back({key, error.what()});
  }
}

std::string owner_of(const std::filesystem::path& path) {
  struct ::stat status {};
  return ::stat(path.c_str(), &status) == 0 ? io::user_name(status.st_uid) : "OWNER";
}

std::optional<store::Repository> look_at_repository(const Config& config,
                                                    const std::optional<DaemonReport>& daemon,
                                                    ServerFacts& facts) {
  auto& seen = facts.repository.emplace();
  seen.config_file = config.file;
  seen.root = config.repository;
  if (daemon) {
    seen.config_problem = daemon->config_problem;
    seen.configured = daemon->configured;
  }
  std::optional<store::Repository> repository;
  look(facts, {"repository"}, [&] { repository = open_repository_if_there(config); });
  if (!repository) return repository;
  seen.is_there = true;
  seen.is_writable = ::access(seen.root.c_str(), R_OK | W_OK | X_OK) == 0;
  seen.owner = owner_of(seen.root);
  look(facts, {"free_space"}, [&] { facts.space = read_space_facts(*repository); });
  look(facts, {"repository_files"}, [&] {
    seen.unusable_files = find_unusable_files(*repository, repository->server(facts.config.name));
  });
  return repository;
}

/// What could not be told to people.
void look_at_messages(const Config& config, const store::Repository& repository, ServerFacts& facts) {
  auto& seen = *facts.repository;
  if (config.schedule.report.is_set())
    look(facts, {"report_mail"}, [&] {
      seen.report.emplace();
      const auto record = read_report_record(repository);
      if (record && record->failures != 0 && record->tried)
        seen.report->push_back(
            {fmt::format("not sent since {}, {} failed, the last: {}",
                         record->sent ? io::format_time(*record->sent) : "the first was due",
                         counted(record->failures, "try"), record->error),
             *record->tried});
    });
  if (config.notify.tells_anybody())
    look(facts, {"notifications"}, [&] {
      seen.notifications.emplace();
      for (const auto& [name, receiver] : read_notification_record(repository))
        if (receiver.failures != 0 && receiver.tried)
          seen.notifications->push_back(
              {fmt::format("{}: not taken {}: {}", name, counted(receiver.failures, "time"), receiver.error),
               *receiver.tried});
    });
}

ConnectionFacts attempt(const Patience& patience, const std::function<void(ConnectionFacts&)>& connect) {
  ConnectionFacts facts;
  try {
    connect(facts);
  } catch (const Interrupted&) {
    if (patience.stop.stop_requested()) throw;
    facts.error = "the server had not answered when the time of the check was over";
    facts.lost = true;
  } catch (const Error& error) {
    facts.error = error.what();
    facts.lost = dynamic_cast<const ConnectionLost*>(&error) != nullptr;
    if (const auto* refusal = dynamic_cast<const ServerError*>(&error)) facts.sqlstate = refusal->sqlstate();
  }
  return facts;
}

void ask_for_replication(ServerFacts& facts, const Patience& patience) {
  facts.replication = attempt(patience, [&](ConnectionFacts& seen) {
    auto connection = open_physical(facts.config, patience.time_out, streamed_peer(facts.stream));
    seen.system = streaming::identify_system(connection).system;
    seen.peer = connection.peer();
  });
}

void ask_both_ways(ServerFacts& facts, const Patience& patience) {
  ask_server(facts, patience);
  // Who is not there for one is not there for the other, and may take long to tell.
  if (facts.sql && !facts.sql->lost) ask_for_replication(facts, patience);
}

/// Of a server that there was contact with.
void look_at_line(const store::ServerLayout& layout, ServerFacts& facts) {
  auto& stored = *facts.stored;
  std::optional<catalog::WalArchive> archive;
  look(facts, {"stored"}, [&] { archive.emplace(open_archive(facts.config, layout)); });
  if (!archive) return;
  look(facts, {"wal_continuous", "branches"}, [&] { stored.wal = read_wal_facts(*archive); });
  look(facts, {"lines"}, [&] { read_lines(layout, stored); });
  look(facts, {"journals"}, [&] { read_journal_damage(layout, stored); });
  look(facts, {"wal_conflicts"}, [&] { read_pushed(*archive, stored); });
  look(facts, {"jobs"}, [&] { stored.runs = read_job_runs(layout); });
}

void look_at_stored(const store::ServerLayout& layout, ServerFacts& facts) {
  auto& stored = facts.stored.emplace();
  look(facts, {"backups"}, [&] { read_backups(layout, stored); });
  look(facts, {"identity"}, [&] { stored.identity = catalog::read_identity(layout); });
  if (stored.identity) look_at_line(layout, facts);
  look(facts, {"damage"}, [&] { read_damage(layout, stored); });
  read_marks(layout, stored);
}

}  // namespace

bool ServerFacts::has_seen(std::string_view key) const {
  return std::ranges::find(unseen, key, &Unseen::key) == unseen.end();
}

std::optional<std::uint64_t> ServerFacts::lag() const {
  if (!live) {
    const bool flows = stream.source != StreamFacts::Source::past && stream.state &&
                       stream.state->phase == catalog::StreamPhase::streaming;
    return flows ? stream.state->lag_bytes() : std::nullopt;
  }
  const auto current = live->current_lsn;
  // What was reported as flushed is exact; the file's own end is only known to its last byte that is not
  // zero.
  const auto* sender = live->ours.user();
  if (stream.receiver && sender != nullptr && sender->flush_lsn && *sender->flush_lsn >= current) return 0;
  return stored && stored->wal ? wal_lag(*stored->wal, current) : std::nullopt;
}

StoredFacts read_backups_and_wal(const ServerConfig& server, const store::ServerLayout& layout) {
  StoredFacts stored;
  stored.identity = catalog::read_identity(layout);
  if (!stored.identity) return stored;
  read_backups(layout, stored);
  stored.wal = read_wal_facts(open_archive(server, layout));
  return stored;
}

void read_backups(const store::ServerLayout& layout, StoredFacts& stored) {
  const auto head = store::sound_chain_head(layout);
  auto listing = store::list_backup_records(layout);
  stored.chain = store::examine_chain(listing, store::read_deletions(layout), head);
  const auto all = listing.backups.size();
  catalog::keep_only_own(layout, listing.backups);
  stored.has_backups_aside = listing.backups.size() < all;
  stored.backups = std::move(listing.backups);
  stored.unread_backups = std::move(listing.unread);
}

void read_pushed(catalog::WalArchive& archive, StoredFacts& stored) {
  stored.wal_conflicts = catalog::WalConflicts(archive).count_open();
  stored.waiting = read_waiting_facts(archive);
}

void read_lines(const store::ServerLayout& layout, StoredFacts& stored) {
  for (const auto& line : catalog::read_set_aside_lines(layout))
    if (!line.damage.empty()) stored.damaged_lines.push_back(line.damage);
}

void read_damage(const store::ServerLayout& layout, StoredFacts& stored) {
  auto known = catalog::read_verification_memory(layout).damage();
  const auto has_gone = [&](const catalog::StoredDamage& damage) {
    const auto is_there = [&](const store::BackupId& id) { return io::is_there(layout.record(id)); };
    return !damage.backups.empty() && std::ranges::none_of(damage.backups, is_there);
  };
  std::erase_if(known, has_gone);
  if (known.empty()) return;
  std::vector<bool> concerned(known.size());
  if (!stored.backups.empty()) {
    const auto& newest = stored.backups.back();
    const postgres::TimelineHistory own(newest.end.timeline);
    const auto& line = stored.wal && stored.wal->newest ? stored.wal->newest->line() : own;
    concerned = catalog::concerns(layout, newest, line, known);
  }
  for (std::size_t i = 0; i < known.size(); ++i) stored.damage.push_back({std::move(known[i]), concerned[i]});
}

void read_marks(const store::ServerLayout& layout, StoredFacts& stored) {
  for (const auto& backup : stored.backups) {
    try {
      stored.marks.emplace(backup.id, catalog::read_retention_marks(layout, backup.id));
    } catch (const Error& error) {
      stored.unread_marks.emplace_back(error.what());
    }
  }
}

void read_journal_damage(const store::ServerLayout& layout, StoredFacts& stored) {
  std::vector journals{layout.deletions(), layout.event_journal(), layout.run_journal()};
  for (const auto& line : catalog::read_set_aside_lines(layout))
    journals.push_back(layout.of_line(line.number).event_journal());
  for (const auto& journal : journals) {
    const auto lines = io::damaged_lines(journal);
    if (lines.empty()) continue;
    const auto shown = std::span(lines).first(std::min(lines.size(), kMostLinesShown));
    const auto more = lines.size() - shown.size();
    stored.damaged_journals.push_back(fmt::format("{} {} of {}{}", lines.size() == 1 ? "line" : "lines",
                                                  fmt::join(shown, ", "), journal.native(),
                                                  more == 0 ? "" : fmt::format(", and {} more of it", more)));
  }
}

void ask_server(ServerFacts& facts, const Patience& patience) {
  if (!facts.config.active) return;
  facts.sql = attempt(patience, [&](ConnectionFacts& seen) {
    auto sql = open_sql(facts.config, patience.time_out, streamed_peer(facts.stream));
    facts.live = ask_live_facts(sql, facts.config);
    seen.peer = facts.live->peer;
    seen.system = facts.live->system;
  });
}

ServerFacts gather_facts(const Config& config, const ServerConfig& server,
                         const std::optional<DaemonReport>& daemon, const Patience& patience) {
  ServerFacts facts;
  facts.config = server;
  facts.hook_faults = faults_of_hooks(server.hooks);
  const auto repository = look_at_repository(config, daemon, facts);
  if (repository) {
    const auto layout = repository->server(server.name);
    look(facts, {"receiver"}, [&] { facts.stream = read_stream_facts(server.name, layout, daemon); });
    look_at_stored(layout, facts);
    look_at_messages(config, *repository, facts);
  }
  ask_both_ways(facts, patience);
  return facts;
}

ServerFacts gather_live_facts(const ServerConfig& server, const Patience& patience) {
  ServerFacts facts;
  facts.config = server;
  ask_both_ways(facts, patience);
  return facts;
}

}  // namespace pgkeep::server
