#include "server/cli/delete.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/records/run_journal.h"
#include "catalog/retention/retention_marks.h"
#include "catalog/store/json.h"
#include "catalog/store/sweep.h"
#include "server/fleet/backup_choice.h"
#include "server/fleet/fleet.h"
#include "server/fleet/recorded_run.h"

namespace pgkeep::server {
namespace {

/// The index as far as it is free and there is room for its changes: deleting is the way out of a full disk,
/// so nothing in it may need space, or wait for who has stopped while he held the index. What is left out
/// here those who only ask pass over, and the next command that writes puts it right.
class Index {
 public:
  Index(const ServerConfig& server, const store::ServerLayout& layout, Output& out)
      : layout_(layout), out_(&out) {
    if_possible([&] { index_.emplace(open_catalog(server, layout, warnings_to(out))); });
  }

  /// Oldest first (store::is_older()); from the files when the index cannot be used.
  std::vector<store::BackupRecord> backups() {
    std::vector<store::BackupRecord> backups;
    if_possible([&] {
      if (index_) backups = index_->backups();
    });
    if (index_) return backups;
    auto listing = store::list_backup_records(layout_);
    for (const auto& backup : listing.unread) out_->warning(describe(backup));
    return std::move(listing.backups);
  }

  void remove(const store::BackupId& id) {
    if_possible([&] {
      if (index_) index_->remove_backup(id);
    });
  }

 private:
  template <typename Step>
  void if_possible(Step&& step) {
    try {
      step();
    } catch (const StorageError& error) {
      if (!error.out_of_space()) throw;
      do_without(error);
    } catch (const Busy& error) {
      do_without(error);
    }
  }

  void do_without(const Error& error) {
    index_.reset();
    out_->warning(fmt::format(
        "the index cannot be changed now; continuing without it, the next command that writes puts it right: {}",
        error.what()));
  }

  store::ServerLayout layout_;
  Output* out_;
  std::optional<catalog::ServerCatalog> index_;
};

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

/// Before the first is deleted, so that all or none are.
std::vector<store::BackupClaim> claim_all(const store::ServerLayout& layout,
                                          const std::vector<store::BackupId>& ids) {
  std::vector<store::BackupClaim> claims;
  for (const auto& id : ids) {
    try {
      claims.emplace_back(layout, id);
    } catch (const Busy& busy) {
      throw Busy(fmt::format("{}{}; nothing was deleted, try again when that has ended", busy.what(),
                             describe_readers(layout, id)));
    }
  }
  return claims;
}

/// Backups whose record cannot be read are in no list, and go by their whole id.
std::optional<store::BackupId> unread_backup(const store::ServerLayout& layout, const std::string& wanted) {
  const auto id = store::BackupId::parse(wanted);
  if (!id) return std::nullopt;
  const auto unread = store::list_backup_records(layout).unread;
  return std::ranges::find(unread, *id, &store::UnreadBackup::id) == unread.end() ? std::nullopt : id;
}

/// All of them before the first is deleted: `oldest` means another one afterwards.
std::vector<store::BackupId> choose_all(const store::ServerLayout& layout,
                                        const std::vector<store::BackupRecord>& backups,
                                        const std::vector<std::string>& wanted, const std::string& server) {
  std::vector<store::BackupId> ids;
  for (const auto& text : wanted) {
    const auto unread = unread_backup(layout, text);
    const auto id = unread ? *unread : choose_backup(backups, text, server, unread_in_files(layout)).id;
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

/// Marks that cannot be read may say that.
void require_none_kept(const ServerConfig& server, const store::ServerLayout& layout,
                       const std::vector<store::BackupId>& ids) {
  for (const auto& id : ids) {
    const auto marks = catalog::read_retention_marks(layout, id);
    if (!marks.keep || (marks.keep->until && *marks.keep->until <= io::now())) continue;
    throw Refused(
        fmt::format("backup {0} of {1} is to be kept{2}; nothing was deleted. "
                    "`pgkeep release {1} {0}` leaves it to you again",
                    id.to_string(), server.name, marks.keep->why.empty() ? "" : ": " + marks.keep->why));
  }
}

}  // namespace

Exit run_delete(const DeleteArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  const auto layout = fleet.layout(server);
  Index index(server, layout, invocation.out);
  const auto lock = io::FileLock::acquire(layout.writer_lock(), "delete");
  const auto ids = choose_all(layout, index.backups(), arguments.backups, server.name);
  const auto claims = claim_all(layout, ids);
  require_none_kept(server, layout, ids);  // which nobody changes any more
  auto deleted = Json::array();
  for (const auto& claim : claims) {
    const auto& id = claim.id();
    store::Freed freed;
    record_run(layout, "delete", id.to_string(), invocation.out, [&] {
      // The row goes before the files: the index never names what is not there.
      index.remove(id);
      freed = store::delete_backup(layout, claim);
      return Json{{"freed_bytes", freed.bytes}};
    });
    for (const auto& why : freed.packs_kept) invocation.out.warning(why);
    invocation.out.report(fmt::format("backup {} of {} deleted, {} freed", id.to_string(), server.name,
                                      io::format_bytes(freed.bytes)));
    deleted.push_back({{"server", server.name}, {"id", id}, {"freed_bytes", freed.bytes}});
  }
  invocation.out.data(std::move(deleted));
  return Exit::ok;
}

}  // namespace pgkeep::server
