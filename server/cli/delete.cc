#include "server/cli/delete.h"

#include <algorithm>
#include <filesystem>
#include <functional>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/records/run_journal.h"
#include "catalog/retention/deletion.h"
#include "catalog/store/commit_chain.h"
#include "catalog/store/freed_bytes.h"
#include "catalog/store/json.h"
#include "server/fleet/backup_choice.h"
#include "server/fleet/deletion_hooks.h"
#include "server/fleet/expiry_run.h"
#include "server/fleet/fleet.h"
#include "server/fleet/marked_backup.h"
#include "server/fleet/recorded_run.h"
#include "server/fleet/stored_records.h"
#include "server/terminal/console_progress.h"

namespace pgkeep::server {
namespace {

using catalog::ExpiryMark;

struct Chosen {
  store::BackupId id;
  bool can_be_read = true;  // its record
};

/// Backups whose record cannot be read are in no list, and go by their whole id.
std::optional<store::BackupId> unread_backup(const store::ServerLayout& layout, const std::string& wanted) {
  const auto id = store::BackupId::parse(wanted);
  if (!id) return std::nullopt;
  const auto unread = store::list_backup_records(layout).unread;
  return std::ranges::find(unread, *id, &store::UnreadBackup::id) == unread.end() ? std::nullopt : id;
}

/// All of them before the first is deleted: `oldest` may mean another one afterwards.
std::vector<Chosen> choose_all(const store::ServerLayout& layout,
                               const std::vector<store::BackupRecord>& backups,
                               const std::vector<std::string>& wanted, const std::string& server) {
  std::vector<Chosen> chosen;
  for (const auto& text : wanted) {
    const auto unread = unread_backup(layout, text);
    const auto id = unread ? *unread : choose_backup(backups, text, server, lookup_in_files(layout)).id;
    if (std::ranges::find(chosen, id, &Chosen::id) == chosen.end()) chosen.push_back({id, !unread});
  }
  return chosen;
}

/// What reads backups of the server now, as the journal of runs has it: for a message.
std::string describe_readers(const store::ServerLayout& layout, const store::BackupId& id) {
  std::string readers;
  for (const auto& run : catalog::RunJournal(layout).read()) {
    const bool reads =
        run.kind == "recover" || (run.kind == "verify-backup" && run.subject == id.to_string());
    if (!reads || run.outcome != catalog::RunOutcome::running) continue;
    readers +=
        fmt::format("{}{} {} (process {}, since {})", readers.empty() ? " (running: " : ", ", run.kind,
                    run.subject, run.process.substr(0, run.process.find(' ')), io::format_time(run.started));
  }
  return readers.empty() ? readers : readers + ")";
}

std::uint64_t bytes_of(const store::ServerLayout& layout, const catalog::LineOfWal& line,
                       const catalog::NeedlessWal& wal) {
  const auto of_line = line.number ? layout.of_line(*line.number) : layout;
  std::uint64_t bytes = 0;
  for (const auto& segment : wal.segments) {
    std::error_code gone;
    const auto size = std::filesystem::file_size(of_line.archived(segment, line.held.segment_size()), gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

/// Notes that nobody looks for a missing backup any more. Nothing of it is there.
void give_up_missing(const ServerConfig& server, const store::ServerLayout& layout, std::uint64_t number,
                     Output& out) {
  const auto missing = store::examine_chain(layout).missing;
  const auto found = std::ranges::find_if(missing, [number](const store::MissingBackups& stretch) {
    return stretch.first <= number && number <= stretch.last;
  });
  if (found == missing.end()) {
    throw NotFound(
        fmt::format("no backup of {0} with number {1} is missing; `pgkeep check {0}` names those "
                    "that are",
                    server.name, number));
  }
  record_run(layout, "delete", fmt::format("number {}", number), out, [&] {
    store::note_deletion(layout, {.id = {},
                                  .sequence = number,
                                  .record_sha256 = {},
                                  .at = io::now(),
                                  .why = "it was missing, and given up by an operator"});
    return Json{{"number", number}};
  });
  out.report(fmt::format("backup number {} of {}, which was missing, is given up", number, server.name));
}

class Deletion {
 public:
  Deletion(const ServerConfig& server, const store::ServerLayout& layout, const DeleteArguments& arguments,
           const Invocation& invocation)
      : server_(&server),
        layout_(layout),
        arguments_(&arguments),
        out_(&invocation.out),
        stop_(invocation.stop),
        talk_(invocation.out) {}

  Json run() {
    backups_ = StoredRecords(*server_, layout_, *out_).backups();
    const auto chosen = choose_all(layout_, backups_, arguments_->backups, server_->name);
    auto claims = claim_all(chosen);
    for (const auto& [id, can_be_read] : chosen)
      require_not_kept(id, catalog::read_retention_marks(layout_, id));
    facts_ = read_expiry_facts(*server_, layout_, warnings_to(*out_));
    require_others(chosen);
    ask_hooks(chosen);
    auto deleted = Json::array();
    for (auto& claim : claims) {
      const auto id = claim.id();
      with_hooks(id, [&] { deleted.push_back(remove(std::move(claim))); });
    }
    for (const auto& backup : chosen)
      if (!goes_at_once(backup)) with_hooks(backup.id, [&] { deleted.push_back(mark(backup.id)); });
    return deleted;
  }

 private:
  bool goes_at_once(const Chosen& backup) const { return arguments_->now || !backup.can_be_read; }

  /// Of all that go at once, before the first is deleted, so that all or none are.
  std::vector<store::BackupClaim> claim_all(const std::vector<Chosen>& chosen) const {
    std::vector<store::BackupClaim> claims;
    for (const auto& backup : chosen) {
      if (!goes_at_once(backup)) continue;
      try {
        claims.emplace_back(layout_, backup.id);
      } catch (const Busy& busy) {
        throw Busy(fmt::format("{}{}; nothing was deleted, try again when that has ended", busy.what(),
                               describe_readers(layout_, backup.id)));
      }
    }
    return claims;
  }

  /// Marks that cannot be read may say that.
  void require_not_kept(const store::BackupId& id, const catalog::RetentionMarks& marks) const {
    if (!marks.keep || (marks.keep->until && *marks.keep->until <= io::now())) return;
    throw Refused(
        fmt::format("backup {0} of {1} is to be kept{2}; nothing was deleted. "
                    "`pgkeep release {1} {0}` leaves it to you again",
                    id.to_string(), server_->name, marks.keep->why.empty() ? "" : ": " + marks.keep->why));
  }

  void require_others(const std::vector<Chosen>& chosen) const {
    std::vector<store::BackupId> ids;
    for (const auto& backup : chosen) ids.push_back(backup.id);
    const auto why = why_they_are_needed(facts_, ids);
    if (why.empty() || arguments_->force) return;
    throw Refused(
        fmt::format("{}: {}; nothing was deleted. Take a backup first (`pgkeep backup {}`), or give --force",
                    server_->name, why, server_->name));
  }

  /// All of them before the first is deleted: who objects keeps all.
  void ask_hooks(const std::vector<Chosen>& chosen) {
    for (const auto& backup : chosen) {
      auto hooks = deletion_hooks(*server_, layout_, backup.id, arguments_->with_hooks());
      hooks.before(talk_, stop_);
      hooks_.push_back({backup.id, std::move(hooks)});
    }
  }

  void with_hooks(const store::BackupId& id, const std::function<void()>& work) {
    auto& hooks = std::ranges::find(hooks_, id, &HooksOfBackup::id)->hooks;
    hooks.watch(talk_, stop_, work);
    hooks.tell("STATUS", "done");
    hooks.after(talk_, stop_);
  }

  std::vector<catalog::ExpiryCandidate>::iterator candidate(const store::BackupId& id) {
    return std::ranges::find(facts_.candidates, id, &catalog::ExpiryCandidate::id);
  }

  std::string why(const std::string& what) const {
    return arguments_->reason.empty() ? what : fmt::format("{}: {}", what, arguments_->reason);
  }

  // ---------------------------------------------------------------------------------------- at once

  Json remove(store::BackupClaim claim) {
    const auto id = claim.id();
    catalog::ClaimedExpiry one;
    for (auto& wal : wal_needless_without(facts_, server_->retention, io::now(), id))
      one.plan.wal.push_back({.goes = std::move(wal), .waits = {}});
    one.plan.backups.push_back(
        {.id = id, .fate = catalog::Fate::goes, .reasons = {why("deleted by an operator")}, .goes_at = {}});
    one.claims.push_back(std::move(claim));
    catalog::ExpiryResult result;
    ConsoleProgress progress(*out_);
    record_run(layout_, "delete", id.to_string(), *out_, [&] {
      result = carry_out(layout_, one, facts_, io::now(), progress);
      return expiry_json(result);
    });
    progress.clear();
    for (const auto& why : result.warnings) out_->warning(why);
    if (const auto gone = candidate(id); gone != facts_.candidates.end()) facts_.candidates.erase(gone);
    out_->report(fmt::format("backup {} of {} deleted, {} freed{}", id.to_string(), server_->name,
                             io::format_bytes(result.backup_bytes + result.wal_bytes),
                             result.wal_segments == 0
                                 ? ""
                                 : fmt::format("; {} that nothing needs went with it",
                                               counted(result.wal_segments, "WAL segment"))));
    return {{"server", server_->name},
            {"id", id},
            {"removed", true},
            {"goes_at", nullptr},
            {"freed_bytes", result.backup_bytes},
            {"wal_segments", result.wal_segments},
            {"wal_bytes", result.wal_bytes}};
  }

  // ------------------------------------------------------------------------------------------ marked

  Json mark(const store::BackupId& id) {
    try {
      return write_mark(id);
    } catch (const StorageError& error) {
      if (!error.out_of_space()) throw;
      throw Error(
          fmt::format("{}; there is no room for the mark. With --now the backup is removed at once, "
                      "which needs none",
                      error.what()));
    }
  }

  Json write_mark(const store::BackupId& id) {
    bool was_deleted = false;
    catalog::RetentionMarks marks;
    record_run(layout_, "delete", id.to_string(), *out_, [&] {
      const store::BackupLease stays(layout_, id);
      marks = catalog::change_retention_marks(layout_, id, [&](catalog::RetentionMarks& now) {
        require_not_kept(id, now);
        was_deleted = now.expired && now.expired->by == ExpiryMark::By::operator_;
        if (!was_deleted) now.expired = {ExpiryMark::By::operator_, io::now(), why("deleted")};
      });
      return marks_json(marks, server_->retention.grace);
    });
    return describe_mark(id, *marks.expired, was_deleted);
  }

  Json describe_mark(const store::BackupId& id, const ExpiryMark& mark, bool was_deleted) {
    if (const auto marked = candidate(id); marked != facts_.candidates.end()) marked->expired = mark;
    std::uint64_t segments = 0;
    std::uint64_t wal_bytes = 0;
    const auto wal = wal_that_goes_with(facts_, server_->retention, io::now(), id);
    for (std::size_t line = 0; line < wal.size(); ++line) {
      segments += wal[line].segments.size();
      wal_bytes += bytes_of(layout_, facts_.lines[line], wal[line]);
    }
    if (!freed_) freed_ = store::freed_bytes(layout_, backups_);
    const auto bytes = freed_->of(id);
    const auto goes_at = mark.at + server_->retention.grace;
    out_->report(fmt::format(
        "backup {0} of {1} {2} deleted. The first `expire` from {3} on removes it{4}{5}. "
        "Until then `pgkeep undelete {1} {0}` brings it back",
        id.to_string(), server_->name, was_deleted ? "was already" : "is", io::format_time(goes_at),
        bytes ? fmt::format(" and frees {}", io::format_bytes(*bytes)) : "",
        segments == 0 ? ""
                      : fmt::format(", and {} ({}) that nothing else needs", counted(segments, "WAL segment"),
                                    io::format_bytes(wal_bytes))));
    return {{"server", server_->name},
            {"id", id},
            {"removed", false},
            {"goes_at", goes_at},
            {"freed_bytes", bytes ? Json(*bytes) : Json()},
            {"wal_segments", segments},
            {"wal_bytes", wal_bytes}};
  }

  struct HooksOfBackup {
    store::BackupId id;
    Hooks hooks;
  };

  const ServerConfig* server_;
  store::ServerLayout layout_;
  const DeleteArguments* arguments_;
  Output* out_;
  std::stop_token stop_;
  OutputTalk talk_;
  std::vector<HooksOfBackup> hooks_;
  std::vector<store::BackupRecord> backups_;  // all whose record can be read
  std::optional<store::FreedBytes> freed_;    // once it was asked for; marks change nothing of it
  catalog::ExpiryFacts facts_;
};

}  // namespace

Exit run_delete(const DeleteArguments& arguments, const Invocation& invocation) {
  if (arguments.backups.empty() && !arguments.missing)
    throw UsageError("delete: which backups? Give their ids, or --missing with a number");
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  const auto layout = fleet.layout(server);
  require_known(server, layout);
  const auto lock = io::FileLock::acquire(layout.writer_lock(), "delete");
  auto deleted = Deletion(server, layout, arguments, invocation).run();
  if (arguments.missing) {
    give_up_missing(server, layout, *arguments.missing, invocation.out);
    deleted.push_back({{"server", server.name}, {"number", *arguments.missing}});
  }
  invocation.out.data(std::move(deleted));
  return Exit::ok;
}

}  // namespace pgkeep::server
