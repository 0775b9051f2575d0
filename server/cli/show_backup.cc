#include "server/cli/show_backup.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/postgres/json.h"
#include "catalog/postgres/versions.h"
#include "catalog/retention/retention_marks.h"
#include "catalog/store/json.h"
#include "catalog/wal/set_aside_line.h"
#include "server/fleet/backup_choice.h"
#include "server/fleet/backup_facts.h"
#include "server/fleet/fleet.h"
#include "server/fleet/marked_backup.h"
#include "server/fleet/stored_records.h"
#include "server/fleet/unfinished_backup.h"
#include "server/health/wal_facts.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

/// All WAL from its start to its end is stored: without it the backup cannot become consistent.
bool has_its_wal(const catalog::WalArchive& archive, const catalog::HeldWal& held,
                 const store::BackupRecord& backup) {
  const auto history = archive.history(backup.end.timeline);
  return history && held.along(*history).covers(backup.start.lsn, backup.end.lsn);
}

void add_identity(FactPrinter& facts, const store::BackupRecord& backup) {
  facts.add("backup", backup.id.to_string());
  facts.add("server", backup.server);
  if (!backup.label.empty()) facts.add("label", backup.label);
  facts.add("began", io::format_time(backup.started));
  facts.add("ended", fmt::format("{} (after {})", io::format_time(backup.ended),
                                 io::format_duration(duration(backup))));
  facts.add("PostgreSQL", fmt::format("{}, cluster {}{}", backup.server_version, backup.system.to_string(),
                                      backup.from_standby ? ", a standby" : ""));
  if (!postgres::formats_known(backup.major_version))
    facts.add("UNCHECKED",
              postgres::why_not_known(backup.major_version) + ": WAL and pg_control were not looked into");
  facts.add("checksums", !backup.data_checksums       ? "none"
                         : !backup.checksums_verified ? "not verified"
                         : backup.checksum_failures == 0
                             ? "verified, no failure"
                             : fmt::format("{} failures", backup.checksum_failures));
}

void add_marks(FactPrinter& facts, const catalog::RetentionMarks& marks, std::chrono::milliseconds grace) {
  if (!marks.name.empty()) facts.add("name", marks.name);
  if (!marks.note.empty()) facts.add("note", marks.note);
  if (const auto& mark = marks.expired) {
    facts.add(mark->by == catalog::ExpiryMark::By::operator_ ? "deleted" : "expired",
              fmt::format("{}, goes from {} on; {}", io::format_time(mark->at),
                          io::format_time(mark->at + grace), mark->why));
  }
  if (const auto& keep = marks.keep) {
    facts.add("kept",
              fmt::format("since {}{}{}{}", io::format_time(keep->at),
                          keep->until ? ", until " + io::format_time(*keep->until) : "",
                          keep->standalone ? ", standalone" : "", keep->why.empty() ? "" : "; " + keep->why));
  }
  if (marks.damaged)
    facts.add("DAMAGED", fmt::format("{}: {}", io::format_time(marks.damaged->at), marks.damaged->why));
}

void add_cost(FactPrinter& facts, const store::BackupRecord& backup) {
  const auto& cost = backup.cost;
  facts.add("size", fmt::format("{} in {} files", io::format_bytes(backup.data_bytes), backup.file_count));
  facts.add("stored", fmt::format("{} ({} of data, {} of tables)", io::format_bytes(stored_bytes(backup)),
                                  io::format_bytes(cost.pack_bytes), io::format_bytes(cost.metadata_bytes)));
  facts.add("pieces",
            fmt::format("{} whole, {} as differences, {} as before, {} of zeroes", cost.full_objects,
                        cost.delta_objects, cost.reused_pieces, cost.zero_pieces));
  if (backup.compared_with) facts.add("compared with", backup.compared_with->to_string());
}

void add_wal(FactPrinter& facts, const store::BackupRecord& backup, bool complete, std::uint64_t wal_bytes) {
  facts.add("WAL begins", fmt::format("{} on timeline {}, in {}", backup.start.lsn.to_string(),
                                      backup.start.timeline.to_string(), first_wal(backup)));
  facts.add("WAL ends", fmt::format("{} on timeline {}, in {}", backup.end.lsn.to_string(),
                                    backup.end.timeline.to_string(), last_wal(backup)));
  facts.add("WAL needed", complete ? "all stored" : "INCOMPLETE: the backup cannot be recovered");
  facts.add("WAL to next", fmt::format("{} stored", io::format_bytes(wal_bytes)));
}

void add_lists(FactPrinter& facts, const store::BackupRecord& backup) {
  std::string tablespaces;
  for (const auto& tablespace : backup.tablespaces) {
    tablespaces += fmt::format("{}{} {} at {}", tablespaces.empty() ? "" : "\n", tablespace.oid,
                               tablespace.name, tablespace.location);
  }
  if (!tablespaces.empty()) facts.add("tablespaces", tablespaces);
  std::string outside;
  for (const auto& [name, path] : backup.configuration.outside())
    outside += fmt::format("{}{} is {}", outside.empty() ? "" : "\n", name, path);
  if (!outside.empty()) facts.add("not in it", outside);
  if (!backup.damaged_files.empty())
    facts.add("damaged", fmt::format("{}", fmt::join(backup.damaged_files, "\n")));
  std::string notices;
  for (const auto& notice : backup.notices) notices += (notices.empty() ? "" : "\n") + notice;
  if (!notices.empty()) facts.add("server said", notices);
}

void add_line(FactPrinter& facts, std::span<const catalog::SetAsideLine> lines, unsigned number) {
  const auto& line = *std::ranges::find(lines, number, &catalog::SetAsideLine::number);
  // A backup that a record names is of a line whose record can be read.
  facts.add("line", fmt::format("{}, set aside {}: {}", number, io::format_time(line.at), line.why));
}

/// What is shown of the WAL is that of the current line when it is unclear which is the backup's own.
store::ServerLayout own_layout_of(const store::ServerLayout& layout,
                                  std::span<const catalog::SetAsideLine> lines, const store::BackupId& backup,
                                  Output& out) {
  try {
    return catalog::layout_of_backup(layout, lines, backup);
  } catch (const Corruption& damage) {
    out.warning(damage.what());
    return layout;
  }
}

/// Stored bytes from the backup to the next one of its line.
std::uint64_t wal_from(const store::BackupRecord& backup, std::vector<store::BackupRecord> backups,
                       const catalog::WalArchive& of_line, const catalog::HeldWal& held,
                       StoredRecords& records) {
  catalog::keep_only_own(of_line.layout(), backups);
  const auto place = std::ranges::find(backups, backup.id, &store::BackupRecord::id);
  if (place == backups.end()) return 0;  // it is unclear which line it belongs to
  const auto bytes = records.of_segments(of_line, held.names(), [&](auto& stored) {
    return wal_to_next(backups, stored, held.names().segments, held.segment_size());
  });
  return bytes[static_cast<std::size_t>(place - backups.begin())];
}

/// The one that is being taken, when it is the one that is wanted.
std::optional<UnfinishedBackup> choose_unfinished(const store::ServerLayout& layout,
                                                  const std::string& wanted) {
  auto unfinished = read_unfinished_backup(layout);
  const bool is_wanted = unfinished && !wanted.empty() && unfinished->id.to_string().starts_with(wanted);
  return is_wanted ? std::move(unfinished) : std::nullopt;
}

void show_unfinished(const std::string& server, const UnfinishedBackup& backup, Output& out) {
  FactPrinter facts;
  facts.add("backup", backup.id.to_string());
  facts.add("status", std::string(status_of(backup)));
  facts.add("taken by", fmt::format("process {}, since {}", backup.by.pid, backup.by.since));
  if (backup.record) add_cost(facts, *backup.record);
  facts.print(out);
  out.data(unfinished_json(server, backup));
}

}  // namespace

Exit run_show_backup(const OneBackup& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto& server = fleet.server(arguments.server);
  const auto layout = fleet.layout(server);
  if (const auto unfinished = choose_unfinished(layout, arguments.backup)) {
    show_unfinished(server.name, *unfinished, invocation.out);
    return Exit::ok;
  }
  StoredRecords records(server, layout, invocation.out);
  const auto backups = records.backups();
  const auto& backup = choose_backup(backups, arguments.backup, server.name, lookup_in_files(layout));
  const auto lines = catalog::read_set_aside_lines(layout);
  const auto own_layout = own_layout_of(layout, lines, backup.id, invocation.out);
  const auto archive = open_archive(server, own_layout);
  const auto held = catalog::HeldWal::read(archive);
  const auto wal_bytes = wal_from(backup, backups, archive, held, records);
  const auto marks = ShownMarks(layout, invocation.out).of(backup.id);
  const bool complete = has_its_wal(archive, held, backup);
  const auto wal = wal_facts(held, catalog::EventJournal(own_layout).read());
  const auto gap = gap_after(wal, backup);
  const bool consistent_only = is_consistent_only(wal, backup);

  FactPrinter facts;
  add_identity(facts, backup);
  add_marks(facts, marks, server.retention.grace);
  if (own_layout.line()) add_line(facts, lines, *own_layout.line());
  add_cost(facts, backup);
  add_wal(facts, backup, complete, wal_bytes);
  if (gap)
    facts.add("WAL after it", fmt::format("ends at {} (gap): no recovery comes farther", gap->to_string()));
  if (consistent_only)
    facts.add("WAL after it", fmt::format("let go by the retention policy: it is consistent only, at {}",
                                          backup.end.lsn.to_string()));
  add_lists(facts, backup);
  facts.print(invocation.out);

  auto json = backup_json(backup);
  json["status"] = kDone;
  json["wal_complete"] = complete;
  json["line"] = own_layout.line();
  json["retention"] = marks_json(marks, server.retention.grace);
  json["wal_bytes_to_next"] = wal_bytes;
  json["wal_hole_lsn"] = gap;
  json["consistent_only"] = consistent_only;
  invocation.out.data(std::move(json));
  return Exit::ok;
}

}  // namespace pgkeep::server
