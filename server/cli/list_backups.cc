#include "server/cli/list_backups.h"

#include <fmt/format.h>

#include "catalog/io/units.h"
#include "catalog/postgres/json.h"
#include "catalog/store/freed_bytes.h"
#include "catalog/store/json.h"
#include "catalog/wal/set_aside_line.h"
#include "server/fleet/backup_facts.h"
#include "server/fleet/fleet.h"
#include "server/fleet/marked_backup.h"
#include "server/fleet/stored_records.h"
#include "server/fleet/unfinished_backup.h"
#include "server/health/wal_facts.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

/// What there is of the WAL after a backup.
struct WalAfter {
  std::optional<postgres::Lsn> gap{};  // see gap_after()
  bool consistent_only = false;
};

class Listing {
 public:
  /// Of the backups that are added from here on.
  void set_freed(store::FreedBytes freed) { freed_ = std::move(freed); }

  void add(const ServerConfig& server, const store::BackupRecord& backup, std::uint64_t wal_bytes,
           const WalAfter& after, std::optional<unsigned> line, const catalog::RetentionMarks& marks) {
    const auto frees = freed_.of(backup.id);
    auto json = backup_json(backup);
    json["status"] = kDone;
    json["frees_bytes"] = frees;
    json["wal_bytes_to_next"] = wal_bytes;
    json["wal_hole_lsn"] = after.gap;
    json["consistent_only"] = after.consistent_only;
    json["line"] = line;
    json["retention"] = marks_json(marks, server.retention.grace);
    json_.push_back(std::move(json));
    table_.add({server.name, backup.id.to_string(), io::format_time(backup.ended),
                io::format_bytes(backup.data_bytes), io::format_bytes(stored_bytes(backup)),
                frees ? io::format_bytes(*frees) : "?", io::format_bytes(wal_bytes),
                Toned(all_remarks(server, backup, after, line, marks),
                      after.gap || backup.checksum_failures != 0 ? Tone::warning : Tone::plain)});
  }

  void add(const ServerConfig& server, const UnfinishedBackup& backup) {
    json_.push_back(unfinished_json(server.name, backup));
    const auto* record = backup.record ? &*backup.record : nullptr;
    table_.add({server.name, backup.id.to_string(), "", record ? io::format_bytes(record->data_bytes) : "",
                record ? io::format_bytes(stored_bytes(*record)) : "", "", "",
                fmt::format("{} (process {})", status_of(backup), backup.by.pid)});
  }

  static std::string all_remarks(const ServerConfig& server, const store::BackupRecord& backup,
                                 const WalAfter& after, std::optional<unsigned> line,
                                 const catalog::RetentionMarks& marks) {
    const auto of_backup = remarks(backup, after.gap, line, after.consistent_only);
    const auto decided = marks_remark(marks, server.retention.grace);
    return of_backup.empty() || decided.empty() ? of_backup + decided : of_backup + "; " + decided;
  }

  void finish(Output& out) {
    if (!json_.empty()) table_.print(out);
    out.data(std::move(json_));
  }

 private:
  using Align = TablePrinter::Align;
  store::FreedBytes freed_;
  TablePrinter table_{{{"SERVER"},
                       {"BACKUP"},
                       {"ENDED"},
                       {"SIZE", Align::right},
                       {"STORED", Align::right},
                       {"FREES", Align::right},
                       {"WAL", Align::right},
                       {"REMARKS"}}};
  Json json_ = Json::array();
};

std::vector<store::BackupRecord> own_of(const store::ServerLayout& layout,
                                        std::vector<store::BackupRecord> backups) {
  catalog::keep_only_own(layout, backups);
  return backups;
}

store::FreedBytes freed(const ServerConfig& server, const store::ServerLayout& layout,
                        const std::vector<store::BackupRecord>& backups, Output& out) {
  auto freed = store::freed_bytes(layout, backups);
  for (const auto& why : freed.unknown)
    out.warning(fmt::format("{}: what a deletion would free is not known: {}", server.name, why));
  return freed;
}

/// The backups of one line with what its WAL says of them.
void add_backups(const ServerConfig& server, const store::ServerLayout& layout, StoredRecords& records,
                 const std::vector<store::BackupRecord>& backups, Listing& listing, Output& out) {
  const auto archive = open_archive(server, layout);
  const auto held = catalog::HeldWal::read(archive);
  const auto wal = records.of_segments(archive, held.names(), [&](auto& segments) {
    return wal_to_next(backups, segments, held.names().segments, held.segment_size());
  });
  const auto stored = wal_facts(held, catalog::EventJournal(layout).read());
  const ShownMarks marks(layout, out);
  for (std::size_t i = 0; i < backups.size(); ++i)
    listing.add(server, backups[i], wal[i],
                {gap_after(stored, backups[i]), is_consistent_only(stored, backups[i])}, layout.line(),
                marks.of(backups[i].id));
}

void warn_of_damage(const ServerConfig& server, std::span<const catalog::SetAsideLine> lines, Output& out) {
  for (const auto& line : lines)
    if (!line.damage.empty()) out.warning(fmt::format("{}: {}", server.name, line.damage));
}

/// Those of which a damaged record of a line would tell: the WAL says nothing of them.
void add_unclear(const ServerConfig& server, const store::ServerLayout& layout,
                 std::span<const catalog::SetAsideLine> lines,
                 const std::vector<store::BackupRecord>& backups, Listing& listing, Output& out) {
  const ShownMarks marks(layout, out);
  for (const auto& backup : backups)
    if (catalog::is_unclear(lines, backup.id)) listing.add(server, backup, 0, {}, {}, marks.of(backup.id));
}

void add_all(const ServerConfig& server, const store::ServerLayout& layout, StoredRecords& records,
             Listing& listing, Output& out) {
  const auto backups = records.backups();
  listing.set_freed(freed(server, layout, backups, out));
  const auto lines = catalog::read_set_aside_lines(layout);
  warn_of_damage(server, lines, out);
  add_unclear(server, layout, lines, backups, listing, out);
  for (const auto& line : lines) {
    const auto aside = layout.of_line(line.number);
    add_backups(server, aside, records, own_of(aside, backups), listing, out);
  }
  add_backups(server, layout, records, own_of(layout, backups), listing, out);
  if (const auto unfinished = read_unfinished_backup(layout)) listing.add(server, *unfinished);
}

/// In the same order; of nothing but their records.
void print_ids(const ServerConfig& server, const store::ServerLayout& layout, StoredRecords& records,
               Output& out) {
  warn_of_damage(server, catalog::read_set_aside_lines(layout), out);
  for (const auto& backup : records.backups()) out.fact(backup.id.to_string());
}

}  // namespace

Exit run_list_backups(const ListBackupsArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto servers = choose_servers(fleet.config(), arguments.servers, false);
  const bool ids_only = arguments.minimal && !invocation.out.json();
  Listing listing;
  const auto exit = for_each_server(servers, invocation.out, [&](const ServerConfig& server) {
    const auto layout = fleet.layout(server);
    if (!is_known(layout)) return Exit::ok;
    StoredRecords records(server, layout, invocation.out);
    if (ids_only)
      print_ids(server, layout, records, invocation.out);
    else
      add_all(server, layout, records, listing, invocation.out);
    return Exit::ok;
  });
  if (!ids_only) listing.finish(invocation.out);
  return exit;
}

}  // namespace pgkeep::server
